package rest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// stickiness keeps the cookies with which balancers route a client to the same server, whatever they are called:
// amlbcookie is only AM's default (com.iplanet.am.lbcookie.name).
//
// It is not a cookie jar: it keeps no cookie that may be a credential, because in AM a Cookie header takes precedence
// over the header with the token.
type stickiness struct {
	mu      sync.Mutex
	cookies []*http.Cookie
}

// maxSticky is the maximum total length of the kept cookies. Tomcat allows 8,192 bytes for all headers.
const maxSticky = 1024

var (
	// credentialCookies are AM's cookies that sign in, besides the session cookie: those of a sign-in in progress, and
	// of persistent logins (PingAM 8, Authentication node reference; OpenAM's Persistent Cookie module).
	credentialCookies = []string{"AMAuthCookie", "session-jwt", "DProPCookie"}

	// tokenForm matches session tokens of AM, and JWTs.
	tokenForm = regexp.MustCompile(`^"?(AQIC5|\*AAJTS|eyJ)|\*AAJTS`)
)

// allows reports whether a cookie may be sent back: any cookie that cannot be a credential.
func (s *stickiness) allows(cookie *http.Cookie, sessionCookies ...string) bool {
	named := func(name string) bool { return strings.EqualFold(cookie.Name, name) }
	return cookie.Value != "" && !slices.ContainsFunc(sessionCookies, named) && !slices.ContainsFunc(credentialCookies, named) && !tokenForm.MatchString(cookie.Value)
}

// keep applies the cookies that an answer sets and deletes.
func (s *stickiness) keep(set []*http.Cookie, sessionCookies ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cookie := range set {
		s.cookies = slices.DeleteFunc(s.cookies, func(c *http.Cookie) bool { return c.Name == cookie.Name })
		if ended := cookie.MaxAge < 0 || !cookie.Expires.IsZero() && cookie.Expires.Before(time.Now()); ended || !s.allows(cookie, sessionCookies...) {
			continue
		}
		if len(s.text())+len(cookie.Name)+len(cookie.Value) < maxSticky {
			s.cookies = append(s.cookies, cookie)
		}
	}
}

// header returns the Cookie header. The token, if there is one, comes first: of two cookies with the same name, the
// first counts.
func (s *stickiness) header(token string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Trim(token+"; "+s.text(), "; ")
}

func (s *stickiness) text() string {
	pairs := make([]string, len(s.cookies))
	for i, cookie := range s.cookies {
		pairs[i] = cookie.Name + "=" + cookie.Value
	}
	return strings.Join(pairs, "; ")
}
