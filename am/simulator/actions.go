package simulator

import (
	"net/http"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// An action is an action of the sessions resource: who may run it, and which versions of the resource have it.
type action struct {
	name      string
	from, to  version
	permitted permission
	run       func(*exchange, wanted) error
}

var (
	v1, v1end = version{1, 0}, version{1, 9}
	v2, v3    = version{2, 0}, version{3, 0}
	v4, v51   = version{4, 0}, version{5, 1}
	newer     = version{9, 9}
)

var actions = []action{
	{"getSessionInfo", v2, newer, owners, about(invalid, (*exchange).getSessionInfo)},
	{"getSessionInfoAndResetIdleTime", v4, newer, owners, about(invalid, (*exchange).getSessionInfoAndReset)},
	{"validate", v1, v1end, anybody, about(invalid, (*exchange).validate)},
	{"validate", v3, newer, anybody, about(invalid, (*exchange).validate)},
	{"refresh", v2, newer, ownersButOpenAM, about(invalid, (*exchange).refresh)},
	{"logout", v1, newer, callers, about(object{{"result", "Token has expired"}}, (*exchange).logout)},
	{"logoutByHandle", v2, newer, admins, (*exchange).logoutByHandle},
	{"logoutByUser", v51, newer, callers, (*exchange).logoutByUser},
	{"getSessionProperties", v2, newer, owners, about(nil, (*exchange).getProperties)},
	{"updateSessionProperties", v2, newer, owners, (*exchange).updateProperties},

	{"isActive", v1, v1end, admins, timing("active", func(s *session, _ int64) any { return s != nil })},
	{"getIdle", v1, v1end, admins, timing("idletime", func(s *session, now int64) any { return idleSeconds(s, now) })},
	{"getMaxIdle", v1, v1end, owners, timing("maxidletime", func(s *session, _ int64) any { return minutes(s, (*session).idleLimit) })},
	{"getMaxSessionTime", v1, v1end, admins, timing("maxsessiontime", func(s *session, _ int64) any { return minutes(s, (*session).timeLimit) })},
	{"getMaxTime", v1, v1end, admins, timing("maxtime", secondsOrNone)},
	{"getTimeLeft", v1, v1end, owners, timing("maxtime", secondsOrNone)},
	{"getPropertyNames", v1, v1end, owners, (*exchange).propertyNames},
	{"getProperty", v1, v1end, owners, about(nil, (*exchange).getProperty)},
	{"setProperty", v1, v1end, owners, about(nil, (*exchange).setProperty)},
	{"deleteProperty", v1, v1end, owners, about(nil, (*exchange).deleteProperty)},
}

// invalid is the answer of most actions if the session is not alive.
var invalid = object{{"valid", false}}

// about returns an action on a live session. If there is none, it answers with dead, or with 400 if dead is nil.
func about(dead object, run func(*exchange, *session) error) func(*exchange, wanted) error {
	return func(x *exchange, want wanted) error {
		s, err := x.target(want)
		switch {
		case err != nil:
			return err
		case s != nil:
			return run(x, s)
		case dead == nil:
			return errBadRequest
		}
		return x.ok(dead)
	}
}

// timing returns one of the small actions of 1.x, which answer with a single number; -1 if the session is not alive.
func timing(name string, value func(s *session, now int64) any) func(*exchange, wanted) error {
	return func(x *exchange, want wanted) error {
		s, err := x.target(want)
		if err != nil {
			return err
		}
		return x.ok(object{{name, value(s, x.now)}})
	}
}

func (s *session) idleLimit() int32 { return s.maxIdle }
func (s *session) timeLimit() int32 { return s.maxTime }

func minutes(s *session, limit func(*session) int32) int {
	if s == nil {
		return -1
	}
	return int(limit(s))
}

func idleSeconds(s *session, now int64) int64 {
	if s == nil {
		return -1
	}
	if s.token != "" {
		return 0
	}
	return (now - s.latest.Load()) / 1000
}

func secondsOrNone(s *session, now int64) any {
	if s == nil {
		return -1
	}
	return s.secondsLeft(now)
}

func (x *exchange) getSessionInfo(s *session) error {
	return x.ok(x.info(s))
}

func (x *exchange) getSessionInfoAndReset(s *session) error {
	s.touch(x.now, true)
	return x.ok(x.info(s))
}

// info describes a session. Versions up to 2.x return the handle. Later versions return properties, if the product has
// them.
func (x *exchange) info(s *session) object {
	var doc object
	if name, known := s.who.display(); known {
		doc = append(doc, member{"username", name})
	}
	doc = append(doc, member{"universalId", s.who.uid}, member{"realm", s.who.realm})
	if s.token == "" && x.version.major < 3 {
		doc = append(doc, member{"sessionHandle", x.handle(s)})
	}
	latest := s.latest.Load()
	doc = append(doc,
		member{"latestAccessTime", timeText(latest)},
		member{"maxIdleExpirationTime", timeText(s.idleEnd(latest))},
		member{"maxSessionExpirationTime", timeText(s.endAsReported(x.now))})
	if x.profile.name != "openam" {
		doc = append(doc, member{"properties", x.properties(s)})
	}
	return doc
}

// validate answers whether a token is valid. It resets the idle time unless refresh=false, which 1.x does not support.
func (x *exchange) validate(s *session) error {
	if x.version.major == 1 || x.crest.extra["refresh"] != "false" {
		s.touch(x.now, false)
	}
	doc := object{{"valid", true}}
	if x.version.major >= 3 && len(x.profile.whitelist) > 0 {
		doc = append(doc, member{"sessionUid", x.contextID(s)})
	}
	return x.ok(append(doc, x.userAndRealm(s)...))
}

func (x *exchange) userAndRealm(s *session) object {
	var doc object
	if name, known := s.who.display(); known {
		doc = append(doc, member{"uid", name})
	}
	return append(doc, member{"realm", s.who.realm})
}

// refresh resets the idle time and answers with the limits. AM and its successors reset it at most once a minute.
func (x *exchange) refresh(s *session) error {
	if !x.profile.tunedRefresh || x.now-s.latest.Load() >= writeInterval {
		s.touch(x.now, false)
	}
	return x.ok(append(x.userAndRealm(s),
		member{"idletime", idleSeconds(s, x.now)}, member{"maxidletime", int(s.maxIdle)},
		member{"maxsessiontime", int(s.maxTime)}, member{"maxtime", s.secondsLeft(x.now)}))
}

// logout ends a session. Measured on OpenAM 16.0.5: any session may end any token that it knows; a client-side token
// stays valid.
func (x *exchange) logout(s *session) error {
	x.store.end(s)
	if x.profile.name != "openam" && s == x.caller.session {
		x.set("Set-Cookie", x.cookie+"=LOGOUT"+expired+"; Path=/")
	}
	return x.ok(object{{"result", "Successfully logged out"}})
}

var errNoHandles = badRequest(`The "sessionHandles" field is not defined in the request or it's not a JSON array`)

// logoutByHandle ends the sessions with these handles.
//
// Measured on OpenAM 16.0.5: true only means that the request was accepted. It is also the answer for handles of
// sessions that have ended, and for invented ones. A raw token ends its session, too. Once the caller's own session has
// ended, the rest is refused.
func (x *exchange) logoutByHandle(wanted) error {
	given, ok := x.crest.member("sessionHandles")
	if !ok {
		return errNoHandles
	}
	items, isList := given.([]any)
	if !isList {
		return errUncaught
	}
	var handles []string
	for _, item := range items {
		h, isText := item.(string)
		if item == nil {
			x.empty(http.StatusOK)
			return nil
		}
		if !isText {
			return errUncaught
		}
		handles = append(handles, h)
	}
	outcome := map[string]bool{}
	var order []string
	for _, h := range handles {
		if _, again := outcome[h]; !again {
			outcome[h] = x.endByHandle(h)
			order = append(order, h)
		}
	}
	result := object{}
	for _, h := range javaStrings(order) {
		result = append(result, member{h, outcome[h]})
	}
	return x.ok(object{{"result", result}})
}

// endByHandle ends the session with the storage key in the handle, and ignores the text before it.
func (x *exchange) endByHandle(handle string) bool {
	if own := x.caller.session; own != nil && own.token == "" && own.ifAlive(x.now) == nil {
		return false
	}
	key, _, found, err := x.profile.tokens.parse(handle, x.secret)
	if found && err == nil {
		if s := x.store.byStorageKey(key, x.now); s != nil {
			x.store.end(s)
		}
		return true
	}
	return err != nil || handle == "" || strings.HasPrefix(handle, handlePrefix)
}

// logoutByUser ends the sessions of a user in the URL's realm. Users may end their own.
func (x *exchange) logoutByUser(wanted) error {
	name := x.crest.text("username")
	if name == "" {
		return badRequest("The \"username\" field is not defined in the request")
	}
	if own := x.caller.session; !x.caller.admin && (own == nil || !crest.Same(own.who.name, name) || !crest.Same(own.who.realm, x.realm.path)) {
		return errForbidden
	}
	for _, s := range x.store.of(x.realm.path, name) {
		x.store.end(s)
	}
	return x.ok(object{{"result", true}})
}
