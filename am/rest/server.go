package rest

import (
	"context"
	"net/http"
	"strings"
)

// ServerInfo is what AM reports without a login.
type ServerInfo struct {
	CookieName   string   `json:"cookieName"`
	SecureCookie bool     `json:"secureCookie"`
	Realm        string   `json:"realm"`
	Domains      []string `json:"domains"`
}

// ServerInfo requests serverinfo/*, which needs no login. It fails if the server is not AM.
func (c *Client) ServerInfo(ctx context.Context) (*ServerInfo, error) {
	var reply ServerInfo
	err := c.send(ctx, call{
		what: "looking for AM", method: http.MethodGet, path: "/json/serverinfo/*", version: "1.1", safe: true, anonymous: true,
		hints: map[int]string{http.StatusNotFound: "no AM found there: base_url must include AM's context path (…/openam or …/am)"},
	}, &reply)
	return &reply, err
}

// ServerVersion is the product's release.
type ServerVersion struct {
	Version     string `json:"version"`
	FullVersion string `json:"fullVersion"` // AM and PingAM
	Revision    string `json:"revision"`
	Date        string `json:"date"`
}

// Product returns the server's name for itself. OpenAM reports none, and is recognized by that.
func (v *ServerVersion) Product() string {
	name, _, found := strings.Cut(v.FullVersion, " "+v.Version)
	if !found {
		return "OpenAM"
	}
	return name
}

// ServerVersion requests serverinfo/version. Needs an administrator.
func (c *Client) ServerVersion(ctx context.Context) (*ServerVersion, error) {
	var reply ServerVersion
	err := c.send(ctx, call{what: "the version query", method: http.MethodGet, path: "/json/serverinfo/version", version: "1.0", safe: true}, &reply)
	return &reply, err
}
