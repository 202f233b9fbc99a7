package rest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

func theRightPasswordSignsIn(w *world) {
	info, err := w.SessionInfo(w.Context(), "")
	w.must(err)
	if !info.Valid || info.Username != w.user || info.Realm != "/" {
		w.Errorf("signed in as %+v, want %s of /", info, w.user)
	}
}

func aWrongPasswordIsRefused(w *world) {
	for _, credentials := range []rest.Password{
		{Username: w.user, Password: "wrong-" + w.password},
		{Username: w.prefix + "-nobody", Password: "wrong-" + w.password},
	} {
		_, err := w.client(rest.Config{Credentials: credentials}).API(w.Context())
		expectStatus(w, err, http.StatusUnauthorized, "Authentication Failed")
		if !rest.IsUnauthorized(err) || strings.Contains(err.Error(), credentials.Password) {
			w.Errorf("%s is refused with %v, want a 401 without the password", credentials.Username, err)
		}
	}
}

func anUnknownLoginRealmIsNotFound(w *world) {
	c := w.client(rest.Config{Realm: w.realm + "/missing", Credentials: rest.Password{Username: w.user, Password: w.password}})
	_, err := c.API(w.Context())
	expectStatus(w, err, http.StatusNotFound, "login_realm")
}

func usersSignInUnderOddNames(w *world) {
	for _, name := range oddNames {
		if strings.TrimSpace(name) != name {
			continue
		}
		w.must(w.admin.CreateUser(w.Context(), w.realm, name, userPassword))
		info, err := w.as(name).SessionInfo(w.Context(), "")
		if err != nil || info.Username != name || info.Realm != w.realm {
			w.Errorf("%q signs in as %+v, %v", name, info, err)
		}
	}
}

func aDisabledUserIsLockedOut(w *world) {
	name := w.prefix + "locked"
	token := w.login(name)
	w.change(http.MethodPut, w.realmPath()+"users/"+name, "protocol=1.0,resource=2.0", map[string]any{"inetUserStatus": []string{"Inactive"}})
	_, err := w.as(name).API(w.Context())
	expectStatus(w, err, http.StatusUnauthorized, "Your account has been locked.")
	w.expectAlive(token, true)
}

func aLoginOverQuotaIsRefused(w *world) {
	const service, action = "global-config/services/session", "org.forgerock.openam.session.service."
	quotas := func(on, what string) map[string]any {
		return map[string]any{"quotas": map[string]string{"iplanet-am-session-enable-session-constraint": on, "behaviourWhenQuotaExhausted": action + what}}
	}
	w.must(w.admin.AddSessionService(w.Context(), w.realm, 30, 120, 2))
	w.change(http.MethodPut, service, "protocol=1.0,resource=1.0", quotas("ON", "DenyAccessAction"))
	w.Cleanup(func() {
		w.change(http.MethodPut, service, "protocol=1.0,resource=1.0", quotas("OFF", "DestroyNextExpiringAction"))
	})
	name := w.prefix + "often"
	w.logins(w.realm, name, name)
	var err error
	w.await("the quota holds", func() bool {
		_, err = w.as(name).API(w.Context())
		return err != nil
	})
	expectStatus(w, err, http.StatusUnauthorized, "You have reached your session limit.")
}

func aChainIsChosenByName(w *world) {
	c := w.client(rest.Config{Credentials: rest.Password{Username: w.user, Password: w.password, Service: "ldapService"}})
	if version, err := c.API(w.Context()); err != nil || version != "2.0" {
		w.Errorf("with ldapService the version is %q, %v", version, err)
	}
	c = w.client(rest.Config{Credentials: rest.Password{Username: w.user, Password: w.password, Service: "missing"}})
	_, err := c.API(w.Context())
	expectStatus(w, err, http.StatusBadRequest, "No Configuration found")
}

func aTokenSignsInAndIsNotEnded(w *world) {
	token := w.login(w.prefix + "token")
	c := w.client(rest.Config{Credentials: rest.SSOToken(token)})
	if info, err := c.SessionInfo(w.Context(), ""); err != nil || info.Username != w.prefix+"token" {
		w.Errorf("the token is of %+v, %v", info, err)
	}
	w.closes(c)
	w.expectAlive(token, true)

	w.must(w.admin.Logout(w.Context(), token))
	_, err := w.client(rest.Config{Credentials: rest.SSOToken(token)}).SessionInfo(w.Context(), "")
	expectStatus(w, err, http.StatusUnauthorized, "sso_token")
}

func closingSignsOut(w *world) {
	name := w.prefix + "closing"
	w.must(w.admin.CreateUser(w.Context(), w.realm, name, userPassword))
	for settled := range 2 { // before the version is known, and after
		c := w.as(name)
		if _, err := c.ServerVersion(w.Context()); !rest.IsForbidden(err) {
			w.Errorf("a user asks for the version: %v, want 403", err)
		}
		if settled == 1 {
			_, err := c.API(w.Context())
			w.must(err)
		}
		if got := w.names(); len(got) != 1 {
			w.Errorf("before the end there are the sessions %q, want one", got)
		}
		w.closes(c)
		if got := w.names(); len(got) != 0 {
			w.Errorf("after the end there are the sessions %q, want none", got)
		}
		if err := c.Close(w.Context()); err != nil {
			w.Errorf("to close again: %v", err)
		}
	}
}

func anEndedSessionIsRenewed(w *world) {
	w.login(w.prefix + "here")
	before := w.handle("")
	w.must(w.admin.LogoutMany(w.Context())) // ends nothing, because the administrator's own session is ended by handle
	if _, err := w.LogoutByHandle(w.Context(), "", []string{before}); err != nil {
		w.Fatal(err)
	}
	if got := w.names(); len(got) != 1 {
		w.Errorf("after the end of its session the client lists %q, want one", got)
	}
	if after := w.handle(""); after == before {
		w.Error("the session is the one that has ended")
	}
}

func theVersionSettlesOn20(w *world) {
	requests := w.Requests()
	for range 2 {
		if version, err := w.API(w.Context()); err != nil || version != "2.0" {
			w.Errorf("the version is %q, %v; want 2.0", version, err)
		}
	}
	if _, err := rest.New(rest.Config{BaseURL: w.address, API: "2.7", Credentials: rest.SSOToken("x")}); err == nil {
		w.Error("a version that amsql does not know is taken")
	}
	// serverinfo, authenticate, then 4.0, 3.1, 3.0, 2.0
	if sent := w.Requests() - requests; sent != 6 {
		w.Errorf("it took %d requests, want 6", sent)
	}
}

func validateIsNotSupported(w *world) {
	_, err := w.Validate(w.Context(), "")
	expectUnsupported(w, err, "2.0", "getSessionInfo")
}

func resettingTheIdleTimeIsNotSupported(w *world) {
	_, err := w.SessionInfoAndResetIdleTime(w.Context(), "")
	expectUnsupported(w, err, "2.0", "refresh")
}

func logoutByUserIsNotSupported(w *world) {
	name := w.prefix + "stays"
	token := w.login(name)
	_, err := w.LogoutByUser(w.Context(), w.realm, name)
	expectUnsupported(w, err, "2.0", "logoutByHandle")
	w.expectAlive(token, true)
}

func version12HasTheTokenInThePath(w *world) {
	token := w.login(w.prefix + "old")
	c := w.client(rest.Config{API: "1.2", Credentials: rest.Password{Username: w.user, Password: w.password}})
	for name, call := range map[string]func(context.Context) error{
		"SessionInfo": func(ctx context.Context) error { _, err := c.SessionInfo(ctx, token); return err },
		"OwnSession":  func(ctx context.Context) error { _, err := c.OwnSession(ctx); return err },
		"Sessions": func(ctx context.Context) error {
			_, err := firstError(c.Sessions(ctx, rest.SessionQuery{Realm: w.realm}))
			return err
		},
		"SessionProperties": func(ctx context.Context) error { _, err := c.SessionProperties(ctx, token); return err },
		"Refresh":           func(ctx context.Context) error { _, err := c.Refresh(ctx, token); return err },
		"LogoutByHandle":    func(ctx context.Context) error { _, err := c.LogoutByHandle(ctx, "", nil); return err },
		"Validate":          func(ctx context.Context) error { _, err := c.Validate(ctx, token); return err },
	} {
		if err := call(w.Context()); !rest.IsUnsupported(err) {
			w.Errorf("%s at 1.2: %v, want an *UnsupportedError", name, err)
		}
	}
	if ended, err := c.Logout(w.Context(), "", token); err != nil || !ended {
		w.Errorf("logout at 1.2: %v, %v", ended, err)
	}
	w.expectAlive(token, false)
}

var _ testing.TB = (*world)(nil)
