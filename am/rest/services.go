package rest

import (
	"context"
	"net/http"
)

// ListCap is how many sessions AM lists at the most: search.maxSessionListSize of the global session service, 120
// unless raised. Needs an administrator of the deployment.
func (c *Client) ListCap(ctx context.Context) (int, error) {
	var reply struct {
		Search struct {
			MaxSessionListSize int `json:"maxSessionListSize"`
		} `json:"search"`
	}
	err := c.send(ctx, call{
		what: "the read of the list cap", method: http.MethodGet, path: "/json/global-config/services/session", version: "1.0", safe: true,
	}, &reply)
	return reply.Search.MaxSessionListSize, err
}

// SessionService is a realm's session limits. A value that the realm does not set is nil.
type SessionService struct {
	MaxSessionMinutes *int `json:"maxSessionTime"`
	MaxIdleMinutes    *int `json:"maxIdleTime"`
	MaxCachingMinutes *int `json:"maxCachingTime"`
	QuotaLimit        *int `json:"quotaLimit"` // sessions a user, where quotas are on
}

// SessionService reads a realm's session limits: nil where the service has not been added to the realm, which then
// has the global defaults. Source: ForgeRock knowledge base a28446787; OpenAM 16.0.5 measured.
func (c *Client) SessionService(ctx context.Context, realm string) (*SessionService, error) {
	var reply struct {
		Dynamic SessionService `json:"dynamic"`
	}
	err := c.send(ctx, call{
		what: "the read of the session service of realm " + realmName(realm), method: http.MethodGet,
		path: realmPath(realm) + "/realm-config/services/session", version: "1.0", safe: true,
	}, &reply)
	if IsNotFound(err) {
		return nil, nil
	}
	return &reply.Dynamic, err
}
