package simulator

import (
	"net/http"
	"strings"
)

// credentials are the credentials in a request.
type credentials struct {
	cookie    string
	hasCookie bool
	header    string
	hasHeader bool
	bearer    string
}

// A caller is the account that the credentials belong to.
type caller struct {
	session *session // nil for a bearer token
	admin   bool
	bearer  bool
}

// readCredentials reads the session cookie, whose name is case-insensitive, and the header of the same name.
//
// Measured on OpenAM 16.0.5: the cookie takes precedence over the header, the first of two cookies counts, and a cookie
// may be quoted but a header may not.
func readCredentials(r *http.Request, name string) credentials {
	c := credentials{header: strings.TrimSpace(r.Header.Get(name)), hasHeader: r.Header.Values(name) != nil}
	c.bearer, _ = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	for _, line := range r.Header.Values("Cookie") {
		for pair := range strings.SplitSeq(line, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if strings.EqualFold(key, name) && !c.hasCookie {
				c.cookie, c.hasCookie = strings.Trim(value, `"`), true
			}
		}
	}
	return c
}

// token returns the session token that identifies the caller.
func (c credentials) token() string {
	if c.hasCookie {
		return c.cookie
	}
	return c.header
}

// identify finds the caller, and marks its session as used.
func (x *exchange) identify() error {
	if x.profile.cloud && x.creds.bearer != "" {
		scopes, ok := x.bearers.find(x.creds.bearer, x.now)
		if !ok {
			return errNoSession
		}
		x.caller = caller{admin: scopes.has("fr:am:*"), bearer: true}
		return nil
	}
	token := x.creds.token()
	if token == "" {
		return errNoSession
	}
	s, err := x.store.find(token, x.now)
	if err != nil {
		return err
	}
	if s == nil {
		return errNoSession
	}
	s.touch(x.now, false)
	x.caller = caller{session: s, admin: s.who.admin}
	return nil
}
