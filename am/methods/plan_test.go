package methods_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestNothingIsSentThatChangesAnythingBeforeTheGuardsAgree(t *testing.T) {
	stop := errors.New("no")
	for name, set := range map[string]func(*methods.Terminator){
		"too many":  func(e *methods.Terminator) { e.Max = 5 },
		"declined":  func(e *methods.Terminator) { e.Confirm = func(context.Context, *methods.Plan) error { return stop } },
		"a dry run": func(e *methods.Terminator) { e.DryRun = true },
	} {
		w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 6, Seed: 1})
		set(w.Terminator)
		token, err := w.server.Login("/", "demo")
		must(t, err)
		for what, run := range map[string]func() ([]methods.Outcome, error){
			"handles": func() ([]methods.Outcome, error) { return w.EndSessions(t.Context(), w.sessions("/alpha")) },
			"a token": func() ([]methods.Outcome, error) {
				return w.EndSessions(t.Context(), append(w.sessions("/alpha"), methods.Session{Token: token.Token}))
			},
			"a user": func() ([]methods.Outcome, error) { w.Max--; return w.EndUser(t.Context(), "", "ajensen") },
		} {
			if name == "too many" && what == "a user" {
				w.Max = 1
			}
			outcomes, err := run()
			if (err == nil) != w.DryRun || w.DryRun && (states(outcomes)[methods.Planned] != len(outcomes) || methods.Remaining(outcomes) != nil) {
				t.Errorf("%s, %s: %v, %v", name, what, states(outcomes), err)
			}
		}
		if actions := w.changing(); len(actions) > 0 {
			t.Errorf("%s: the server has seen %v", name, actions)
		}
	}
}

// A person may take a while to confirm the plan. Meanwhile sessions end, begin and expire, including amsql's own.
func TestAPlanIsStillTrueWhenItIsConfirmedLate(t *testing.T) {
	for _, c := range []struct {
		wait               time.Duration
		byUser             bool
		ended, alreadyGone int
		left               int // number of sessions left: the new one
	}{
		{10 * time.Minute, false, 5, 1, 1},
		{50 * time.Minute, false, 0, 6, 1}, // longer than the idle limit
		{10 * time.Minute, true, 6, 1, 0},  // the new one ends in the next round
		{50 * time.Minute, true, 1, 6, 0},
	} {
		for _, profile := range []string{"openam", "pingam-8.1"} {
			var late atomic.Int64
			w := newWorld(t, simulator.Options{
				Profile: profile, Realms: 1, Users: 3, Seed: 1,
				Clock: func() time.Time { return time.Now().Add(time.Duration(late.Load())) },
			})
			must(t, w.server.AddUser("/alpha", "leaver", "changeit"))
			var handles []string
			for range 6 {
				s, err := w.server.Login("/alpha", "leaver")
				must(t, err)
				handles = append(handles, s.Handle)
			}
			var fresh simulator.Session
			user, password := w.server.Admin()
			w.Confirm = func(context.Context, *methods.Plan) error {
				late.Store(int64(c.wait))
				admin := adminOf(t, w, user, password)
				admin.do("POST", "/realms/root/sessions/?_action=logoutByHandle", `{"sessionHandles":["`+handles[0]+`"]}`, nil, w.server.CookieName(), admin.token, "Accept-API-Version", "resource=2.0")
				var err error
				fresh, err = w.server.Login("/alpha", "leaver")
				return err
			}
			sessions := make([]methods.Session, len(handles))
			for i, handle := range handles {
				sessions[i] = methods.Session{Handle: handle, Username: "leaver", Realm: "/alpha"}
			}
			run := func() ([]methods.Outcome, error) { return w.EndSessions(t.Context(), sessions) }
			if c.byUser {
				run = func() ([]methods.Outcome, error) { return w.EndUser(t.Context(), "/alpha", "leaver") }
			}
			outcomes, err := run()
			must(t, err)
			if got := states(outcomes); got[methods.Ended] != c.ended || got[methods.AlreadyGone] != c.alreadyGone || len(outcomes) != c.ended+c.alreadyGone {
				t.Errorf("%s, %+v: outcomes %v", profile, c, got)
			}
			first := slices.IndexFunc(outcomes, func(o methods.Outcome) bool { return o.Handle == handles[0] })
			if reason := outcomes[first].Reason; reason != "it ended while the plan waited for confirmation" {
				t.Errorf("%s, %+v: reason %q", profile, c, reason)
			}
			left := w.sessionsOf(t, "/alpha")
			if len(left) != c.left || c.left > 0 && left[0].Handle != fresh.Handle {
				t.Errorf("%s, %+v: %d sessions are left", profile, c, len(left))
			}
			if info, err := w.Client.OwnSession(t.Context()); err != nil || !info.Valid {
				t.Errorf("%s: amsql has no session: %v", profile, err)
			}
		}
	}
}

func TestAPlanThatCannotBeCheckedAgainIsCarriedOut(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 6, Seed: 1})
	var blind atomic.Bool
	w.tamper = func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
		if isLogout(r) {
			blind.Store(false)
		}
		spoilt := blind.Load() && r.URL.Query().Has("_queryFilter")
		if spoilt {
			answer(response, 500)
		}
		return spoilt
	}
	w.Confirm = func(context.Context, *methods.Plan) error { blind.Store(true); return nil }
	outcomes, err := w.EndSessions(t.Context(), w.sessions("/alpha"))
	must(t, err)
	if got := states(outcomes); got[methods.Ended] != 6 || len(w.sessions("/alpha")) != 0 {
		t.Errorf("outcomes %v, and %d are left", got, len(w.sessions("/alpha")))
	}
}

func TestADryRunSaysWhatNoListShows(t *testing.T) {
	w := newWorld(t, simulator.Options{Profile: "pingam-8.1", Realms: 1, Users: 2, Sessions: 2, Seed: 1})
	user, password := w.server.Admin()
	adminOf(t, w, user, password).put("/realms/root/realms/alpha/realm-config/authentication", `{"general":{"statelessSessionsEnabled":true}}`)
	w.DryRun = true
	_, err := w.EndUser(t.Context(), "/alpha", "ajensen")
	must(t, err)
	if want := `AM would be asked to end client-side sessions of "ajensen" in realm /alpha, which no list shows`; !slices.Contains(w.notices, want) || slices.Contains(w.changing(), "logoutByUser") {
		t.Errorf("notices %q, requests %q", w.notices, w.changing())
	}
}

func TestManyUsersAreLookedUpInTheListOfTheirRealm(t *testing.T) {
	for _, c := range []struct{ users, lists int }{{16, 16}, {17, 1}} {
		w := newWorld(t, simulator.Options{Realms: 1, Users: 1, Seed: 1})
		var targets []methods.Session
		for i := range c.users {
			name := fmt.Sprintf("user%d", i)
			must(t, w.server.AddUser("/alpha", name, "changeit"))
			s, err := w.server.Login("/alpha", name)
			must(t, err)
			targets = append(targets, methods.Session{Handle: s.Handle, Username: name, Realm: "/alpha"})
		}
		w.DryRun = true
		var lists atomic.Int64
		w.tamper = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if strings.Contains(r.URL.Query().Get("_queryFilter"), "/alpha") {
				lists.Add(1)
			}
			return false
		}
		outcomes, err := w.EndSessions(t.Context(), targets)
		must(t, err)
		if len(outcomes) != c.users || states(outcomes)[methods.Planned] != c.users || int(lists.Load()) != c.lists {
			t.Errorf("%d users: outcomes %v after %d lists, want %d", c.users, states(outcomes), lists.Load(), c.lists)
		}
	}
}
