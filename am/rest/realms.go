package rest

import (
	"context"
	"iter"
	"net/http"
	"strings"
)

// Realm is a realm as described by AM's configuration.
type Realm struct {
	ID         string   `json:"_id"`
	Name       string   `json:"name"`
	ParentPath string   `json:"parentPath"` // "" for the root
	Active     bool     `json:"active"`
	Aliases    []string `json:"aliases"`
}

// Path returns the full path of the realm: /, /alpha, /alpha/nested.
func (r *Realm) Path() string {
	if r.ParentPath == "" {
		return "/"
	}
	return strings.TrimSuffix(r.ParentPath, "/") + "/" + r.Name
}

// Realms lists all realms, including nested and inactive ones. Needs an administrator. Advanced Identity Cloud leaves
// out the root. Source: OpenAM 16.0.5 measured; recordings of AM 8.0 and Advanced Identity Cloud agree.
func (c *Client) Realms(ctx context.Context) iter.Seq2[*Realm, error] {
	return func(yield func(*Realm, error) bool) {
		answer, err := c.exchange(ctx, call{
			what: "the realm list", method: http.MethodGet, path: "/json/global-config/realms", version: "1.0", safe: true,
			query: param("_queryFilter", "true"),
		})
		if err != nil {
			yield(nil, err)
			return
		}
		defer answer.Close()
		streamResult(answer, yield)
	}
}

// RealmURL returns the address of a realm's resources.
func (c *Client) RealmURL(realm string) string { return c.base + realmPath(realm) }
