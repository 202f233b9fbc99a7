package methods_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A world is a simulated AM, what stands before it, and what ends its sessions.
type world struct {
	*methods.Ending
	server  *simulator.Server
	tamper  func(w http.ResponseWriter, r *http.Request, body []byte) (done bool)
	notices []string
}

func newWorld(t *testing.T, options simulator.Options) *world {
	t.Helper()
	server, err := simulator.New(options)
	must(t, err)
	w := &world{server: server}
	web := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if w.tamper != nil && w.tamper(response, r, body) {
			return
		}
		w.pass(response, r, body)
	}))
	t.Cleanup(web.Close)
	user, password := server.Admin()
	credentials := rest.Password{Username: user, Password: password}
	client, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), Credentials: credentials})
	must(t, err)
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	w.Ending = &methods.Ending{
		Client: client, Inventory: inventory.New(client, inventory.Options{}), Max: 10_000, Connection: "am", Who: "tester", Reason: "INC-1",
		Notify: func(notice string) { w.notices = append(w.notices, notice) },
	}
	return w
}

// pass lets the simulated AM answer.
func (w *world) pass(response http.ResponseWriter, r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	w.server.ServeHTTP(response, r)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sessions are those of users in the realm, alive now.
func (w *world) sessions(realm string) (sessions []methods.Session) {
	for _, s := range w.server.Sessions() {
		if s.Realm == realm && s.Token != "" {
			sessions = append(sessions, methods.Session{Handle: s.Handle})
		}
	}
	return sessions
}

// changing are the requests that could have changed a session.
func (w *world) changing() (actions []string) {
	for _, r := range w.server.Requests() {
		if strings.HasPrefix(strings.ToLower(r.Action), "logout") || r.Action == "refresh" || strings.HasPrefix(r.Action, "update") {
			actions = append(actions, r.Action)
		}
	}
	return actions
}

func states(outcomes []methods.Outcome) map[methods.State]int {
	counts := map[methods.State]int{}
	for _, o := range outcomes {
		counts[o.State]++
	}
	return counts
}

func isLogout(r *http.Request) bool { return r.URL.Query().Get("_action") == "logoutByHandle" }

func answer(response http.ResponseWriter, status int) {
	response.Header().Set("Content-Type", "application/json")
	response.WriteHeader(status)
	fmt.Fprintf(response, `{"code":%d,"reason":"%s","message":"spoilt"}`, status, http.StatusText(status))
}

func TestEachHandleHasItsOutcome(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1})
	own, err := w.Client.OwnSession(t.Context())
	must(t, err)
	alive := w.sessions("/alpha")
	dead := w.sessions("/bravo")[0].Handle
	_, err = w.Client.LogoutByHandle(t.Context(), "", []string{dead})
	must(t, err)
	altered := alive[2].Handle[:20] + "x" + alive[2].Handle[21:]
	bare := strings.TrimPrefix(alive[3].Handle, "shandle:") // would end the session all the same
	outcomes, err := w.Sessions(t.Context(), []methods.Session{
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
	outcomes, err := w.Sessions(t.Context(), []methods.Session{{Handle: own.Handle}})
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
	outcomes, err := w.Sessions(t.Context(), all)
	must(t, err)
	if states(outcomes)[methods.Ended] != 4 {
		t.Errorf("%v", states(outcomes))
	}
	if !slices.ContainsFunc(w.server.Sessions(), func(s simulator.Session) bool { return s.Username == "dsameuser" }) {
		t.Error("dsameuser has no session any more")
	}
}

// The servers of a site share a token store: one may list for a moment what another has ended.
func TestASessionThatIsListedForAMomentLongerHasEnded(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 4, Seed: 1})
	sessions := w.sessionsOf(t, "/alpha")
	var late func() // what the other server has not heard of yet
	w.tamper = func(response http.ResponseWriter, r *http.Request, body []byte) bool {
		switch {
		case isLogout(r):
			late = func() { w.pass(httptest.NewRecorder(), r.Clone(context.Background()), body) }
			answers := map[string]bool{}
			for _, s := range sessions {
				answers[s.Handle] = true
			}
			response.Header().Set("Content-Type", "application/json")
			must(t, json.NewEncoder(response).Encode(map[string]any{"result": answers}))
			return true
		case late != nil && r.URL.Query().Has("_queryFilter"):
			w.pass(response, r, body)
			late()
			late = nil
			return true
		}
		return false
	}
	outcomes, err := w.Sessions(t.Context(), sessions[:1])
	must(t, err)
	if len(outcomes) != 1 || outcomes[0].State != methods.Ended {
		t.Errorf("%+v", outcomes)
	}
}

func TestNothingIsSentThatChangesAnythingBeforeTheGuardsAgree(t *testing.T) {
	stop := errors.New("no")
	for name, set := range map[string]func(*methods.Ending){
		"too many":  func(e *methods.Ending) { e.Max = 5 },
		"declined":  func(e *methods.Ending) { e.Confirm = func(context.Context, *methods.Plan) error { return stop } },
		"a dry run": func(e *methods.Ending) { e.DryRun = true },
	} {
		w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 6, Seed: 1})
		set(w.Ending)
		token, err := w.server.Login("/", "demo")
		must(t, err)
		for what, run := range map[string]func() ([]methods.Outcome, error){
			"handles": func() ([]methods.Outcome, error) { return w.Sessions(t.Context(), w.sessions("/alpha")) },
			"a token": func() ([]methods.Outcome, error) {
				return w.Sessions(t.Context(), append(w.sessions("/alpha"), methods.Session{Token: token.Token}))
			},
			"a user": func() ([]methods.Outcome, error) { w.Max--; return w.User(t.Context(), "", "ajensen") },
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

// What goes wrong with the batches, and what must become of the 40 sessions.
func TestFaultsAreSettledByAskingAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper func(w *world, bad string) func(http.ResponseWriter, *http.Request, []byte) bool
		want   map[methods.State]int
		reason string
	}{
		{"a handle at fault", func(_ *world, bad string) func(http.ResponseWriter, *http.Request, []byte) bool {
			return func(response http.ResponseWriter, r *http.Request, body []byte) bool {
				if isLogout(r) && bytes.Contains(body, []byte(bad)) {
					answer(response, 500)
					return true
				}
				return false
			}
		}, map[methods.State]int{methods.Ended: 39, methods.Refused: 1}, "500"},
		{"a batch that fails halfway", func(w *world, _ string) func(http.ResponseWriter, *http.Request, []byte) bool {
			var once atomic.Bool
			return func(response http.ResponseWriter, r *http.Request, body []byte) bool {
				var list struct{ SessionHandles []string }
				if !isLogout(r) || once.Swap(true) {
					return false
				}
				_ = json.Unmarshal(body, &list)
				half, _ := json.Marshal(map[string]any{"sessionHandles": list.SessionHandles[:len(list.SessionHandles)/2]})
				w.pass(httptest.NewRecorder(), r, half)
				answer(response, 500)
				return true
			}
		}, map[methods.State]int{methods.Ended: 40}, ""},
		{"no answer after the server has acted", func(w *world, _ string) func(http.ResponseWriter, *http.Request, []byte) bool {
			return func(_ http.ResponseWriter, r *http.Request, body []byte) bool {
				if isLogout(r) {
					w.pass(httptest.NewRecorder(), r, body)
					panic(http.ErrAbortHandler)
				}
				return false
			}
		}, map[methods.State]int{methods.Ended: 40}, "AM no longer lists it, although"},
		{"a reset connection", func(*world, string) func(http.ResponseWriter, *http.Request, []byte) bool {
			var n atomic.Int32
			return func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
				if isLogout(r) && n.Add(1) <= 2 {
					panic(http.ErrAbortHandler)
				}
				return false
			}
		}, map[methods.State]int{methods.Ended: 40}, ""},
		{"401 in the middle", func(*world, string) func(http.ResponseWriter, *http.Request, []byte) bool {
			var n atomic.Int32
			return func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
				if isLogout(r) && n.Add(1) == 2 {
					answer(response, 401)
					return true
				}
				return false
			}
		}, map[methods.State]int{methods.Ended: 40}, ""},
		{"401 for good", func(*world, string) func(http.ResponseWriter, *http.Request, []byte) bool {
			var n atomic.Int32
			return func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
				if isLogout(r) && n.Add(1) > 2 {
					answer(response, 401)
					return true
				}
				return false
			}
		}, map[methods.State]int{methods.Ended: 20, methods.Refused: 10, methods.StillListed: 10}, "401"},
		{"an AM that says true and does nothing", func(*world, string) func(http.ResponseWriter, *http.Request, []byte) bool {
			return saying(t, true)
		}, map[methods.State]int{methods.StillListed: 40}, "AM answered true"},
		{"an AM that says false and does nothing", func(*world, string) func(http.ResponseWriter, *http.Request, []byte) bool {
			return saying(t, false)
		}, map[methods.State]int{methods.Refused: 40}, "AM answered false"},
		{"an AM that takes amsql for nobody any more", func(*world, string) func(http.ResponseWriter, *http.Request, []byte) bool {
			var acted atomic.Bool
			return func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
				acted.CompareAndSwap(false, isLogout(r))
				refused := acted.Load() && r.Method == http.MethodGet
				if refused {
					answer(response, 401)
				}
				return refused
			}
		}, map[methods.State]int{methods.Unknown: 40}, "401 Unauthorized"},
		{"500 for everything", func(*world, string) func(http.ResponseWriter, *http.Request, []byte) bool {
			return func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
				if isLogout(r) {
					answer(response, 500)
				}
				return isLogout(r)
			}
		}, nil, "500"},
		{"an AM that cannot be asked again", func(*world, string) func(http.ResponseWriter, *http.Request, []byte) bool {
			var acted atomic.Bool
			return func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
				acted.CompareAndSwap(false, isLogout(r))
				if acted.Load() && r.Method == http.MethodGet {
					answer(response, 500)
					return true
				}
				return false
			}
		}, map[methods.State]int{methods.Unknown: 40}, "AM answered true, and cannot be asked again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, simulator.Options{Realms: 1, Users: 5, Sessions: 40, Seed: 1})
			w.BatchSize = 10
			if c.name == "401 for good" {
				admin, err := w.server.Login("/", "amadmin")
				must(t, err)
				w.oneByOne(t, admin.Token)
			}
			all := w.sessions("/alpha")
			w.tamper = c.tamper(w, all[13].Handle)
			outcomes, err := w.Sessions(t.Context(), all)
			must(t, err)
			w.tamper = nil
			left := len(w.sessions("/alpha"))
			got := states(outcomes)
			if c.want != nil && !cmp.Equal(got, c.want) {
				t.Errorf("outcomes %v, want %v", got, c.want)
			}
			if gone := got[methods.Ended]; got[methods.Unknown] == 0 && left != 40-gone {
				t.Errorf("%d are said to be ended, and %d are left", gone, left)
			}
			if i := slices.IndexFunc(outcomes, func(o methods.Outcome) bool { return strings.Contains(o.Reason, c.reason) }); i < 0 {
				t.Errorf("no reason says %q: %q", c.reason, outcomes[0].Reason)
			}
			if n := len(w.changing()); n > 60 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// saying is an AM that answers so of each handle that it is told to end, and does nothing.
func saying(t *testing.T, ended bool) func(http.ResponseWriter, *http.Request, []byte) bool {
	return func(response http.ResponseWriter, r *http.Request, body []byte) bool {
		if !isLogout(r) {
			return false
		}
		var list struct{ SessionHandles []string }
		must(t, json.Unmarshal(body, &list))
		said := map[string]bool{}
		for _, handle := range list.SessionHandles {
			said[handle] = ended
		}
		response.Header().Set("Content-Type", "application/json")
		must(t, json.NewEncoder(response).Encode(map[string]any{"result": said}))
		return true
	}
}

// AM lists a session for up to a minute after either of its times, which are those of its own clock.
func TestASessionThatAMStillListsHasExpiredByEitherOfItsTimes(t *testing.T) {
	const ahead = 24 * time.Hour
	for _, c := range []struct {
		idle, session time.Duration // until then, by the server's clock
		want          methods.State
	}{
		{time.Hour, time.Hour, methods.StillListed},
		{-time.Minute, time.Hour, methods.AlreadyGone},
		{time.Hour, -time.Minute, methods.AlreadyGone},
	} {
		w := newWorld(t, simulator.Options{Realms: 1, Users: 1, Sessions: 1, Seed: 1, Clock: func() time.Time { return time.Now().Add(ahead) }})
		at := func(d time.Duration) string {
			return time.Now().Add(ahead + d).UTC().Format("2006-01-02T15:04:05.000Z")
		}
		does := saying(t, true)
		w.tamper = func(response http.ResponseWriter, r *http.Request, body []byte) bool {
			response.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			if !r.URL.Query().Has("_queryFilter") {
				return does(response, r, body)
			}
			recorded := httptest.NewRecorder()
			w.pass(recorded, r, body)
			var list map[string]any
			must(t, json.Unmarshal(recorded.Body.Bytes(), &list))
			for _, s := range list["result"].([]any) {
				session := s.(map[string]any)
				session["maxIdleExpirationTime"], session["maxSessionExpirationTime"] = at(c.idle), at(c.session)
			}
			maps.Copy(response.Header(), recorded.Header())
			response.Header().Del("Content-Length")
			must(t, json.NewEncoder(response).Encode(list))
			return true
		}
		outcomes, err := w.Sessions(t.Context(), w.sessionsOf(t, "/alpha"))
		must(t, err)
		if len(outcomes) != 1 || outcomes[0].State != c.want {
			t.Errorf("%v idle, %v in all: %+v, want %s", c.idle, c.session, outcomes, c.want)
		}
	}
}

func TestATokenWhoseLogoutFailsIsNotTakenForThatOfAClient(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 1, Sessions: 1, Seed: 1})
	session, err := w.server.Login("/", "demo")
	must(t, err)
	w.tamper = func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
		fails := r.URL.Query().Get("_action") == "logout"
		if fails {
			answer(response, 500)
		}
		return fails
	}
	outcomes, err := w.Sessions(t.Context(), []methods.Session{{Token: session.Token}})
	must(t, err)
	if o := outcomes[0]; o.State != methods.Refused || !strings.Contains(o.Reason, "500 Internal Server Error") {
		t.Errorf("%s, %q", o.State, o.Reason)
	}
	w.tamper = nil
}

// oneByOne makes a client of a token that cannot be renewed, with one request at a time.
func (w *world) oneByOne(t *testing.T, token string) {
	client, err := rest.New(rest.Config{BaseURL: w.Client.BaseURL(), Credentials: rest.SSOToken(token), MaxConcurrency: 1})
	must(t, err)
	w.Client, w.Inventory = client, inventory.New(client, inventory.Options{})
}

func TestAnInterruptionLeavesNoSessionUnaccountedFor(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 5, Sessions: 100, Seed: 1})
	w.BatchSize = 5
	all := w.sessions("/alpha")
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int32
	w.tamper = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		if isLogout(r) && n.Add(1) == 3 {
			cancel()
		}
		return false
	}
	outcomes, err := w.Sessions(ctx, all)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	got := states(outcomes)
	if got[methods.Ended] < 15 || got[methods.StillListed] == 0 || got[methods.Ended]+got[methods.StillListed] != 100 {
		t.Errorf("outcomes %v", got)
	}
	if left := len(w.sessions("/alpha")); left != got[methods.StillListed] {
		t.Errorf("%d are left, %d are said to be", left, got[methods.StillListed])
	}
	if o := outcomes[len(outcomes)-1]; o.Reason != "not sent: interrupted" {
		t.Errorf("the last: %+v", o)
	}
}

func TestAUsersSessionsEndInEveryRealmUntilNoneAppears(t *testing.T) {
	for _, profile := range []string{"openam", "pingam-8.1"} {
		w := newWorld(t, simulator.Options{Profile: profile, Realms: 2, Users: 6, Sessions: 30, Seed: 1})
		for _, realm := range []string{"/alpha", "/bravo"} {
			_ = w.server.AddUser(realm, "leaver", "changeit") // openam has one store for all realms
			for range 3 {
				_, err := w.server.Login(realm, "leaver")
				must(t, err)
			}
		}
		var again atomic.Int32
		w.tamper = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if strings.HasPrefix(r.URL.Query().Get("_action"), "logoutBy") && again.Add(1) <= 2 {
				_, _ = w.server.Login("/alpha", "leaver") // signs in while it is signed out
			}
			return false
		}
		outcomes, err := w.User(t.Context(), "", "leaver")
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

func TestTheCallersOwnSessionsButOneEndWithItsUser(t *testing.T) {
	for _, profile := range []string{"openam", "am-7", "pingam-8.1"} {
		w := newWorld(t, simulator.Options{Profile: profile})
		for range 3 {
			_, err := w.server.Login("/", "amadmin")
			must(t, err)
		}
		own, err := w.Client.OwnSession(t.Context())
		must(t, err)
		outcomes, err := w.User(t.Context(), "", "AMAdmin")
		must(t, err)
		if got := states(outcomes); got[methods.Ended] != 3 || len(outcomes) != 3 {
			t.Errorf("%s: %v", profile, got)
		}
		if now, err := w.Client.OwnSession(t.Context()); err != nil || now.Handle != own.Handle {
			t.Errorf("%s: amsql's own session has ended", profile)
		}
	}
}

func TestAClientSideSessionIsSaidToLiveOn(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 2, Seed: 1})
	user, password := w.server.Admin()
	admin := adminOf(t, w, user, password)
	admin.put("/realms/root/realms/alpha/realm-config/authentication", `{"general":{"statelessSessionsEnabled":true}}`)
	token := admin.login("/alpha", "ajensen", "changeit")
	outcomes, err := w.Sessions(t.Context(), []methods.Session{{Token: token}})
	must(t, err)
	if o := outcomes[0]; o.State != methods.Refused || !strings.Contains(o.Reason, "client-side session, which AM ends only if denylisting is on") {
		t.Errorf("%+v", o)
	}
	if err := methods.Remaining(outcomes); err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("error %v", err)
	}
}

func TestTokensEndAndAreProven(t *testing.T) {
	for _, profile := range simulator.Profiles() {
		if profile == "aic" || profile == "am-5.5" {
			continue
		}
		w := newWorld(t, simulator.Options{Profile: profile, Realms: 1, Users: 2, Sessions: 6, Seed: 1})
		var sessions []methods.Session
		for _, s := range w.server.Sessions() {
			if s.Realm == "/alpha" {
				sessions = append(sessions, methods.Session{Token: s.Token})
			}
		}
		sessions = append(sessions, methods.Session{Token: "garbage"})
		outcomes, err := w.Sessions(t.Context(), sessions)
		must(t, err)
		if got := states(outcomes); got[methods.Ended] != 6 || got[methods.NotFound] != 1 || len(w.sessions("/alpha")) != 0 {
			t.Errorf("%s: %v, %d left", profile, got, len(w.sessions("/alpha")))
		}
	}
}

// lines are the journal's, and outcomes by session, in order.
func lines(t *testing.T, path string) (bySession map[string][]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	bySession = map[string][]string{}
	for line := range strings.Lines(string(text)) {
		var entry methods.Entry
		if json.Unmarshal([]byte(line), &entry) == nil {
			bySession[entry.Session] = append(bySession[entry.Session], entry.Outcome)
		}
	}
	return bySession
}

func TestTheJournalHasEachStepAndNoSecret(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 5, Seed: 1})
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	journal, err := methods.OpenJournal(path)
	must(t, err)
	w.Journal = journal
	handles := w.sessions("/alpha")
	tokens := w.server.Sessions()
	w.tamper = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		if isLogout(r) && !slices.ContainsFunc(slices.Collect(maps.Values(lines(t, path))), func(o []string) bool { return slices.Equal(o, []string{"sending"}) }) {
			t.Error("a request goes out before its lines are in the journal")
		}
		return false
	}
	_, err = w.Sessions(t.Context(), handles)
	must(t, err)
	must(t, journal.Close())
	bySession := lines(t, path)
	for _, s := range handles {
		if got, want := bySession[methods.Fingerprint(s.Handle)], []string{"sending", "answered", "ended"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	text, err := os.ReadFile(path)
	must(t, err)
	for _, s := range tokens {
		if strings.Contains(string(text), s.Handle) || s.Token != "" && strings.Contains(string(text), s.Token) {
			t.Error("the journal has a handle or a token")
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for _, want := range []string{`"who":"tester"`, `"connection":"am"`, `"method":"logout_by_handle"`, `"realm":"/alpha"`, `"reason":"INC-1"`, `"transaction":"amsql-`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestAJournalThatBrokeOffIsSettledByTheNextRun(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 6, Seed: 1})
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	all := w.server.Sessions()
	all = slices.DeleteFunc(all, func(s simulator.Session) bool { return s.Realm != "/alpha" })
	var earlier strings.Builder
	for _, s := range all[:4] {
		fmt.Fprintf(&earlier, `{"connection":"am","method":"logout_by_handle","session":"%s","username":"%s","realm":"/alpha","outcome":"sending"}`+"\n", methods.Fingerprint(s.Handle), s.Username)
	}
	fmt.Fprintf(&earlier, `{"connection":"am","session":"%s","outcome":"ended"}`+"\n", methods.Fingerprint("settled"))
	earlier.WriteString(`{"connection":"am","sess`) // killed in the middle of a line
	must(t, os.WriteFile(path, []byte(earlier.String()), 0o600))
	_, err := w.Client.LogoutByHandle(t.Context(), "", []string{all[0].Handle, all[1].Handle})
	must(t, err)

	journal, err := methods.OpenJournal(path)
	must(t, err)
	defer func() { must(t, journal.Close()) }()
	w.Journal = journal
	outcomes, err := w.Sessions(t.Context(), []methods.Session{{Handle: all[0].Handle}, {Handle: all[2].Handle}})
	must(t, err)
	if outcomes[0].State != methods.AlreadyGone || outcomes[1].State != methods.Ended {
		t.Errorf("%+v", outcomes)
	}
	bySession := lines(t, path)
	for i, want := range [][]string{
		{"sending", "ended", "already gone"}, {"sending", "ended"}, {"sending", "still listed", "sending", "answered", "ended"}, {"sending", "still listed"},
	} {
		if got := bySession[methods.Fingerprint(all[i].Handle)]; !slices.Equal(got, want) {
			t.Errorf("session %d: %q, want %q", i, got, want)
		}
	}
	if want := "the journal had left 4 sessions open: 2 ended, 2 still listed, 0 unknown"; !slices.Contains(w.notices, want) {
		t.Errorf("notices %q", w.notices)
	}
}

// setter sets the server up over HTTP.
type setter struct {
	t     *testing.T
	url   string
	token string
}

func adminOf(t *testing.T, w *world, user, password string) *setter {
	s := &setter{t: t, url: w.Client.BaseURL() + "/json"}
	s.token = s.login("/", user, password)
	return s
}

func (s *setter) login(realm, user, password string) string {
	path := "/realms/root"
	if realm != "/" {
		path += "/realms" + realm
	}
	var reply struct{ TokenID string }
	s.do("POST", path+"/authenticate", "{}", &reply, "X-OpenAM-Username", user, "X-OpenAM-Password", password)
	return reply.TokenID
}

func (s *setter) put(path, body string) {
	s.do("PUT", path, body, nil, "iPlanetDirectoryPro", s.token, "Accept-API-Version", "resource=1.0")
}

func (s *setter) post(path, body string) {
	s.do("POST", path, body, nil, "iPlanetDirectoryPro", s.token, "Accept-API-Version", "resource=1.0")
}

func (s *setter) do(method, path, body string, reply any, header ...string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	must(s.t, err)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	must(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(s.t, err)
	if response.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %s %s", method, path, response.Status, text)
	}
	if reply != nil {
		must(s.t, json.Unmarshal(text, reply))
	}
}

func TestWhatTheJournalLeftOpenBlocksNothing(t *testing.T) {
	settled := "the journal had left 1 session open: 0 ended, 0 still listed, 1 unknown"
	open := "the journal leaves 1 session open, for the next run: the session query for \"busy\" in realm /bravo failed"
	for _, c := range []struct {
		name, session, realm string
		status               int    // of the answer to the list of the entry's user, where it is spoilt
		reason               string // of the entry's outcome; "" where it stays open
		notice               string
	}{
		{"a truncated list", "sha256:1", "/alpha", 0, `and AM cannot be asked what became of it: AM truncates the list of "busy" in realm /alpha`, settled},
		{"no such realm", "sha256:1", "/nowhere", 0, "404 Not Found", settled},
		{"no realm", "sha256:1", "", 0, "the journal does not name the user", settled},
		{"forbidden", "sha256:1", "/bravo", 403, "403 Forbidden", settled},
		{"a token", "token-sha256:1", "/bravo", 0, "only its token could tell", settled},
		{"client-side sessions", "user-sha256:1", "/bravo", 0, "no list shows client-side sessions", settled},
		{"out of order", "sha256:1", "/bravo", 503, "", open},
		{"not signed in", "sha256:1", "/bravo", 401, "", open},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1, ListCap: 8})
			must(t, w.server.AddUser("/alpha", "busy", "changeit"))
			for range 10 {
				_, err := w.server.Login("/alpha", "busy")
				must(t, err)
			}
			w.tamper = func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
				spoilt := c.status != 0 && strings.Contains(r.URL.Query().Get("_queryFilter"), `"busy"`)
				if spoilt {
					answer(response, c.status)
				}
				return spoilt
			}
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			must(t, os.WriteFile(path, []byte(`{"connection":"am","session":"`+c.session+`","username":"busy","realm":"`+c.realm+`","outcome":"sending"}`+"\n"), 0o600))
			journal, err := methods.OpenJournal(path)
			must(t, err)
			defer func() { must(t, journal.Close()) }()
			w.Journal = journal
			outcomes, err := w.Sessions(t.Context(), w.sessionsOf(t, "/bravo")[:1])
			must(t, err)
			if outcomes[0].State != methods.Ended {
				t.Errorf("%+v", outcomes)
			}
			want := []string{"sending", "unknown"}
			if c.reason == "" {
				want = want[:1]
			}
			if got := lines(t, path)[c.session]; !slices.Equal(got, want) {
				t.Errorf("outcomes of the entry %q, want %q", got, want)
			}
			if text, err := os.ReadFile(path); err != nil || !strings.Contains(strings.ReplaceAll(string(text), `\"`, `"`), c.reason) {
				t.Errorf("no %q in %s", c.reason, text)
			}
			if !slices.ContainsFunc(w.notices, func(n string) bool { return strings.HasPrefix(n, c.notice) }) {
				t.Errorf("notices %q", w.notices)
			}
		})
	}
}

func TestWhatARunCouldNotTellLaterRunsAskUntilAMTells(t *testing.T) {
	for _, c := range []struct {
		name, session, realm string
		written, become      []string // the outcomes of the entry before and after
	}{
		{"an answer that did not come", "sha256:1", "/bravo", []string{"sending", "failed", "unknown"}, []string{"sending", "failed", "unknown", "ended"}},
		{"and could not be told twice", "sha256:1", "/bravo", []string{"sending", "unknown", "unknown"}, []string{"sending", "unknown", "unknown", "ended"}},
		{"nor can it now", "sha256:1", "/alpha", []string{"sending", "unknown"}, []string{"sending", "unknown"}},
		{"by a run that had the handle alone", "sha256:1", "/bravo", []string{"sending", "unknown", "nameless unknown"}, []string{"sending", "unknown", "unknown", "ended"}},
		{"what was not sent", "sha256:1", "/bravo", []string{"unknown"}, []string{"unknown"}},
		{"what was sent by an earlier run alone", "sha256:1", "/bravo", []string{"sending", "still listed", "unknown"}, []string{"sending", "still listed", "unknown"}},
		{"a token", "token-sha256:1", "/bravo", []string{"sending", "unknown"}, []string{"sending", "unknown"}},
		{"client-side sessions", "user-sha256:1", "/bravo", []string{"sending", "unknown"}, []string{"sending", "unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1, ListCap: 8})
			must(t, w.server.AddUser("/alpha", "busy", "changeit"))
			for range 10 { // more than AM lists
				_, err := w.server.Login("/alpha", "busy")
				must(t, err)
			}
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			var written strings.Builder
			for _, outcome := range c.written {
				user, outcome := "busy", outcome
				if rest, ok := strings.CutPrefix(outcome, "nameless "); ok {
					user, outcome = "", rest
				}
				fmt.Fprintf(&written, `{"connection":"am","session":%q,"username":%q,"realm":%q,"outcome":%q}`+"\n", c.session, user, c.realm, outcome)
			}
			must(t, os.WriteFile(path, []byte(written.String()), 0o600))
			for range 2 { // the second run finds nothing new
				journal, err := methods.OpenJournal(path)
				must(t, err)
				w.Journal = journal
				_, err = w.Sessions(t.Context(), nil)
				must(t, errors.Join(err, journal.Close()))
			}
			if got := lines(t, path)[c.session]; !slices.Equal(got, c.become) {
				t.Errorf("outcomes of the entry %q, want %q", got, c.become)
			}
			open := fmt.Sprintf("the journal leaves 1 session open, for the next run: AM truncates the list of %q in realm /alpha", "busy")
			told := slices.ContainsFunc(w.notices, func(n string) bool { return strings.HasPrefix(n, open) })
			if want := c.realm == "/alpha"; told != want {
				t.Errorf("notices %q", w.notices)
			}
		})
	}
}

// A list of the realm that is cut may lack an agent's session; what a user has, a list by name shows.
func TestTheJournalBelievesOnlyAListThatWouldShowTheSession(t *testing.T) {
	for username, want := range map[string]string{"ajensen": "ended", "an-agent": "unknown"} {
		w := newWorld(t, simulator.Options{Realms: 1, Users: 6, Sessions: 12, Seed: 1, ListCap: 8})
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		line := fmt.Sprintf(`{"connection":"am","session":"sha256:1","username":%q,"realm":"/alpha","outcome":"sending"}`+"\n", username)
		must(t, os.WriteFile(path, []byte(line), 0o600))
		journal, err := methods.OpenJournal(path)
		must(t, err)
		w.Journal = journal
		_, err = w.Sessions(t.Context(), nil)
		must(t, errors.Join(err, journal.Close()))
		if got := lines(t, path)["sha256:1"]; !slices.Equal(got, []string{"sending", want}) {
			t.Errorf("%s: %q, want %s", username, got, want)
		}
	}
}

// sessionsOf are a realm's sessions, with their users.
func (w *world) sessionsOf(t *testing.T, realm string) (sessions []methods.Session) {
	t.Helper()
	for _, s := range w.server.Sessions() {
		if s.Realm == realm && s.Token != "" {
			sessions = append(sessions, methods.Session{Handle: s.Handle, Username: s.Username, Realm: realm})
		}
	}
	return sessions
}

func TestAJournalIsOfOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	first, err := methods.OpenJournal(path)
	must(t, err)
	_, err = methods.OpenJournal(path)
	if want := "journal: " + path + " is in use by another amsql: wait until it ends, or use another file"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	must(t, first.Close())
	second, err := methods.OpenJournal(path)
	must(t, err)
	must(t, second.Close())
}

func TestAJournalBecomesItsOwnersAlone(t *testing.T) {
	for _, mode := range []os.FileMode{0o644, 0o666, 0o640, 0o700, 0o600} {
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, os.Chmod(path, mode))
		journal, err := methods.OpenJournal(path)
		must(t, err)
		must(t, journal.Close())
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("mode %o became %v, %v", mode, info.Mode(), err)
		}
	}
}

func TestAJournalIsAFile(t *testing.T) {
	_, err := methods.OpenJournal(os.DevNull)
	if err == nil || err.Error() != "journal: "+os.DevNull+" is not a regular file" {
		t.Errorf("error %v", err)
	}
}

func TestATargetThatCannotBeLookedUpLeavesTheOthersAlone(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 2, Users: 6, Sessions: 20, Seed: 1, ListCap: 15})
	must(t, w.server.AddUser("/alpha", "busy", "changeit"))
	for range 20 {
		_, err := w.server.Login("/alpha", "busy")
		must(t, err)
	}
	others := w.sessionsOf(t, "/bravo")
	spoilt, err := w.server.Login("/bravo", others[0].Username)
	must(t, err)
	w.tamper = func(response http.ResponseWriter, r *http.Request, body []byte) bool {
		about := bytes.Contains(body, []byte(spoilt.Token)) || strings.Contains(r.URL.RawQuery, url.QueryEscape(spoilt.Token))
		if about {
			answer(response, 403)
		}
		return about
	}
	targets := append(others, methods.Session{Handle: "shandle:gone", Username: "busy", Realm: "/alpha"}, methods.Session{Token: spoilt.Token},
		methods.Session{Handle: "shandle:x", Username: "nobody", Realm: "/nowhere"})
	outcomes, err := w.Sessions(t.Context(), targets)
	must(t, err)
	want := map[methods.State]int{methods.Ended: len(others), methods.Unknown: 3}
	if got := states(outcomes); !cmp.Equal(got, want) || len(others) == 0 {
		t.Errorf("outcomes %v, want %v", got, want)
	}
	for i, reason := range []string{
		`it was not sent: AM truncates the list of "busy" in realm /alpha, which would show it: raise the cap`,
		"it was not sent: ask about token " + methods.Fingerprint(spoilt.Token) + ": getSessionInfo failed",
		`it was not sent: the session query for "nobody" in realm /nowhere failed`,
	} {
		if got := outcomes[len(others)+i].Reason; !strings.HasPrefix(got, reason) || strings.Contains(got, spoilt.Token) {
			t.Errorf("reason %q, want %q", got, reason)
		}
	}
}

// The outcomes and the journal of a user's logout have each session that the server ended, even if the user signs in meanwhile.
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
				login(5) // while somebody reads the prompt
				if len(p.Sessions) != 2 {
					t.Errorf("%s: the plan has %d sessions", profile, len(p.Sessions))
				}
				return nil
			}
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			var err error
			w.Journal, err = methods.OpenJournal(path)
			must(t, err)
			outcomes, err := w.User(t.Context(), "/alpha", "leaver")
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
		settings   int // the status of the answer that tells whether a realm leaves sessions to clients, where it is none
		status     int // of the answer to logoutByUser, where it is spoilt
		sent       int
		notice     string
		err        string
	}{
		{name: "client-side", profile: "pingam-8.1", clientSide: true, sent: 1, notice: `AM was asked to end client-side sessions of "leaver" in realm /alpha, which it does not list, and answered true`},
		{name: "not known", profile: "pingam-8.1", settings: 403, sent: 1, notice: `AM was asked to end client-side sessions of "leaver"`},
		{name: "server-side", profile: "pingam-8.1", notice: `AM lists no sessions of "leaver", so none was ended`},
		{name: "no such action", profile: "am-7", clientSide: true, sent: 1, notice: `client-side sessions of "leaver" in realm /alpha, if any, have not ended: `},
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
			_, err = w.User(t.Context(), c.realm, c.username)
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

// Somebody thinks for a while before the plan is confirmed: meanwhile sessions end, begin and expire, amsql's own included.
func TestAPlanIsStillTrueWhenItIsConfirmedLate(t *testing.T) {
	for _, c := range []struct {
		wait               time.Duration
		byUser             bool
		ended, alreadyGone int
		left               int // the new session
	}{
		{10 * time.Minute, false, 5, 1, 1},
		{50 * time.Minute, false, 0, 6, 1}, // more than the idle limit
		{10 * time.Minute, true, 6, 1, 0},  // what is new ends in the next round
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
			run := func() ([]methods.Outcome, error) { return w.Sessions(t.Context(), sessions) }
			if c.byUser {
				run = func() ([]methods.Outcome, error) { return w.User(t.Context(), "/alpha", "leaver") }
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

func TestAServerThatRefusesEverythingIsLeftAlone(t *testing.T) {
	for _, c := range []struct{ fails, sent int }{
		{40, 5},  // all of them: five are enough to know
		{4, 40},  // one fewer than that
		{36, 40}, // but one succeeds first
	} {
		w := newWorld(t, simulator.Options{Realms: 1, Users: 5, Sessions: 40, Seed: 1})
		w.BatchSize = 1
		admin, err := w.server.Login("/", "amadmin")
		must(t, err)
		w.oneByOne(t, admin.Token)
		sent := 0
		w.tamper = func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
			if !isLogout(r) {
				return false
			}
			sent++
			refused := sent <= c.fails
			if c.fails == 36 {
				refused = sent > 1 && sent <= 37
			}
			if refused {
				answer(response, 500)
			}
			return refused
		}
		outcomes, err := w.Sessions(t.Context(), w.sessions("/alpha"))
		must(t, err)
		if sent != c.sent {
			t.Errorf("%d refusals: %d requests, want %d", c.fails, sent, c.sent)
		}
		got, left := states(outcomes), len(w.sessions("/alpha"))
		if ended := got[methods.Ended]; left != 40-ended || got[methods.Refused] != min(c.fails, c.sent) {
			t.Errorf("%d refusals: outcomes %v, and %d are left", c.fails, got, left)
		}
	}
}

// What amsql has not sent it has not ended: an auditor must not read that it had.
func TestASessionThatEndsByItselfBeforeItIsSentIsAlreadyGone(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 4, Seed: 1})
	w.BatchSize = 1
	admin, err := w.server.Login("/", "amadmin")
	must(t, err)
	w.oneByOne(t, admin.Token)
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	w.Journal, err = methods.OpenJournal(path)
	must(t, err)
	targets := w.sessions("/alpha")
	w.tamper = func(response http.ResponseWriter, r *http.Request, body []byte) bool {
		if !isLogout(r) {
			return false
		}
		ends, _ := json.Marshal(map[string]any{"sessionHandles": []string{targets[2].Handle}})
		w.pass(httptest.NewRecorder(), r, ends) // it ends otherwise
		answer(response, 401)                   // and nothing more is sent
		return true
	}
	outcomes, err := w.Sessions(t.Context(), targets)
	must(t, err)
	must(t, w.Journal.Close())
	if o := outcomes[2]; o.State != methods.AlreadyGone || o.Reason != "it has ended by itself" {
		t.Errorf("%s: %s", o.State, o.Reason)
	}
	if got, want := states(outcomes), (map[methods.State]int{methods.Refused: 1, methods.AlreadyGone: 1, methods.StillListed: 2}); !cmp.Equal(got, want) {
		t.Errorf("outcomes %v, want %v", got, want)
	}
	if got := lines(t, path)[methods.Fingerprint(targets[2].Handle)]; !slices.Equal(got, []string{"already gone"}) {
		t.Errorf("the journal says %q", got)
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
	outcomes, err := w.Sessions(t.Context(), w.sessions("/alpha"))
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
	_, err := w.User(t.Context(), "/alpha", "ajensen")
	must(t, err)
	if want := `AM would be asked to end client-side sessions of "ajensen" in realm /alpha, which no list shows`; !slices.Contains(w.notices, want) || slices.Contains(w.changing(), "logoutByUser") {
		t.Errorf("notices %q, requests %q", w.notices, w.changing())
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
	outcomes, err := w.User(t.Context(), "/alpha", "robot")
	if want := `"robot" logs in as fast as the sessions end: 1 session left after 10 rounds; disable the user first`; err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
	if len(outcomes) != 10 || states(outcomes)[methods.Ended] != 10 || n != 10 {
		t.Errorf("outcomes %v after %d requests", states(outcomes), n)
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
		outcomes, err := w.Sessions(t.Context(), targets)
		must(t, err)
		if len(outcomes) != c.users || states(outcomes)[methods.Planned] != c.users || int(lists.Load()) != c.lists {
			t.Errorf("%d users: outcomes %v after %d lists, want %d", c.users, states(outcomes), lists.Load(), c.lists)
		}
	}
}

// AM finds sessions of agents by no name: they end all the same, by handle, by name and as rows, and what a list that is cut
// may hide is not called gone.
func TestSessionsOfAgentsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		listCap int
		end     func(w *world, agent []simulator.Session) ([]methods.Outcome, error)
		want    map[methods.State]int
		fails   string
	}{
		"by handle": {listCap: 120, want: map[methods.State]int{methods.Ended: 2}, end: func(w *world, agent []simulator.Session) ([]methods.Outcome, error) {
			return w.Sessions(t.Context(), []methods.Session{{Handle: agent[0].Handle}, {Handle: agent[1].Handle}})
		}},
		"by handle, with name and realm": {listCap: 120, want: map[methods.State]int{methods.Ended: 2}, end: func(w *world, agent []simulator.Session) ([]methods.Outcome, error) {
			return w.Sessions(t.Context(), []methods.Session{
				{Handle: agent[0].Handle, Username: "webagent", Realm: "/alpha"}, {Handle: agent[1].Handle, Username: "webagent", Realm: "/alpha"},
			})
		}},
		"as rows": {listCap: 120, want: map[methods.State]int{methods.Ended: 1}, end: func(w *world, agent []simulator.Session) ([]methods.Outcome, error) {
			return w.Sessions(t.Context(), []methods.Session{{Handle: agent[0].Handle, Username: "webagent", Realm: "/alpha", IdentityType: "agent", Listed: true}})
		}},
		"by name": {listCap: 120, want: map[methods.State]int{methods.Ended: 2}, end: func(w *world, _ []simulator.Session) ([]methods.Outcome, error) {
			return w.User(t.Context(), "", "WebAgent")
		}},
		"by name, where the list is cut": {listCap: 5, want: map[methods.State]int{methods.Unknown: 2}, fails: "truncates the list of realm /alpha", end: func(w *world, _ []simulator.Session) ([]methods.Outcome, error) {
			return w.User(t.Context(), "/alpha", "WebAgent")
		}},
		"one that may have ended, where the list is cut": {listCap: 5, want: map[methods.State]int{methods.Unknown: 1}, end: func(w *world, agent []simulator.Session) ([]methods.Outcome, error) {
			return w.Sessions(t.Context(), []methods.Session{{Handle: strings.Replace(agent[0].Handle, ":", ":x", 1), Username: "webagent", Realm: "/alpha"}})
		}},
		"a user's that has ended, where the list is cut": {listCap: 5, want: map[methods.State]int{methods.AlreadyGone: 1}, end: func(w *world, agent []simulator.Session) ([]methods.Outcome, error) {
			return w.Sessions(t.Context(), []methods.Session{{Handle: strings.Replace(agent[0].Handle, ":", ":x", 1), Username: "demo", Realm: "/alpha"}})
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

// In Advanced Identity Cloud sessions have UUIDs, and an operator who ends those of a person knows the name that the person types.
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
		e := &methods.Ending{Client: client, Inventory: inventory.New(client, inventory.Options{}), Max: 100, Connection: "am"}
		before := len(server.Sessions())
		outcomes, err := e.User(t.Context(), c.realm, c.user)
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
