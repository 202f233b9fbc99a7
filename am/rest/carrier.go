package rest

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
)

// carrier decides how a session token is sent to AM: in a header with the name of the session cookie, or as that
// cookie. AM accepts both, but may refuse a request that has both (OpenAM 16.0.5 measured), so a request has only one
// of them.
//
// Some proxies drop one or the other. nginx drops headers whose names contain characters other than letters, digits and
// hyphens (ngx_http_core_module, underscores_in_headers), so a token with a name such as corpSSO_prod is sent as a
// cookie first.
type carrier struct {
	second  atomic.Bool // only the second form reaches AM
	arrived atomic.Bool // AM has accepted a token
}

func (c *carrier) usesCookie(name string) bool { return isDroppedAsHeader(name) != c.second.Load() }

func isDroppedAsHeader(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// carry sends a request with a credential. Until AM has accepted a token, a refusal can mean that the token was dropped
// on the way, so carry tries the other form: a request that is refused had no effect.
func (c *Client) carry(ctx context.Context, r call, payload []byte, contentType string, used *credential) (*answer, error) {
	sent := *used
	sent.cookie = used.isToken() && c.carrier.usesCookie(used.header)
	a, err := c.attempt(ctx, r, payload, contentType, &sent)
	switch {
	case err == nil:
		c.carrier.arrived.Store(true)
		return a, nil
	case !used.isToken() || c.carrier.arrived.Load() || !refused(err):
		return nil, err
	}
	sent.cookie = !sent.cookie
	a, second := c.attempt(ctx, r, payload, contentType, &sent)
	if refused(second) {
		return nil, err
	}
	if second == nil {
		c.log.Debug("the token did not arrive in this form, but in the other", "cookie", sent.cookie)
		c.carrier.second.Store(sent.cookie != isDroppedAsHeader(used.header))
		c.carrier.arrived.Store(true)
	}
	return a, second
}

// refused reports whether AM did not accept the token, or treated the caller as anonymous (403 for serverinfo/version).
func refused(err error) bool {
	return hasStatus(err, http.StatusUnauthorized) || hasStatus(err, http.StatusForbidden)
}
