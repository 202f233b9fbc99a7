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

// sessionAction runs one of the actions. Who may is asked before whether there is such a version, and that before whether
// there is such an action.
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

// A wanted session is the one an action is about: named by a token, or else the caller's own.
type wanted struct {
	token string
	given bool
}

// wantedToken reads the token from where the version wants it: the path or the URL (1.x), the URL (2.x), the body (from 3.0).
//
// Measured on OpenAM 16.0.5: at 2.0 a tokenId in the body is ignored, and the action is about the caller.
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

// A permission says who may run an action.
type permission int

const (
	anybody permission = iota // without credentials, too
	callers                   // with any session
	owners                    // about a session of the caller's own identity, and administrators
	admins
	ownersButOpenAM // as owners, and on OpenAM as admins (measured on OpenAM 16.0.5; Advanced Identity Cloud as its community documents it)
)

// authorize identifies the caller as far as the action asks for it.
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

// ownedTarget is the session that the permission is checked against.
//
// Measured on OpenAM 16.0.5: without a tokenId it is that of the header, even where a cookie says who the caller is.
func (x *exchange) ownedTarget(want wanted) (*session, error) {
	switch {
	case want.given:
		return x.store.find(want.token, x.now)
	case x.creds.hasHeader && x.creds.header != "":
		return x.store.find(x.creds.header, x.now)
	}
	return x.caller.session, nil
}

// target finds the session an action is about; nil when it is not alive.
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
