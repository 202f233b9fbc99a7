package rest

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
)

// carrier is how a session token reaches AM: in a header with the name of the session cookie, or as that cookie. AM takes
// both, and a request that has both may be refused (OpenAM 16.0.5 measured), so that a request has one.
//
// Proxies drop some of either. nginx drops headers whose names have other characters than letters, digits and hyphens
// (ngx_http_core_module, underscores_in_headers), so that a name such as corpSSO_prod goes as a cookie first.
type carrier struct {
	second  atomic.Bool // the second choice is what arrives
	arrived atomic.Bool // AM has taken a token
}

func (c *carrier) usesCookie(name string) bool { return isDroppedAsHeader(name) != c.second.Load() }

func isDroppedAsHeader(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// carry makes an attempt with a credential. Until AM has taken one, a refusal can mean that the token was dropped on its
// way, and the other way is tried: a request that is refused has not been acted upon.
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

// refused reports whether AM did not take the token, or took the caller for nobody (403 for serverinfo/version).
func refused(err error) bool {
	return hasStatus(err, http.StatusUnauthorized) || hasStatus(err, http.StatusForbidden)
}
