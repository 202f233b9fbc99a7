package rest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// action is one POST to the sessions endpoint.
type action struct {
	name       string
	safe       bool   // can be sent twice without harm
	version    string // the version to send it at, if not the negotiated one
	workaround string // what to use if the server lacks the action
	refused    string // what a 400 means, because AM does not explain it
	has        func(api) bool
}

// sinceAM5 is the workaround for old servers. It names both families of OpenAM, because the numbers of their releases
// overlap.
const sinceAM5 = "AM 5 and later have it, and OpenAM of the Open Identity Platform 14 and later; OpenAM 13 and earlier and the OpenAM of openam-jp do not"

var (
	getSessionInfo      = action{name: "getSessionInfo", safe: true, has: func(a api) bool { return a.query }, workaround: sinceAM5}
	getAndResetIdleTime = action{name: "getSessionInfoAndResetIdleTime", has: func(a api) bool { return a.resetIdle }, workaround: "use refresh"}
	validate            = action{name: "validate", safe: true, has: func(a api) bool { return a.validate }, workaround: "use getSessionInfo, whose answer has valid"}
	refresh             = action{name: "refresh", has: func(a api) bool { return a.query }, workaround: sinceAM5}
	logout              = action{name: "logout", has: func(api) bool { return true }}
	logoutByHandle      = action{name: "logoutByHandle", has: func(a api) bool { return a.query }, workaround: "use logout with each token"}
	logoutByUser        = action{name: "logoutByUser", version: logoutByUserVersion, has: func(a api) bool { return a.token == inBody }, workaround: "list the user's sessions and use logoutByHandle"}
	getProperties       = action{name: "getSessionProperties", safe: true, has: func(a api) bool { return a.query }, workaround: sinceAM5, refused: "the session has ended, or this is not a session token"}
	getProperty         = action{name: "getProperty", safe: true, has: func(a api) bool { return a.token == inPath }}
	updateProperties    = action{name: "updateSessionProperties", has: func(a api) bool { return a.query }, workaround: sinceAM5, refused: "the session has ended, or is client-side: its properties can be set only during the login"}
)

// actions lists all actions that take a resource version.
var actions = []*action{
	&getSessionInfo, &getAndResetIdleTime, &validate, &refresh, &logout, &logoutByHandle, &logoutByUser, &getProperties, &updateProperties,
}

// Versions returns the resource versions of sessions, newest first, at which the client sends an action. The action
// "query" is the list of sessions.
func Versions(name string) (versions []string) {
	what := action{name: name, has: func(a api) bool { return name == "query" && a.query }}
	if i := slices.IndexFunc(actions, func(a *action) bool { return a.name == name }); i >= 0 {
		what = *actions[i]
	}
	for _, a := range apis {
		if version := what.versionFor(a); what.has(a) && !slices.Contains(versions, version) {
			versions = append(versions, version)
		}
	}
	return versions
}

// SessionInfo is what AM reports about a token.
type SessionInfo struct {
	Valid bool // false if the token is not valid, or no longer valid
	Session
}

// SessionInfo asks about the session of a token, or about the caller's own session if token is "". This does not reset
// the idle time of another session, but it always resets that of the caller's own. At 4.0 the answer contains no
// handle, at 2.0 it does.
//
// An invalid token is an answer, not an error. Source: PingAM 8.1, Manage sessions over REST, "Get information about
// sessions"; OpenAM 16.0.5 measured.
func (c *Client) SessionInfo(ctx context.Context, token string) (*SessionInfo, error) {
	info, err := c.sessionInfo(ctx, getSessionInfo, token)
	if token != "" && hasStatus(err, http.StatusInternalServerError) && c.failsAlone(ctx, token) {
		return &SessionInfo{}, nil
	}
	return info, err
}

// failsAlone reports whether the server fails again for this token, but answers another request. OpenAM answers a token
// whose second half it cannot parse with an empty 500, just as it does when it has problems of its own (measured).
func (c *Client) failsAlone(ctx context.Context, token string) bool {
	a, err := c.negotiate(ctx)
	if err != nil || c.send(ctx, c.probe(a.version), nil) != nil {
		return false
	}
	_, err = c.sessionInfo(ctx, getSessionInfo, token)
	return hasStatus(err, http.StatusInternalServerError)
}

// SessionInfoAndResetIdleTime does the same as SessionInfo and resets the session's idle time. It exists since AM
// 6.5.3.
func (c *Client) SessionInfoAndResetIdleTime(ctx context.Context, token string) (*SessionInfo, error) {
	return c.sessionInfo(ctx, getAndResetIdleTime, token)
}

func (c *Client) sessionInfo(ctx context.Context, a action, token string) (*SessionInfo, error) {
	reply := struct {
		Valid *bool `json:"valid"`
		Session
	}{}
	if err := c.act(ctx, a, "/", token, nil, &reply); err != nil {
		return nil, err
	}
	reply.SignIn = SignInOf(reply.Properties)
	valid := reply.Valid == nil || *reply.Valid
	return &SessionInfo{Valid: valid, Session: reply.Session}, nil
}

// HasSession reports whether the caller has a session, rather than a bearer token.
func (c *Client) HasSession() bool { return !c.config.Credentials.bearer() }

// OwnSession returns the caller's own session, with its handle if the server reports one: AM, PingAM and OpenAM do so
// at 2.0, which they all still support, but not at 4.0. It returns nil for a bearer token, which has no session.
func (c *Client) OwnSession(ctx context.Context) (*SessionInfo, error) {
	if !c.HasSession() {
		return nil, nil
	}
	old := getSessionInfo
	old.version = "2.0"
	info, err := c.sessionInfo(ctx, old, "")
	if IsNotFound(err) || IsUnsupported(err) {
		info, err = c.SessionInfo(ctx, "")
	}
	if err == nil && info.Handle != "" {
		c.ownHandles.Store(info.Handle, true)
	}
	return info, err
}

// IsOwn reports whether the handle belongs to a session that [Client.OwnSession] has returned: the caller's current
// session, or an earlier one, which AM still lists for half a minute after it has ended.
func (c *Client) IsOwn(handle string) bool {
	_, own := c.ownHandles.Load(handle)
	return own
}

// Validation is the answer of validate.
type Validation struct {
	Valid      bool   `json:"valid"`
	SessionUID string `json:"sessionUid"` // AM and PingAM only; in the form of AMCtxId
	Username   string `json:"uid"`
	Realm      string `json:"realm"`
}

// Validate asks whether a token is valid, without resetting the idle time of its session (refresh=false). Versions
// below 4.0 may reset it anyway: for them, the error is an *UnsupportedError.
//
// Source: PingAM 8.1, Manage sessions over REST, "Validate sessions".
func (c *Client) Validate(ctx context.Context, token string) (*Validation, error) {
	var reply Validation
	a, err := c.negotiate(ctx)
	if err != nil {
		return nil, err
	}
	if !a.validate {
		return nil, &UnsupportedError{Action: "validate without resetting the idle time", Version: a.version, Workaround: validate.workaround}
	}
	return &reply, c.act(ctx, validate, "/", token, nil, &reply, "refresh", "false")
}

// Timeouts is the answer of refresh.
type Timeouts struct {
	Valid          *bool  `json:"valid"` // false for an invalid token, otherwise absent
	Username       string `json:"uid"`
	Realm          string `json:"realm"`
	IdleSeconds    int    `json:"idletime"`
	MaxIdleMinutes int    `json:"maxidletime"`
	MaxMinutes     int    `json:"maxsessiontime"`
	LeftSeconds    int    `json:"maxtime"`
}

// Refresh resets the idle time of a session, at most once per update frequency of the server (60 seconds by default).
// It needs an administrator, except for the caller's own session on AM and PingAM. OpenAM reports idletime in minutes
// (measured); the documentation shows seconds.
//
// Source: PingAM 8.1, Manage sessions over REST, "Refresh server-side sessions".
func (c *Client) Refresh(ctx context.Context, token string) (*Timeouts, error) {
	var reply Timeouts
	return &reply, c.act(ctx, refresh, "/", token, nil, &reply)
}

// URLRealm returns the realm whose URL to use in a request about sessions of a realm. The documentation of Advanced
// Identity Cloud shows the sessions' own realm, so that is used if it is known (not ""). Everywhere else it is the
// root, which also serves sessions of inactive realms (OpenAM measured). Source: PingOne Advanced Identity Cloud,
// Manage sessions over REST.
func (c *Client) URLRealm(realm string) string {
	if _, cloud := c.config.Credentials.(ServiceAccount); cloud && realm != "" {
		return realm
	}
	return "/"
}

// Logout ends the session of a token, or the caller's own if token is "". The realm is that of the session, or "" if it
// is not known. Logout returns false if AM reports that the token has already expired.
//
// Source: PingAM 8.1, Manage sessions over REST, "Invalidate sessions".
func (c *Client) Logout(ctx context.Context, realm, token string) (bool, error) {
	var reply struct {
		Result string `json:"result"`
	}
	err := c.act(ctx, logout, c.URLRealm(realm), token, nil, &reply)
	return reply.Result == "Successfully logged out", err
}

// LogoutByHandle ends the sessions with these handles and returns AM's answer for each. The realm is that of the
// sessions, or "" if it is not known.
//
// True does not mean that the session was alive: AM returns true even for handles it has never seen. The caller's own
// handle ends the caller's session, and AM then refuses the handles after it.
//
// Needs an administrator. Source: PingAM 8.1 Amster reference, Sessions, logoutByHandle.
func (c *Client) LogoutByHandle(ctx context.Context, realm string, handles []string) (map[string]bool, error) {
	if handles == nil {
		handles = []string{} // OpenAM answers null with an empty 500
	}
	var reply struct {
		Result map[string]bool `json:"result"`
	}
	err := c.act(ctx, logoutByHandle, c.URLRealm(realm), "", map[string]any{"sessionHandles": handles}, &reply)
	return reply.Result, err
}

// LogoutByUser ends the sessions of a user in one realm. The error is an *UnsupportedError if the server lacks the
// action, as AM does before 7.3, and every OpenAM.
//
// Source: PingOne Advanced Identity Cloud, Manage sessions over REST, "Invalidate all sessions for a user".
func (c *Client) LogoutByUser(ctx context.Context, realm, username string) (bool, error) {
	settled, err := c.negotiate(ctx)
	if err != nil {
		return false, err
	}
	var reply struct {
		Result bool `json:"result"`
	}
	err = c.act(ctx, logoutByUser, realm, "", map[string]any{"username": username}, &reply)
	if IsNotFound(err) || IsUnsupported(err) {
		err = &UnsupportedError{Action: logoutByUser.name, Version: settled.version, Workaround: logoutByUser.workaround}
	}
	return reply.Result, err
}

// SessionProperties returns the properties of a session that its realm's Session Property Whitelist names; the value is
// "" if a property is not set. It returns none if the realm has no whitelist. If token is "", it returns those of the
// caller's own session.
//
// If names are given, it returns only those. Version 1.2 is the only one that takes names, and it requires them. It
// applies the whitelist of the realm that the request names rather than that of the session, and lets an administrator
// read properties that are on no whitelist (OpenAM measured).
//
// If the token is not valid, OpenAM answers 400, which becomes an *Error. Source: PingAM 8.1, Manage sessions over
// REST, "Get and set session properties".
func (c *Client) SessionProperties(ctx context.Context, token string, names ...string) (map[string]string, error) {
	a, err := c.negotiate(ctx)
	if err != nil {
		return nil, err
	}
	var reply map[string]string
	if getProperty.has(a) {
		if names == nil {
			return nil, &UnsupportedError{Action: "list of a session's properties", Version: a.version, Workaround: "ask for them by name"}
		}
		err = c.act(ctx, getProperty, "/", token, map[string]any{"properties": names}, &reply)
		return reply, err
	}
	err = c.act(ctx, getProperties, "/", token, nil, &reply)
	maps.DeleteFunc(reply, func(name, _ string) bool { return names != nil && !slices.Contains(names, name) })
	return reply, err
}

// UpdateSessionProperties sets properties and returns all of them. OpenAM accepts exactly the whitelisted names, all of
// them at once, and refuses everything else with 403. AM and PingAM accept any subset.
func (c *Client) UpdateSessionProperties(ctx context.Context, token string, properties map[string]string) (map[string]string, error) {
	body := make(map[string]any, len(properties)+1)
	for name, value := range properties {
		body[name] = value
	}
	var reply map[string]string
	err := c.act(ctx, updateProperties, "/", token, body, &reply)
	return reply, err
}

// act sends an action about the session of a token, and puts the token where the negotiated version expects it.
func (c *Client) act(ctx context.Context, what action, realm, token string, body map[string]any, reply any, parameters ...string) error {
	a, err := c.negotiate(ctx)
	if err != nil {
		return err
	}
	if !what.has(a) {
		return &UnsupportedError{Action: what.name, Version: a.version, Workaround: what.workaround}
	}
	r := call{
		what: what.name, method: http.MethodPost, path: sessionsPath(realm), query: param("_action", what.name),
		version: what.versionFor(a), safe: what.safe, latencyClass: what.name,
	}
	if what.refused != "" {
		r.hints = map[int]string{http.StatusBadRequest: what.refused}
	}
	for i := 0; i+1 < len(parameters); i += 2 {
		r.query = append(r.query, param(parameters[i], parameters[i+1])...)
	}
	if body == nil {
		body = map[string]any{}
	}
	if token != "" {
		r.carry(a.token, token, body)
	}
	r.body = body
	if len(body) == 0 {
		r.body = struct{}{} // encodes the same, but faster
	}
	return c.unserved(ctx, r.version, c.send(ctx, r, reply))
}

func (what action) versionFor(a api) string {
	switch {
	case what.version != "":
		return what.version
	case a.properties != "" && (what.name == getProperties.name || what.name == updateProperties.name):
		return a.properties
	}
	return a.version
}

// carry puts the token where the version expects it.
func (r *call) carry(where place, token string, body map[string]any) {
	r.secrets = append(r.secrets, token)
	switch where {
	case inBody:
		body["tokenId"] = token
	case inURL:
		r.query = append(r.query, param("tokenId", token)...)
	case inPath:
		r.shown = r.path + "/…"
		r.path += "/" + escape(token)
	default: // without the token, AM would act on the caller's own session
		panic(fmt.Sprintf("no place for a token: %v", where))
	}
}
