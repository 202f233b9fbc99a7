package rest

import (
	"context"
	"net/http"
)

// ListCap returns the maximum number of sessions that AM lists: search.maxSessionListSize of the global session
// service, 120 by default. Needs an administrator of the deployment.
func (c *Client) ListCap(ctx context.Context) (int, error) {
	var reply struct {
		Search struct {
			MaxSessionListSize int `json:"maxSessionListSize"`
		} `json:"search"`
	}
	err := c.send(ctx, call{
		what: "reading the list cap", method: http.MethodGet, path: "/json/global-config/services/session", version: "1.0", safe: true,
	}, &reply)
	return reply.Search.MaxSessionListSize, err
}

// SessionQuota returns the maximum number of sessions of a user, or 0 if AM does not enforce quotas. A realm can have a
// different quota. Needs an administrator of the deployment.
//
// Source: PingAM 8, Session quotas; OpenAM 16.0.5 measured.
func (c *Client) SessionQuota(ctx context.Context) (int, error) {
	var reply struct {
		Quotas struct {
			Enforced string `json:"iplanet-am-session-enable-session-constraint"`
		} `json:"quotas"`
		Dynamic struct {
			Limit int `json:"quotaLimit"`
		} `json:"dynamic"`
	}
	err := c.send(ctx, call{
		what: "reading the session quota", method: http.MethodGet, path: "/json/global-config/services/session", version: "1.0", safe: true,
	}, &reply)
	if reply.Quotas.Enforced != "ON" {
		return 0, err
	}
	return reply.Dynamic.Limit, err
}

// SessionService contains a realm's session limits. A limit that the realm does not set is nil.
type SessionService struct {
	MaxSessionMinutes *int `json:"maxSessionTime"`
	MaxIdleMinutes    *int `json:"maxIdleTime"`
	MaxCachingMinutes *int `json:"maxCachingTime"`
	QuotaLimit        *int `json:"quotaLimit"` // sessions per user, if quotas are on
}

// SessionService reads a realm's session limits. It returns nil if the service has not been added to the realm, which
// then has the SessionDefaults, or if the realm does not exist. Source: ForgeRock knowledge base a28446787; OpenAM
// 16.0.5 measured.
func (c *Client) SessionService(ctx context.Context, realm string) (*SessionService, error) {
	service, err := c.sessionService(ctx, realm, http.MethodGet, "")
	if IsNotFound(err) {
		return nil, nil
	}
	return service, err
}

// SessionDefaults returns the limits of a realm without its own session service: those of the global service, as AM
// offers them for a new service of the realm. It answers 404 if the realm does not exist.
//
// Source: AM's admin console, which fills in its forms with them; OpenAM 16.0.5 measured.
func (c *Client) SessionDefaults(ctx context.Context, realm string) (*SessionService, error) {
	return c.sessionService(ctx, realm, http.MethodPost, "template")
}

func (c *Client) sessionService(ctx context.Context, realm, method, action string) (*SessionService, error) {
	var reply struct {
		Dynamic SessionService `json:"dynamic"`
	}
	r := call{
		what: "reading the session service of realm " + realmName(realm), method: method,
		path: realmPath(realm) + "/realm-config/services/session", version: "1.0", safe: true,
	}
	if action != "" {
		r.query, r.body = param("_action", action), struct{}{}
	}
	err := c.send(ctx, r, &reply)
	return &reply.Dynamic, err
}

// ClientSideSessions reports whether the realm uses client-side sessions, which exist only in tokens, so that AM can
// neither list nor end them. It returns nil if AM does not report the setting, and a 404 if the realm does not exist.
//
// Source: OpenAM 16.0.5 measured; scripts that set up PingAM use the same name.
func (c *Client) ClientSideSessions(ctx context.Context, realm string) (*bool, error) {
	var reply struct {
		General struct {
			StatelessSessionsEnabled *bool `json:"statelessSessionsEnabled"`
		} `json:"general"`
	}
	err := c.send(ctx, call{
		what: "reading the authentication settings of realm " + realmName(realm), method: http.MethodGet,
		path: realmPath(realm) + "/realm-config/authentication", version: "1.0", safe: true,
	}, &reply)
	return reply.General.StatelessSessionsEnabled, err
}

// QueryProperties returns the session properties that a realm returns for queries. It returns none if the Session
// Property Whitelist names none for queries, as in OpenAM and in a new realm, or if the realm has no whitelist.
//
// Source: PingAM 8.1, Entity reference, SessionPropertyWhiteList.
func (c *Client) QueryProperties(ctx context.Context, realm string) ([]string, error) {
	var reply struct {
		InQueries []string `json:"whitelistedQueryProperties"`
	}
	err := c.send(ctx, call{
		what: "reading the Session Property Whitelist of realm " + realmName(realm), method: http.MethodGet,
		path: realmPath(realm) + "/realm-config/services/amSessionPropertyWhitelist", version: "1.0", safe: true,
	}, &reply)
	if IsNotFound(err) {
		return nil, nil
	}
	return reply.InQueries, err
}
