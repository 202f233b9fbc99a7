package simulator

import (
	"errors"
	"net/http"
	"strings"
)

// sessions answers at /sessions.
func (x *exchange) sessions() error {
	if x.crest.kind == act {
		return x.sessionAction()
	}
	if err := x.identify(); err != nil {
		return err
	}
	collection := x.id == ""
	readsAll := collection && x.crest.kind == read
	if !x.caller.admin && !readsAll {
		return errForbidden
	}
	if err := x.resolveVersion(); err != nil {
		return err
	}
	x.reached = true
	switch {
	case strings.Contains(x.id, "/"):
		return notFound(x.id)
	case !collection:
		return errUnsupported
	case x.crest.kind == query:
		return x.querySessions()
	case x.crest.kind == update:
		return badRequest("The resource collection  cannot be updated")
	case x.crest.kind == remove:
		return badRequest("The resource collection  cannot be deleted")
	case x.crest.kind == patch:
		return badRequest("The resource collection  cannot be patched")
	}
	return errUnreadable
}

// sessionAction runs an action. It checks first whether the caller may run it, then whether the version exists, and
// then whether the action exists.
func (x *exchange) sessionAction() error {
	given := x.crest.action
	permitted := admins
	for _, a := range actions {
		if strings.EqualFold(a.name, given) {
			permitted = a.permitted
			break
		}
	}
	want, versionErr := x.wantedToken()
	if err := x.authorize(permitted, want); err != nil {
		return err
	}
	if versionErr != nil {
		return versionErr
	}
	x.reached = true
	if x.id != "" && x.version.major > 1 {
		return errUnsupported
	}
	for _, a := range actions {
		if strings.EqualFold(a.name, given) && x.version.within(a.from, a.to) {
			return a.run(x, want)
		}
	}
	if strings.EqualFold(given, "create") {
		return errUnsupported
	}
	return x.noSuchAction()
}

func (x *exchange) noSuchAction() error {
	return notImplemented("Action " + x.crest.action + " not implemented for this resource")
}

// wanted is the session that an action concerns: it is named by a token, or is the caller's own.
type wanted struct {
	token string
	given bool
}

// wantedToken reads the token from where the version expects it: the path or the URL (1.x), the URL (2.x), the body
// (from 3.0 on).
//
// Measured on OpenAM 16.0.5: 2.0 ignores a tokenId in the body, and the action applies to the caller.
func (x *exchange) wantedToken() (want wanted, err error) {
	err = x.resolveVersion()
	switch {
	case err == nil && x.version.major >= 3:
		if v, ok := x.crest.member("tokenId"); ok {
			want.token, want.given = strings.TrimSpace(stringOf(v)), true
		}
	case x.version.major == 1 && x.id != "":
		want.token, want.given = x.id, true
	default:
		want.token, want.given = x.crest.extra["tokenId"]
	}
	return want, err
}

func stringOf(v any) string {
	s, _ := v.(string)
	return s
}

// A permission is who may run an action.
type permission int

const (
	anybody permission = iota // even without credentials
	callers                   // with any session
	owners                    // users for their own sessions, and administrators
	admins
	ownersButOpenAM // like owners, but on OpenAM only administrators (measured on OpenAM 16.0.5; documented by the community of Advanced Identity Cloud)
)

// authorize identifies the caller, if the action requires it.
func (x *exchange) authorize(permitted permission, want wanted) error {
	err := x.identify()
	if permitted == anybody {
		if errors.Is(err, errNoSession) {
			err = nil
		}
		return err
	}
	if err != nil || permitted == callers && (x.version.major < 3 || !want.given) || x.caller.admin {
		return err
	}
	if permitted == admins || permitted == ownersButOpenAM && x.profile.name == "openam" || x.caller.session == nil {
		return errForbidden
	}
	s, err := x.ownedTarget(want)
	if err != nil {
		return err
	}
	if s == nil || s.who.uid != x.caller.session.who.uid {
		return errForbidden
	}
	return nil
}

// ownedTarget returns the session for which the permission is checked.
//
// Measured on OpenAM 16.0.5: without a tokenId, that is the session in the header, even if a cookie identifies the
// caller.
func (x *exchange) ownedTarget(want wanted) (*session, error) {
	switch {
	case want.given:
		return x.store.find(want.token, x.now)
	case x.creds.hasHeader && x.creds.header != "":
		return x.store.find(x.creds.header, x.now)
	}
	return x.caller.session, nil
}

// target returns the session that an action concerns; nil if it is not alive.
func (x *exchange) target(want wanted) (*session, error) {
	if !want.given {
		return x.caller.session, nil
	}
	return x.store.find(want.token, x.now)
}

func (x *exchange) ok(doc any) error {
	x.reply(http.StatusOK, doc)
	return nil
}
