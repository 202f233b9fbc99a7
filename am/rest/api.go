package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// place is where a request carries the token of the session that it is about.
type place int

const (
	inBody place = iota
	inURL
	inPath
)

// api is one resource version of the sessions endpoint.
type api struct {
	version    string
	token      place
	properties string // the version that the two property actions want, if it is another
	query      bool   // lists sessions by filter, and has getSessionInfo
	validate   bool   // without resetting the idle time: below 4.0 it may, whatever refresh=false says (OPENAM-12436, whose fixing release is not known)
	resetIdle  bool   // has getSessionInfoAndResetIdleTime
	named      bool   // used only if the configuration names it
}

// apis are the resource versions of sessions, newest first. Where the token goes and the version are one decision:
// OpenAM at 2.0 ignores a token in the body and acts on the caller instead.
//
// 5.1, 5.0 and 2.1 are not tried: of 5.1 documents show logoutByUser alone, of 5.0 nothing but the number (AM 7.2), and
// servers that have 2.1 have a later one as well.
//
// Sources: PingAM 8.1, Manage sessions over REST; Amster entity references 7.2 to 8.1, Sessions; ForgeRock knowledge base
// a28446787; AM's own consoles (2.1); OpenAM 16.0.5 measured (1.2, 2.0).
var apis = []api{
	{version: "5.1", token: inBody, properties: "3.1", query: true, validate: true, resetIdle: true, named: true},
	{version: "5.0", token: inBody, properties: "3.1", query: true, validate: true, resetIdle: true, named: true},
	{version: "4.0", token: inBody, properties: "3.1", query: true, validate: true, resetIdle: true},
	{version: "3.1", token: inBody, query: true},
	{version: "3.0", token: inBody, query: true},
	{version: "2.1", token: inURL, query: true, named: true},
	{version: "2.0", token: inURL, query: true},
	{version: "1.2", token: inPath},
}

// logoutByUserVersion is the only version that documents show for logoutByUser (PingAM 8.1 Amster reference, Sessions).
const logoutByUserVersion = "5.1"

// APIs are the resource versions of sessions that a configuration may name, newest first.
func APIs() (versions []string) {
	for _, a := range apis {
		versions = append(versions, a.version)
	}
	return versions
}

func apiOf(version string) (api, error) {
	i := slices.IndexFunc(apis, func(a api) bool { return a.version == version })
	if i < 0 {
		return api{}, fmt.Errorf("api %q is not a known resource version of sessions: must be one of %s", version, strings.Join(APIs(), ", "))
	}
	return apis[i], nil
}

// API is the resource version of sessions that the server and the client have settled on.
func (c *Client) API(ctx context.Context) (string, error) {
	a, err := c.negotiate(ctx)
	return a.version, err
}

// TryAPI asks whether the server has the version that is settled on: one that is configured has not been tried.
func (c *Client) TryAPI(ctx context.Context) error {
	a, err := c.negotiate(ctx)
	if err != nil {
		return err
	}
	if err := c.send(ctx, c.probe(a.version), nil); err != nil && !settled(err) {
		return err
	}
	return nil
}

// negotiate finds, once, the newest version that the server has. AM answers 404 for a version that it lacks (OpenAM
// measured).
func (c *Client) negotiate(ctx context.Context) (api, error) {
	return c.api.get(ctx, func() (api, error) {
		if c.config.API != "" {
			return apiOf(c.config.API)
		}
		for _, a := range apis {
			if a.named {
				continue
			}
			err := c.send(ctx, c.probe(a.version), nil)
			switch {
			case IsNotFound(err):
				c.log.Debug("resource version not served", "resource", "sessions", "version", a.version)
			case err == nil || settled(err):
				c.log.Debug("resource version settled", "resource", "sessions", "version", a.version)
				return a, nil
			default:
				return api{}, err
			}
		}
		return api{}, fmt.Errorf("%s does not serve sessions at any version that amsql knows: %s", c.base, wrongContextPath)
	})
}

// unserved is the error of a request at a version of sessions. If that is 404, the realm is missing, unless the version is: a
// configured one has not been tried.
func (c *Client) unserved(ctx context.Context, version string, err error) error {
	if version != c.config.API || !IsNotFound(err) || !IsNotFound(c.send(ctx, c.probe(version), nil)) {
		return err
	}
	return fmt.Errorf("%s does not serve version %s of sessions: do not set api (AM_API), or set it to a version that the server has", c.base, version)
}

// probe is a harmless request at a version. It asks about the caller's own session, naming no token, which every version
// takes for the caller's; or, for a bearer token, which has no session, lists those of a user that does not exist.
func (c *Client) probe(version string) call {
	r := call{what: "the version negotiation", path: sessionsPath(c.config.Realm), version: version, safe: true}
	if c.config.Credentials.bearer() {
		nobody := crest.And(crest.Eq(FieldRealm, realmName(c.config.Realm)), crest.Eq(FieldUsername, "amsql-probe"))
		r.method, r.query = http.MethodGet, param("_queryFilter", nobody.String())
		return r
	}
	r.method, r.query, r.body = http.MethodPost, param("_action", getSessionInfo.name), struct{}{}
	return r
}

// settled reports whether an error shows that the server has the version: it was refused for another reason than the
// version or the credentials. 1.2 has no getSessionInfo (501).
func settled(err error) bool {
	return hasStatus(err, http.StatusBadRequest) || hasStatus(err, http.StatusForbidden) || hasStatus(err, http.StatusNotImplemented)
}

// UnsupportedError says that the server's version lacks an action, and what to use instead.
type UnsupportedError struct {
	Action     string
	Version    string // the server's resource version of sessions
	Workaround string
}

func (e *UnsupportedError) Error() string { return e.What() + ": " + e.Workaround }

// What is the error without its workaround.
func (e *UnsupportedError) What() string {
	return fmt.Sprintf("this AM (sessions %s) has no %s", e.Version, e.Action)
}
