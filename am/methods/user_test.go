package methods_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestAUsersSessionsEndInEveryRealmUntilNoneAppears(t *testing.T) {
	for _, profile := range []string{"openam", "pingam-8.1"} {
		w := newWorld(t, simulator.Options{Profile: profile, Realms: 2, Users: 6, Sessions: 30, Seed: 1})
		for _, realm := range []string{"/alpha", "/bravo"} {
			_ = w.server.AddUser(realm, "leaver", "changeit") // openam has one identity store for all realms
			for range 3 {
				_, err := w.server.Login(realm, "leaver")
				must(t, err)
			}
		}
		var again atomic.Int32
		w.tamper = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if strings.HasPrefix(r.URL.Query().Get("_action"), "logoutBy") && again.Add(1) <= 2 {
				_, _ = w.server.Login("/alpha", "leaver") // logs in while being logged out
			}
			return false
		}
		outcomes, err := w.EndUser(t.Context(), "", "leaver")
		must(t, err)
		if n := states(outcomes)[methods.Ended]; n < 6 || n != len(outcomes) {
			t.Errorf("%s: %v", profile, states(outcomes))
		}
		for _, s := range w.server.Sessions() {
			if s.Username == "leaver" {
				t.Errorf("%s: a session of the user is left in %s", profile, s.Realm)
			}
		}
		if slices.Contains(w.changing(), "logoutByUser") {
			t.Errorf("%s: logoutByUser was sent, which ends what no list has shown", profile)
		}
		if n := len(w.sessions("/bravo")); n == 0 {
			t.Errorf("%s: nobody else's session is left", profile)
		}
	}
}

// If realms cannot be listed, the user's sessions in other realms are not ended, and a notice says so.
func TestAUserOfRealmsThatCannotBeListedIsNotLeftSilently(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1})
	for _, realm := range []string{"/", "/alpha"} {
		_, err := w.server.Login(realm, "demo")
		must(t, err)
	}
	w.tamper = func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
		if !strings.HasSuffix(r.URL.Path, "/global-config/realms") {
			return false
		}
		answer(response, http.StatusForbidden)
		return true
	}
	outcomes, err := w.EndUser(t.Context(), "", "demo")
	must(t, err)
	if n := states(outcomes)[methods.Ended]; n != 1 || len(outcomes) != 1 {
		t.Errorf("%v, want one ended", states(outcomes))
	}
	if all := strings.Join(w.notices, "\n"); !strings.Contains(all, "may not list realms: only realm / is queried") {
		t.Errorf("the notices are %q", w.notices)
	}
}

func TestTheCallersOwnSessionsButOneEndWithItsUser(t *testing.T) {
	for _, profile := range []string{"openam", "am-7", "pingam-8.1"} {
		w := newWorld(t, simulator.Options{Profile: profile})
		for range 3 {
			_, err := w.server.Login("/", "amadmin")
			must(t, err)
		}
		own, err := w.Client.OwnSession(t.Context())
		must(t, err)
		outcomes, err := w.EndUser(t.Context(), "", "AMAdmin")
		must(t, err)
		if got := states(outcomes); got[methods.Ended] != 3 || len(outcomes) != 3 {
			t.Errorf("%s: %v", profile, got)
		}
		if now, err := w.Client.OwnSession(t.Context()); err != nil || now.Handle != own.Handle {
			t.Errorf("%s: amsql's own session has ended", profile)
		}
	}
}

// The outcomes and the journal of a user's logout contain each session that the server ended, even if the user logs in
// meanwhile.
func TestTheOutcomesOfAUserAreAllThatWasEnded(t *testing.T) {
	for _, c := range []struct {
		max   int
		ended int
		err   string
	}{
		{100, 7, ""},
		{7, 7, ""},
		{6, 2, "5 sessions of 1 user in realm /alpha have begun since; with the 2 ended, that is more than 6: raise --max"},
		{2, 2, "5 sessions of 1 user in realm /alpha have begun since; with the 2 ended, that is more than 2: raise --max"},
	} {
		for _, profile := range []string{"openam", "am-7", "pingam-8.1"} {
			w := newWorld(t, simulator.Options{Profile: profile, Realms: 1, Users: 2, Sessions: 2, Seed: 1})
			must(t, w.server.AddUser("/alpha", "leaver", "changeit"))
			login := func(n int) {
				for range n {
					_, err := w.server.Login("/alpha", "leaver")
					must(t, err)
				}
			}
			login(2)
			w.Max = c.max
			w.Confirm = func(_ context.Context, p *methods.Plan) error {
				login(5) // while the prompt is shown
				if len(p.Sessions) != 2 {
					t.Errorf("%s: the plan has %d sessions", profile, len(p.Sessions))
				}
				return nil
			}
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			var err error
			w.Journal, err = methods.OpenJournal(path)
			must(t, err)
			outcomes, err := w.EndUser(t.Context(), "/alpha", "leaver")
			must(t, w.Journal.Close())
			if c.err == "" && err != nil || c.err != "" && (err == nil || strings.Replace(err.Error(), " on am ("+w.Client.BaseURL()+")", "", 1) != c.err) {
				t.Errorf("%s, --max %d: error %v, want %s", profile, c.max, err, c.err)
			}
			left := 0
			for _, s := range w.server.Sessions() {
				if s.Username == "leaver" {
					left++
				}
			}
			journalled := 0
			for _, states := range lines(t, path) {
				if slices.Equal(states, []string{"sending", "answered", "ended"}) {
					journalled++
				}
			}
			if got := states(outcomes)[methods.Ended]; got != c.ended || len(outcomes) != c.ended || journalled != c.ended || left != 7-c.ended {
				t.Errorf("%s, --max %d: %d of %d outcomes are ended, %d in the journal, and %d sessions are left of 7; want %d ended", profile, c.max, got, len(outcomes), journalled, left, c.ended)
			}
		}
	}
}

func TestClientSideSessionsOfAUserEndByUser(t *testing.T) {
	for _, c := range []struct {
		name       string
		profile    string
		username   string
		realm      string
		clientSide bool
		settings   int // status of the answer to whether a realm uses client-side sessions, if that request fails
		status     int // status of the spoilt answer to logoutByUser
		sent       int
		notice     string
		err        string
	}{
		{name: "client-side", profile: "pingam-8.1", clientSide: true, sent: 1, notice: `AM was asked to end client-side sessions of "leaver" in realm /alpha, which it does not list, and answered true`},
		{name: "not known", profile: "pingam-8.1", settings: 403, sent: 1, notice: `AM was asked to end client-side sessions of "leaver"`},
		{name: "server-side", profile: "pingam-8.1", notice: `AM lists no sessions of "leaver", so none was ended`},
		{name: "no such action", profile: "am-7", clientSide: true, sent: 1, notice: `client-side sessions of "leaver" in realm /alpha, if any, have not ended: this AM (sessions 4.0) has no logoutByUser; they last until they expire`},
		{name: "OpenAM", profile: "openam", clientSide: true, notice: `AM lists no sessions of "leaver", so none was ended`},
		{name: "an AM that does not answer", profile: "pingam-8.1", clientSide: true, status: 503, sent: 1, err: `end client-side sessions of "leaver" in realm /alpha: logoutByUser failed`},
		{name: "the caller", profile: "pingam-8.1", username: "AMAdmin", realm: "/", settings: 403, notice: "skipped amsql's own session"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.username == "" {
				c.username, c.realm = "leaver", "/alpha"
			}
			w := newWorld(t, simulator.Options{Profile: c.profile, Realms: 1, Users: 2, Sessions: 2, Seed: 1})
			must(t, w.server.AddUser("/alpha", "leaver", "changeit"))
			user, password := w.server.Admin()
			adminOf(t, w, user, password).put("/realms/root/realms/alpha/realm-config/authentication", fmt.Sprintf(`{"general":{"statelessSessionsEnabled":%t}}`, c.clientSide))
			sent := 0
			w.tamper = func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
				status := 0
				switch {
				case r.URL.Query().Get("_action") == "logoutByUser":
					sent++
					status = c.status
				case strings.HasSuffix(r.URL.Path, "/realm-config/authentication"):
					status = c.settings
				}
				if status != 0 {
					answer(response, status)
				}
				return status != 0
			}
			var plan string
			w.Confirm = func(_ context.Context, p *methods.Plan) error { plan = p.String(); return nil }
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			journal, err := methods.OpenJournal(path)
			must(t, err)
			w.Journal = journal
			_, err = w.EndUser(t.Context(), c.realm, c.username)
			must(t, journal.Close())
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err)) {
				t.Errorf("error %v, want %s", err, c.err)
			}
			if sent != c.sent {
				t.Errorf("logoutByUser was sent %d times, want %d", sent, c.sent)
			}
			if want := fmt.Sprintf(`client-side sessions of "leaver" in realm /alpha on am (%s), which no list shows`, w.Client.BaseURL()); c.sent > 0 && plan != want {
				t.Errorf("the plan is %q, want %q", plan, want)
			}
			if c.notice != "" && !slices.ContainsFunc(w.notices, func(n string) bool { return strings.HasPrefix(n, c.notice) }) {
				t.Errorf("notices %q, want %s", w.notices, c.notice)
			}
			text, err := os.ReadFile(path)
			must(t, err)
			if n := strings.Count(string(text), `"method":"logout_by_user","session":"user-sha256:`); n != 3*c.sent {
				t.Errorf("%d lines of logoutByUser in the journal, want %d", n, 3*c.sent)
			}
		})
	}
}

func TestAUserWhoAlwaysSignsInAgainIsAnError(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 1, Seed: 1})
	must(t, w.server.AddUser("/alpha", "robot", "changeit"))
	login := func() { _, err := w.server.Login("/alpha", "robot"); must(t, err) }
	login()
	n := 0
	w.tamper = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		if isLogout(r) {
			if n++; n < 100 {
				login()
			}
		}
		return false
	}
	outcomes, err := w.EndUser(t.Context(), "/alpha", "robot")
	if want := `"robot" logs in as fast as the sessions end: 1 session left after 10 rounds; disable the user first`; err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
	if len(outcomes) != 10 || states(outcomes)[methods.Ended] != 10 || n != 10 {
		t.Errorf("outcomes %v after %d requests", states(outcomes), n)
	}
}

// In Advanced Identity Cloud, sessions have UUIDs, but an operator who ends a person's sessions knows the name that the
// person logs in with.
func TestSessionsEndByLoginName(t *testing.T) {
	for name, c := range map[string]struct {
		realm, user string
		ended       int
		fails       string
	}{
		"in one realm":               {user: "Anna", ended: 2},
		"in two realms":              {user: "both", fails: `"both" is the login name of `},
		"in the realm that is named": {user: "both", realm: "/bravo", ended: 1},
		"nobody's":                   {user: "nobody", fails: "not found"},
	} {
		server, err := simulator.New(simulator.Options{Profile: "aic", Seed: 1})
		must(t, err)
		web := httptest.NewServer(server)
		id, key := server.ServiceAccount()
		client, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), Credentials: rest.ServiceAccount{ID: id, JWK: string(key)}})
		must(t, err)
		for _, at := range [][2]string{{"/alpha", "Anna"}, {"/alpha", "both"}, {"/bravo", "both"}} {
			must(t, server.AddUser(at[0], at[1], "changeit"))
			_, err := server.Login(at[0], at[1])
			must(t, err)
		}
		_, err = server.Login("/alpha", "Anna")
		must(t, err)
		e := &methods.Terminator{Client: client, Inventory: inventory.New(client, inventory.Options{}), Max: 100, Connection: "am"}
		before := len(server.Sessions())
		outcomes, err := e.EndUser(t.Context(), c.realm, c.user)
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) || states(outcomes)[methods.Ended] != c.ended {
			t.Errorf("%s: %v, %v", name, states(outcomes), err)
		}
		if ended := before - len(server.Sessions()); ended != c.ended {
			t.Errorf("%s: %d sessions have ended, want %d", name, ended, c.ended)
		}
		must(t, client.Close(t.Context()))
		web.Close()
	}
}

// A session that AM does not end stays listed, and must not be mistaken for one that has begun since.
func TestAUsersSessionThatDoesNotEndIsSentOnce(t *testing.T) {
	for _, answered := range []bool{true, false} {
		w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 2, Seed: 1})
		must(t, w.server.AddUser("/alpha", "leaver", "changeit"))
		for range 3 {
			_, err := w.server.Login("/alpha", "leaver")
			must(t, err)
		}
		var sent atomic.Int32
		says := saying(t, answered)
		w.tamper = func(response http.ResponseWriter, r *http.Request, body []byte) bool {
			if strings.Contains(r.URL.RawQuery, "logoutByHandle") {
				sent.Add(1)
			}
			return says(response, r, body)
		}
		outcomes, err := w.EndUser(t.Context(), "/alpha", "leaver")
		must(t, err)
		if got := states(outcomes)[methods.Ended]; got > 0 || len(outcomes) != 3 || sent.Load() != 1 {
			t.Errorf("answered %t: %v after %d requests, want three that have not ended after one", answered, states(outcomes), sent.Load())
		}
	}
}

// AM lists the oldest sessions first, for a while even expired ones. If they fill the list, the user's other sessions are in none.
func TestSessionsBehindThoseThatStayListedMayLiveOn(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 1, Seed: 1, ListCap: 3})
	must(t, w.server.AddUser("/alpha", "leaver", "changeit"))
	for range 5 {
		_, err := w.server.Login("/alpha", "leaver")
		must(t, err)
	}
	w.DryRun = true
	planned, err := w.EndUser(t.Context(), "/alpha", "leaver")
	if must(t, err); len(planned) != 3 || !strings.Contains(strings.Join(w.notices, "\n"), `"leaver" may have more sessions`) {
		t.Errorf("planned %d of 5, notices %q", len(planned), w.notices)
	}
	w.DryRun, w.tamper = false, saying(t, true)
	_, err = w.EndUser(t.Context(), "/alpha", "leaver")
	if err == nil || !strings.Contains(err.Error(), `"leaver" may have more sessions`) {
		t.Errorf("all that is listed stays listed: %v, want an error", err)
	}
	w.tamper = nil
	outcomes, err := w.EndUser(t.Context(), "/alpha", "leaver")
	if must(t, err); states(outcomes)[methods.Ended] != 5 {
		t.Errorf("%v, want 5 ended", states(outcomes))
	}
}
