package methods_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A token store may stop at any number, and then the realm's list, which alone contains sessions of agents, lacks some
// without a sign. Nothing counts as gone because such a list lacks it, unless the list has become shorter since.
func TestAnAgentsSessionIsGoneOnlyIfACompleteListLacksIt(t *testing.T) {
	row := func(s simulator.Session) methods.Session {
		return methods.Session{Handle: s.Handle, Username: "webagent", Realm: "/alpha", IdentityType: "agent", Listed: true}
	}
	named := func(s simulator.Session) methods.Session {
		return methods.Session{Handle: s.Handle, Username: "webagent", Realm: "/alpha"}
	}
	end := func(sessions ...methods.Session) func(*world) ([]methods.Outcome, error) {
		return func(w *world) ([]methods.Outcome, error) { return w.EndSessions(t.Context(), sessions) }
	}
	idle := func(*world) func(http.ResponseWriter, *http.Request, []byte) bool { return saying(t, true) }
	byName := func(w *world) ([]methods.Outcome, error) { return w.EndUser(t.Context(), "/alpha", "webagent") }
	for name, c := range map[string]struct {
		stops  int // of the token store
		tamper func(*world) func(http.ResponseWriter, *http.Request, []byte) bool
		end    func(w *world, first, last simulator.Session) ([]methods.Outcome, error)
		want   map[methods.State]int
		fails  string
		notice string
	}{
		"rows": {want: map[methods.State]int{methods.Ended: 2}, end: func(w *world, first, last simulator.Session) ([]methods.Outcome, error) {
			return end(row(first), row(last))(w)
		}},
		"rows, and AM ends nothing": {want: map[methods.State]int{methods.StillListed: 2}, tamper: idle, end: func(w *world, first, last simulator.Session) ([]methods.Outcome, error) {
			return end(row(first), row(last))(w)
		}},
		"rows, AM ends nothing, and the store omits one": {stops: 137, want: map[methods.State]int{methods.StillListed: 1, methods.Unknown: 1}, tamper: idle, end: func(w *world, first, last simulator.Session) ([]methods.Outcome, error) {
			return end(row(first), row(last))(w)
		}},
		"rows, and others log in": {want: map[methods.State]int{methods.Ended: 2}, tamper: crowding, end: func(w *world, first, last simulator.Session) ([]methods.Outcome, error) {
			return end(row(first), row(last))(w)
		}},
		"one with a name, which the store omits": {stops: 137, want: map[methods.State]int{methods.Unknown: 1}, end: func(w *world, _, last simulator.Session) ([]methods.Outcome, error) {
			return end(named(last))(w)
		}},
		"one with a name": {want: map[methods.State]int{methods.Ended: 1}, end: func(w *world, _, last simulator.Session) ([]methods.Outcome, error) {
			return end(named(last))(w)
		}},
		"one of a user who is gone": {want: map[methods.State]int{methods.AlreadyGone: 1}, end: func(w *world, _, _ simulator.Session) ([]methods.Outcome, error) {
			return end(methods.Session{Handle: "shandle:gone", Username: "leaver", Realm: "/alpha"})(w)
		}},
		"by name": {want: map[methods.State]int{methods.Ended: 2}, end: func(w *world, _, _ simulator.Session) ([]methods.Outcome, error) {
			return byName(w)
		}},
		"by name, and others log in": {want: map[methods.State]int{methods.Ended: 2}, tamper: crowding, end: func(w *world, _, _ simulator.Session) ([]methods.Outcome, error) {
			return byName(w)
		}},
		"by name, and the store stops": {stops: 137, want: map[methods.State]int{methods.Unknown: 1}, fails: `agent "webagent" may have more sessions: the list of realm /alpha cannot be relied on: no list is longer than 137`, end: func(w *world, _, _ simulator.Session) ([]methods.Outcome, error) {
			return byName(w)
		}},
		"by name, and the store omits all": {stops: 137, want: map[methods.State]int{}, notice: `agent "late" may have more sessions: the list of realm /alpha cannot be relied on: no list is longer than 137`, end: func(w *world, _, _ simulator.Session) ([]methods.Outcome, error) {
			_, err := w.server.LoginAgent("/alpha", "late")
			must(t, err)
			return w.EndUser(t.Context(), "/alpha", "late")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{Realms: 1, ListCap: 5000, Seed: 1})
			w.server.SetStoreLimit(c.stops)
			first, err := w.server.LoginAgent("/alpha", "webagent")
			must(t, err)
			for range 150 {
				_, err := w.server.Login("/alpha", "demo")
				must(t, err)
			}
			last, err := w.server.LoginAgent("/alpha", "webagent")
			must(t, err)
			if c.tamper != nil {
				w.tamper = c.tamper(w)
			}
			outcomes, err := c.end(w, first, last)
			if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) || !cmp.Equal(states(outcomes), c.want) {
				t.Errorf("%v, %v; want %v", states(outcomes), err, c.want)
			}
			told := func(notice string) bool { return strings.Contains(notice, "cannot be relied on") }
			if i := slices.IndexFunc(w.notices, told); (i >= 0) != (c.notice != "") || i >= 0 && !strings.Contains(w.notices[i], c.notice) {
				t.Errorf("notices %q, want %q", w.notices, c.notice)
			}
			for _, o := range outcomes {
				if o.Gone() && slices.ContainsFunc(w.server.Sessions(), func(s simulator.Session) bool { return s.Handle == o.Handle }) {
					t.Errorf("a session is %s, and lives", o.State)
				}
			}
		})
	}
}

// The user's own list is no proof either if the token store stops there.
func TestAUsersSessionIsGoneOnlyIfACompleteListLacksIt(t *testing.T) {
	for stops, want := range map[int]methods.State{0: methods.Ended, 137: methods.Unknown} {
		w := newWorld(t, simulator.Options{Realms: 1, ListCap: 5000, Seed: 1})
		w.server.SetStoreLimit(stops)
		var last simulator.Session
		for range 150 {
			var err error
			last, err = w.server.Login("/alpha", "demo")
			must(t, err)
		}
		outcomes, err := w.EndSessions(t.Context(), []methods.Session{{Handle: last.Handle, Username: "demo", Realm: "/alpha"}})
		if must(t, err); len(outcomes) != 1 || outcomes[0].State != want {
			t.Errorf("a store that stops at %d: %+v, want %s", stops, outcomes, want)
		}
	}
}

// crowding lets some users log in before each list that follows a logout.
func crowding(w *world) func(http.ResponseWriter, *http.Request, []byte) bool {
	var ended atomic.Bool
	return func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		ended.Store(ended.Load() || isLogout(r))
		if ended.Load() && r.URL.Query().Has("_queryFilter") {
			for range 5 {
				_, _ = w.server.Login("/alpha", "demo")
			}
		}
		return false
	}
}
