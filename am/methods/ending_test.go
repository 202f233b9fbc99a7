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
	client, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), Credentials: credentials, Transport: rest.Transport{Timeout: 300 * time.Millisecond}})
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
	_, err = w.Client.LogoutByHandle(t.Context(), []string{dead})
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
		dead: methods.AlreadyGone, altered: methods.AlreadyGone, bare: methods.AlreadyGone, "garbage": methods.AlreadyGone,
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
	if !slices.ContainsFunc(w.notices, func(n string) bool { return strings.HasPrefix(n, "amsql's own session is left out") }) {
		t.Errorf("notices %q", w.notices)
	}
	if methods.Unended(outcomes) != nil {
		t.Errorf("%v", methods.Unended(outcomes))
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
			if (err == nil) != w.DryRun || w.DryRun && states(outcomes)[methods.Planned] != len(outcomes) {
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
					<-r.Context().Done()
					return true
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
			return func(response http.ResponseWriter, r *http.Request, body []byte) bool {
				if !isLogout(r) {
					return false
				}
				var list struct{ SessionHandles []string }
				_ = json.Unmarshal(body, &list)
				said := map[string]bool{}
				for _, handle := range list.SessionHandles {
					said[handle] = true
				}
				response.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(response).Encode(map[string]any{"result": said})
				return true
			}
		}, map[methods.State]int{methods.StillListed: 40}, "AM answered true"},
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
		byUser := slices.Contains(w.changing(), "logoutByUser")
		if byHandle := slices.Contains(w.changing(), "logoutByHandle"); byUser != (profile != "openam") || byHandle == byUser {
			t.Errorf("%s: by user %t, by handle %t", profile, byUser, byHandle)
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
	if o := outcomes[0]; o.State != methods.Refused || !strings.Contains(o.Reason, "client-side session, which AM ends only where blacklisting is on") {
		t.Errorf("%+v", o)
	}
	if err := methods.Unended(outcomes); err == nil || strings.Contains(err.Error(), token) {
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
		if got := states(outcomes); got[methods.Ended] != 6 || got[methods.AlreadyGone] != 1 || len(w.sessions("/alpha")) != 0 {
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
	_, err := w.Client.LogoutByHandle(t.Context(), []string{all[0].Handle, all[1].Handle})
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
	if want := "the journal had left 4 sessions open: 2 ended, 2 still listed"; !slices.Contains(w.notices, want) {
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
