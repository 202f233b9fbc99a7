package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// place is where a request carries the token of the session that it concerns.
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
	properties string // the version at which to send the two property actions, if it differs
	query      bool   // can list sessions by filter, and has getSessionInfo
	// validate: can validate a token without resetting the idle time. Below 4.0, AM may reset it in spite of
	// refresh=false (OPENAM-12436; it is not known which release fixed that).
	validate  bool
	resetIdle bool // has getSessionInfoAndResetIdleTime
	named     bool // used only if the configuration names it
}

// apis lists the resource versions of sessions, newest first. The version also decides where the token goes: OpenAM at
// 2.0 ignores a token in the body and acts on the caller's session instead.
//
// 5.1, 5.0 and 2.1 are used only if configured: the documentation shows only logoutByUser at 5.1 and nothing at 5.0 (AM
// 7.2), and servers that support 2.1 also support a later version.
//
// Sources: PingAM 8.1, Manage sessions over REST; Amster entity references 7.2 to 8.1, Sessions; ForgeRock knowledge
// base a28446787; AM's own consoles (2.1); OpenAM 16.0.5 measured (1.2, 2.0).
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

// logoutByUserVersion is the only version at which the documentation shows logoutByUser (PingAM 8.1 Amster reference,
// Sessions).
const logoutByUserVersion = "5.1"

// APIs returns the resource versions of sessions that can be configured, newest first.
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

// API returns the resource version of sessions that the client uses with this server.
func (c *Client) API(ctx context.Context) (string, error) {
	a, err := c.negotiate(ctx)
	return a.version, err
}

// TryAPI checks that the server supports the version. Only a configured version can be missing, because it has not been
// negotiated.
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

// negotiate finds, once, the newest version that the server supports. AM answers 404 for a version that it lacks
// (OpenAM measured).
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

// unserved explains the error of a request at a version of sessions. A 404 means that the realm does not exist, unless
// the server lacks the version, which can happen if it was configured and not negotiated.
func (c *Client) unserved(ctx context.Context, version string, err error) error {
	if version != c.config.API || !IsNotFound(err) || !IsNotFound(c.send(ctx, c.probe(version), nil)) {
		return err
	}
	return fmt.Errorf("%s does not serve version %s of sessions: do not set api (AM_API), or set it to a version that the server has", c.base, version)
}

// probe returns a request that has no effect, for testing a version. It asks about the caller's own session: it names
// no token, which every version understands as the caller's. A bearer token has no session, so for it the request lists
// the sessions of a user that does not exist.
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

// settled reports whether an error proves that the server supports the version: the request was refused for a reason
// other than the version or the credentials. 1.2 has no getSessionInfo (501).
func settled(err error) bool {
	return hasStatus(err, http.StatusBadRequest) || hasStatus(err, http.StatusForbidden) || hasStatus(err, http.StatusNotImplemented)
}

// UnsupportedError means that the server's version lacks an action. It contains what to use instead.
type UnsupportedError struct {
	Action     string
	Version    string // the server's resource version of sessions
	Workaround string
}

func (e *UnsupportedError) Error() string { return e.What() + ": " + e.Workaround }

// What returns the message without the workaround.
func (e *UnsupportedError) What() string {
	return fmt.Sprintf("this AM (sessions %s) has no %s", e.Version, e.Action)
}
