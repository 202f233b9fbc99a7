package rest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// stickiness is the cookies by which balancers find the same server again, whatever they are called: amlbcookie is AM's own
// name for its cookie, which administrators change (com.iplanet.am.lbcookie.name).
//
// It is not a cookie jar: it keeps nothing that can be a credential, because a Cookie header beats the session header in AM.
type stickiness struct {
	mu      sync.Mutex
	cookies []*http.Cookie
}

// maxSticky is how many bytes the kept cookies may take of the 8,192 that Tomcat allows to all headers.
const maxSticky = 1024

var (
	// credentialCookies are those of AM that sign in, beside the session cookie: of a sign-in under way, and of persistent
	// logins (PingAM 8, Authentication node reference; OpenAM's Persistent Cookie module).
	credentialCookies = []string{"AMAuthCookie", "session-jwt", "DProPCookie"}

	// tokenForm is how session tokens of AM, and JWTs, look.
	tokenForm = regexp.MustCompile(`^"?(AQIC5|\*AAJTS|eyJ)|\*AAJTS`)
)

// allows reports whether a cookie may be sent back: whatever is set but what can be a credential.
func (s *stickiness) allows(cookie *http.Cookie, sessionCookies ...string) bool {
	named := func(name string) bool { return strings.EqualFold(cookie.Name, name) }
	return cookie.Value != "" && !slices.ContainsFunc(sessionCookies, named) && !slices.ContainsFunc(credentialCookies, named) && !tokenForm.MatchString(cookie.Value)
}

// keep takes over what an answer sets and takes back.
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

// header is the Cookie header with the token, if there is one, in front: of two cookies of a name the first counts.
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
