package methods_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestEachHandleHasItsOutcome(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1})
	own, err := w.Client.OwnSession(t.Context())
	must(t, err)
	alive := w.sessions("/alpha")
	dead := w.sessions("/bravo")[0].Handle
	_, err = w.Client.LogoutByHandle(t.Context(), "", []string{dead})
	must(t, err)
	altered := alive[2].Handle[:20] + "x" + alive[2].Handle[21:]
	bare := strings.TrimPrefix(alive[3].Handle, "shandle:") // AM would end the session
	outcomes, err := w.EndSessions(t.Context(), []methods.Session{
		{Handle: alive[0].Handle}, {Handle: dead}, {Handle: own.Handle}, {Handle: altered}, {Handle: alive[1].Handle}, {Handle: alive[0].Handle}, {Handle: bare}, {Handle: "garbage"},
	})
	must(t, err)
	got := map[string]methods.State{}
	for _, o := range outcomes {
		got[o.Handle] = o.State
	}
	want := map[string]methods.State{
		alive[0].Handle: methods.Ended, alive[1].Handle: methods.Ended,
		dead: methods.NotFound, altered: methods.NotFound, bare: methods.NotFound, "garbage": methods.NotFound,
	}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	if left := w.sessions("/alpha"); len(left) != len(alive)-2 {
		t.Errorf("%d sessions are left of %d, want all but 2", len(left), len(alive))
	}
	if info, err := w.Client.OwnSession(t.Context()); err != nil || info.Handle != own.Handle {
		t.Errorf("amsql's own session is now %+v, %v", info, err)
	}
	if !slices.ContainsFunc(w.notices, func(n string) bool { return strings.HasPrefix(n, "skipped amsql's own session") }) {
		t.Errorf("notices %q", w.notices)
	}
	if err := methods.Remaining(outcomes); err == nil || !strings.HasPrefix(err.Error(), "4 of 6 sessions not found in am (http://") {
		t.Errorf("%v", err)
	}
}

func TestTheOwnSessionEndsWhereItAloneIsNamed(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	own, err := w.Client.OwnSession(t.Context())
	must(t, err)
	outcomes, err := w.EndSessions(t.Context(), []methods.Session{{Handle: own.Handle}})
	must(t, err)
	if len(outcomes) != 1 || outcomes[0].State != methods.Ended {
		t.Errorf("%+v", outcomes)
	}
	for _, s := range w.server.Sessions() {
		if s.Handle == own.Handle {
			t.Error("it lives on")
		}
	}
}

func TestTheSessionOfAMItselfIsLeftOut(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 4})
	var all []methods.Session
	for _, s := range w.server.Sessions() {
		all = append(all, methods.Session{Handle: s.Handle})
	}
	outcomes, err := w.EndSessions(t.Context(), all)
	must(t, err)
	if states(outcomes)[methods.Ended] != 4 {
		t.Errorf("%v", states(outcomes))
	}
	if !slices.ContainsFunc(w.server.Sessions(), func(s simulator.Session) bool { return s.Username == "dsameuser" }) {
		t.Error("dsameuser has no session any more")
	}
}

// AM does not find sessions of agents by name. Still, they can be ended by handle, by name and as rows, and those that
// a truncated list may hide are not reported as gone.
func TestSessionsOfAgentsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		listCap int
		end     func(w *world, agent []simulator.Session) ([]methods.Outcome, error)
		want    map[methods.State]int
		fails   string
	}{
		"by handle": {listCap: 120, want: map[methods.State]int{methods.Ended: 2}, end: func(w *world, agent []simulator.Session) ([]methods.Outcome, error) {
			return w.EndSessions(t.Context(), []methods.Session{{Handle: agent[0].Handle}, {Handle: agent[1].Handle}})
		}},
		"by handle, with name and realm": {listCap: 120, want: map[methods.State]int{methods.Ended: 2}, end: func(w *world, agent []simulator.Session) ([]methods.Outcome, error) {
			return w.EndSessions(t.Context(), []methods.Session{
				{Handle: agent[0].Handle, Username: "webagent", Realm: "/alpha"}, {Handle: agent[1].Handle, Username: "webagent", Realm: "/alpha"},
			})
		}},
		"as rows": {listCap: 120, want: map[methods.State]int{methods.Ended: 1}, end: func(w *world, agent []simulator.Session) ([]methods.Outcome, error) {
			return w.EndSessions(t.Context(), []methods.Session{{Handle: agent[0].Handle, Username: "webagent", Realm: "/alpha", IdentityType: "agent", Listed: true}})
		}},
		"by name": {listCap: 120, want: map[methods.State]int{methods.Ended: 2}, end: func(w *world, _ []simulator.Session) ([]methods.Outcome, error) {
			return w.EndUser(t.Context(), "", "WebAgent")
		}},
		"by name, where the list is cut": {listCap: 5, want: map[methods.State]int{methods.Unknown: 2}, fails: "the list of realm /alpha cannot be relied on: AM truncates lists at 5", end: func(w *world, _ []simulator.Session) ([]methods.Outcome, error) {
			return w.EndUser(t.Context(), "/alpha", "WebAgent")
		}},
		"one that may have ended, where the list is cut": {listCap: 5, want: map[methods.State]int{methods.Unknown: 1}, end: func(w *world, agent []simulator.Session) ([]methods.Outcome, error) {
			return w.EndSessions(t.Context(), []methods.Session{{Handle: strings.Replace(agent[0].Handle, ":", ":x", 1), Username: "webagent", Realm: "/alpha"}})
		}},
		"one of a name that a user has, too, where the list is cut": {listCap: 5, want: map[methods.State]int{methods.Unknown: 1}, end: func(w *world, agent []simulator.Session) ([]methods.Outcome, error) {
			must(t, w.server.AddUser("/alpha", "webagent", "changeit"))
			return w.EndSessions(t.Context(), []methods.Session{{Handle: strings.Replace(agent[0].Handle, ":", ":x", 1), Username: "webagent", Realm: "/alpha"}})
		}},
		"by the name of a user, where the list is cut before an agent's sessions": {listCap: 5, want: map[methods.State]int{methods.Ended: 1}, fails: `agent "late" may have more sessions`, end: func(w *world, _ []simulator.Session) ([]methods.Outcome, error) {
			_, err := w.server.LoginAgent("/alpha", "late")
			must(t, err)
			must(t, w.server.AddUser("/alpha", "late", "changeit"))
			_, err = w.server.Login("/alpha", "late")
			must(t, err)
			return w.EndUser(t.Context(), "/alpha", "late")
		}},
		"by the name of a user, where the list is cut": {listCap: 5, want: map[methods.State]int{methods.Ended: 1}, end: func(w *world, _ []simulator.Session) ([]methods.Outcome, error) {
			_, err := w.server.Login("/alpha", "demo")
			must(t, err)
			return w.EndUser(t.Context(), "/alpha", "demo")
		}},
		"a user's that has ended, where the list is cut": {listCap: 5, want: map[methods.State]int{methods.AlreadyGone: 1}, end: func(w *world, agent []simulator.Session) ([]methods.Outcome, error) {
			return w.EndSessions(t.Context(), []methods.Session{{Handle: strings.Replace(agent[0].Handle, ":", ":x", 1), Username: "demo", Realm: "/alpha"}})
		}},
	} {
		w := newWorld(t, simulator.Options{Realms: 1, ListCap: c.listCap, Seed: 1})
		var agent []simulator.Session
		for range 2 {
			s, err := w.server.LoginAgent("/alpha", "WebAgent")
			must(t, err)
			agent = append(agent, s)
		}
		must(t, w.server.AddUser("/alpha", "anna", "changeit"))
		for range 12 {
			_, err := w.server.Login("/alpha", "anna")
			must(t, err)
		}
		outcomes, err := c.end(w, agent)
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) || !cmp.Equal(states(outcomes), c.want) {
			t.Errorf("%s: %v, %v; want %v", name, states(outcomes), err, c.want)
		}
		for _, o := range outcomes {
			lives := slices.ContainsFunc(w.server.Sessions(), func(s simulator.Session) bool { return s.Handle == o.Handle })
			if o.Gone() && lives {
				t.Errorf("%s: a session is %s, and lives: %t", name, o.State, lives)
			}
		}
	}
}
