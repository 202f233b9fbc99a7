package methods_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A handle alone does not show whose session it is. If amsql has not seen all sessions, one that it did not find may be alive.
func TestAHandleIsNotFoundOnlyIfAllSessionsAreListed(t *testing.T) {
	missing := func(*world) string {
		return "shandle:" + strings.Repeat("A", 27) + ".*AAJTSQACMDEAAlNLABxx*"
	}
	configured := func(realms ...string) func(*world) {
		return func(w *world) { w.Inventory = inventory.New(w.Client, inventory.Options{Realms: realms}) }
	}
	for name, c := range map[string]struct {
		listCap int
		change  func(*world)
		handle  func(*world) string
		want    methods.State
		reason  string
	}{
		"no session has it":         {1000, nil, missing, methods.NotFound, "it has ended, or the handle is wrong"},
		"all realms are configured": {1000, configured("/", "/Alpha", "/bravo"), missing, methods.NotFound, "it has ended, or the handle is wrong"},
		"it is in a realm that is not configured": {1000, configured("/", "/bravo"), func(w *world) string { return w.sessions("/alpha")[0].Handle },
			methods.Unknown, "realm /alpha was not searched: the connection names only /, /bravo"},
		"it is an agent's, behind a truncated list": {20, nil, func(w *world) string {
			agent, err := w.server.LoginAgent("/alpha", "web1")
			must(t, err)
			return agent.Handle
		}, methods.Unknown, "sessions of realm /alpha may be missing (the list is truncated at 20)"},
		"it is a deleted user's, behind a truncated list": {20, nil, func(w *world) string {
			must(t, w.server.AddUser("/", "leaver", "changeit"))
			left, err := w.server.Login("/alpha", "leaver")
			must(t, err)
			must(t, w.server.DeleteUser("/", "leaver"))
			return left.Handle
		}, methods.Unknown, "sessions of realm /alpha may be missing"},
		"a realm cannot be listed": {1000, func(w *world) {
			w.tamper = func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
				refused := strings.Contains(r.URL.Path, "/realms/alpha/sessions")
				if refused {
					answer(response, http.StatusForbidden)
				}
				return refused
			}
		}, func(w *world) string { return w.sessions("/alpha")[0].Handle }, methods.Unknown, "realm /alpha"},
		"AM does not list realms": {1000, func(w *world) {
			w.tamper = func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
				refused := strings.Contains(r.URL.Path, "/global-config/realms")
				if refused {
					answer(response, http.StatusForbidden)
				}
				return refused
			}
		}, func(w *world) string { return w.sessions("/alpha")[0].Handle }, methods.Unknown, "only realm / was searched"},
	} {
		w := newWorld(t, simulator.Options{Seed: 1, ListCap: c.listCap})
		for _, realm := range []string{"/alpha", "/bravo"} {
			must(t, w.server.AddRealm(realm))
		}
		for i := range 30 {
			user := fmt.Sprintf("u%d", i)
			must(t, w.server.AddUser("/", user, "changeit"))
			_, err := w.server.Login("/alpha", user)
			must(t, err)
		}
		if c.change != nil {
			c.change(w)
		}
		handle := c.handle(w)
		outcomes, err := w.EndSessions(t.Context(), []methods.Session{{Handle: handle}})
		must(t, err)
		if got := outcomes[0]; got.State != c.want || !strings.Contains(got.Reason, c.reason) {
			t.Errorf("%s: %s (%s), want %s (%s)", name, got.State, got.Reason, c.want, c.reason)
		}
		if sent := w.changing(); len(sent) > 0 {
			t.Errorf("%s: sent %v", name, sent)
		}
	}
}

// A file may name another user than the session's, such as the login name in Advanced Identity Cloud. The list of that user proves
// nothing about the session.
func TestASessionEndsWhosesoeverItIsSaidToBe(t *testing.T) {
	for _, ends := range []bool{true, false} {
		w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 2, Seed: 1})
		must(t, w.server.AddUser("/alpha", "anna", "changeit"))
		s, err := w.server.Login("/alpha", "anna")
		must(t, err)
		want := methods.Ended
		if !ends {
			w.tamper, want = saying(t, true), methods.StillListed
		}
		outcomes, err := w.EndSessions(t.Context(), []methods.Session{{Handle: s.Handle, Username: "bert", Realm: "/alpha"}})
		must(t, err)
		if got := outcomes[0]; got.State != want || got.Username != "anna" {
			t.Errorf("AM ends it %t: %s of %q (%s), want %s of anna", ends, got.State, got.Username, got.Reason, want)
		}
	}
}
