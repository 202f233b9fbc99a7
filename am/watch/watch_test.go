package watch_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/watch"
)

// span is longer than the maximum session time, 2 hours, so that amsql's own session ends, too.
var span = flag.Duration("watch.span", 125*time.Minute, "for how long, by the simulator's clock, people log in and out while they are watched")

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is an AM whose clock the test advances, and a watch of it.
type world struct {
	*simulator.Server

	t          *testing.T
	clock      atomic.Int64 // in milliseconds
	onRequest  atomic.Pointer[func(*http.Request)]
	connection *connection.Connection
	watcher    *watch.Watcher
}

func newWorld(t *testing.T, o simulator.Options, config connection.Config, sql string) *world {
	t.Helper()
	w := &world{t: t}
	w.clock.Store(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC).UnixMilli())
	o.Clock = func() time.Time { return time.UnixMilli(w.clock.Load()) }
	var err error
	w.Server, err = simulator.New(o)
	must(t, err)
	w.LogRequests(false)
	listening := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		if on := w.onRequest.Load(); on != nil {
			(*on)(r)
		}
		answer.Header().Set("Date", o.Clock().UTC().Format(http.TimeFormat))
		w.ServeHTTP(answer, r)
	}))
	t.Cleanup(listening.Close)
	url := listening.URL + w.ContextPath()
	user, password := w.Admin()
	config.BaseURL, config.Username, config.Password = &url, &user, &password
	w.connection, err = connection.Open("am", config, connection.Host{})
	must(t, err)
	w.watcher, err = watch.New(t.Context(), am.Census(true, w.connection), am.Census(true, w.connection), sql)
	must(t, err)
	t.Cleanup(func() {
		must(t, w.watcher.Close())
		must(t, w.connection.Close(context.Background()))
	})
	return w
}

func (w *world) pass(span time.Duration) { w.clock.Add(span.Milliseconds()) }

func (w *world) login(realm, user string) simulator.Session {
	w.t.Helper()
	s, err := w.Login(realm, user)
	must(w.t, err)
	return s
}

func (w *world) logout(s simulator.Session) {
	w.t.Helper()
	_, err := w.connection.Client().Logout(w.t.Context(), "", s.Token)
	must(w.t, err)
}

func (w *world) look() *watch.Look {
	w.t.Helper()
	look, err := w.watcher.Look(w.t.Context())
	must(w.t, err)
	return look
}

// handles returns the handles in a look's events of these kinds.
func handles(look *watch.Look, kinds ...watch.Kind) (found []string) {
	column := slices.IndexFunc(look.Columns, func(c engine.ResultColumn) bool { return c.Name == "session_handle" })
	for _, e := range look.Events {
		row := e.Row
		if row == nil {
			row = e.Before
		}
		if slices.Contains(kinds, e.Kind) {
			found = append(found, row[column].(string))
		}
	}
	return found
}

// ownSessions returns the number of amsql's sessions on AM.
func (w *world) ownSessions() (own int) {
	admin, _ := w.Admin()
	for _, s := range w.Sessions() {
		if s.Username == admin {
			own++
		}
	}
	return own
}

// TestEveryEventOnceAndNoneInvented logs users in and out and lets sessions expire, while lists are sometimes truncated
// and sometimes fail. In the end, every session that began and every one that ended has been reported once, and nothing
// else.
func TestEveryEventOnceAndNoneInvented(t *testing.T) {
	for _, c := range []struct {
		name    string
		listCap int
		faults  bool
	}{{"complete lists", 1000, false}, {"by user", 30, false}, {"complete lists and faults", 1000, true}, {"by user and faults", 30, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{Realms: 3, Users: 40, Sessions: 150, ListCap: c.listCap, Seed: 7}, connection.Config{}, "")
			random := rand.New(rand.NewPCG(7, 8))
			told, made, ended := map[string][]watch.Kind{}, map[string]bool{}, map[string]bool{}
			listed := map[string]simulator.Session{} // as in the last look that contained them
			note := func() {
				look := w.look()
				failed := map[string]bool{}
				for _, gap := range look.Incomplete {
					failed[gap.Path] = true
				}
				for _, kind := range []watch.Kind{watch.Login, watch.Seen, watch.Logout, watch.Expired} {
					for _, handle := range handles(look, kind) {
						told[handle] = append(told[handle], kind)
					}
				}
				for _, s := range w.Sessions() {
					if !failed[s.Realm] {
						listed[s.Handle] = s
					}
				}
				if own := w.ownSessions(); own != 1 {
					t.Fatalf("amsql has %d sessions", own)
				}
			}
			users := w.Sessions()
			note()
			initial := maps.Clone(listed)
			for passed := time.Duration(0); passed < *span; passed += 40 * time.Second {
				w.pass(40 * time.Second)
				for range random.IntN(4) {
					who := users[random.IntN(len(users))]
					if who.Username == "dsameuser" {
						continue
					}
					made[w.login(who.Realm, who.Username).Handle] = true
				}
				alive := w.Sessions()
				for range random.IntN(3) {
					s := alive[random.IntN(len(alive))]
					if _, known := listed[s.Handle]; known && s.Username != "dsameuser" && s.Username != "amadmin" && !ended[s.Handle] && s.IdleEnd.Sub(w.now()) > time.Minute && s.End.Sub(w.now()) > time.Minute {
						w.logout(s)
						ended[s.Handle] = true
					}
				}
				if c.faults && random.IntN(3) == 0 {
					must(t, w.SetFaults([]string{"500:path=/alpha/sessions", "400:path=/bravo", "cut:every=3:path=sessions:action=query"}[random.IntN(3)]))
				}
				note()
				must(t, w.SetFaults())
			}
			note()
			w.pass(time.Minute)
			note()
			alive := map[string]bool{}
			for _, s := range w.Sessions() {
				alive[s.Handle] = true
			}
			events := 0
			for handle := range listed {
				var want []watch.Kind
				if made[handle] {
					want = append(want, watch.Login)
				}
				switch {
				case ended[handle]:
					want = append(want, watch.Logout)
				case !alive[handle] && gone(listed[handle], w.now()):
					want = append(want, watch.Expired)
				}
				if listed[handle].Username == "amadmin" {
					want = nil
				}
				if got := told[handle]; !slices.Equal(got, want) {
					t.Errorf("%s of %s (listed at first: %t): told %v, want %v", handle[len(handle)-8:], listed[handle].Username, initial[handle].Handle != "", got, want)
				}
				events += len(want)
			}
			for handle := range told {
				if _, known := listed[handle]; !known {
					t.Errorf("a session that there never was: %v", told[handle])
				}
			}
			if events < 50 {
				t.Errorf("only %d events: the test shows little", events)
			}
		})
	}
}

// gone reports whether AM no longer lists a session that has expired, which takes half a minute.
func gone(s simulator.Session, now time.Time) bool {
	end := s.End
	if s.IdleEnd.Before(end) {
		end = s.IdleEnd
	}
	return now.Sub(end) > 30*time.Second
}

func (w *world) now() time.Time { return time.UnixMilli(w.clock.Load()) }

// TestTheSessionOfAmsqlIsNoEvent ends amsql's session in each possible way. AM lists it for half a minute longer.
func TestTheSessionOfAmsqlIsNoEvent(t *testing.T) {
	const untilItsEnd = 2 * time.Hour
	for name, end := range map[string]func(w *world){
		"at its longest time": func(w *world) { w.pass(time.Minute) },
		"in the middle of a look, before the list": func(w *world) {
			var once sync.Once
			on := func(r *http.Request) {
				if r.URL.Query().Has("_queryFilter") && strings.HasSuffix(r.URL.Path, "/sessions") {
					once.Do(func() { w.pass(time.Minute) })
				}
			}
			w.onRequest.Store(&on)
		},
		"by a sign-out": func(w *world) { must(w.t, w.connection.Client().Close(context.Background())) },
		"by another administrator": func(w *world) {
			for _, s := range w.Sessions() {
				if s.Username == "amadmin" {
					w.logout(s)
				}
			}
		},
	} {
		for _, sql := range []string{"", "select session_handle, username, latest_access_time from am_session"} {
			t.Run(name+": "+sql, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, simulator.Options{Realms: 1}, connection.Config{}, sql)
				w.look()
				for range 5 { // is used, so that it does not expire
					w.pass(untilItsEnd/5 - 6*time.Second)
					w.look()
				}
				end(w)
				for range 8 {
					look := w.look()
					for _, e := range look.Events {
						if !slices.Contains(append(e.Row, e.Before...), any("dsameuser")) { // AM uses its own session
							t.Errorf("%+v", e)
						}
					}
					if sql == "" && len(look.Rows) != 1 {
						t.Errorf("there is AM's own session alone, and the look has %v", look.Rows)
					}
					w.pass(10 * time.Second)
				}
				if own := w.ownSessions(); own != 1 {
					t.Errorf("amsql has %d sessions", own)
				}
			})
		}
	}
}

func TestAListThatIsCutEndsOnlyWhatAMSays(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, ListCap: 20, Seed: 1}, connection.Config{}, "")
	of := map[string][]simulator.Session{}
	for _, name := range []string{"hoarder", "other"} {
		must(t, w.AddUser("/alpha", name, "changeit"))
		for range map[string]int{"hoarder": 30, "other": 3}[name] {
			of[name] = append(of[name], w.login("/alpha", name))
		}
	}
	first := w.look()
	if first.Realms[inventory.Truncated] != 1 || len(first.Incomplete) != 1 || first.Events != nil {
		t.Fatalf("realms %v, incomplete %+v, events %v", first.Realms, first.Incomplete, first.Events)
	}
	w.logout(of["hoarder"][0]) // it is in the list, and another one takes its place
	w.logout(of["other"][0])
	second := w.look()
	if got := handles(second, watch.Logout, watch.Expired); !slices.Equal(got, []string{of["other"][0].Handle}) {
		t.Errorf("ended %v: AM says it of one session, and cuts the list of the user of the other", got)
	}
	if got := handles(second, watch.Login); got != nil {
		t.Errorf("what a cut list did not have before is taken for a login: %v", got)
	}
	if len(second.Incomplete) < 2 {
		t.Errorf("it is not said that a missing session could not be asked for: %+v", second.Incomplete)
	}
	for _, s := range of["hoarder"][1:25] {
		w.logout(s)
	}
	third := w.look()
	if got := handles(third, watch.Logout); third.Realms[inventory.Complete] != 2 || !slices.Contains(got, of["hoarder"][0].Handle) || slices.Contains(got, of["other"][0].Handle) || len(third.Incomplete) != 0 {
		t.Errorf("when the list is complete again: realms %v, ended %v, incomplete %+v", third.Realms, got, third.Incomplete)
	}
}

// The token store suddenly has a limit, at an unusual number.
func TestALimitOfTheTokenStoreEndsNothing(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, ListCap: 5000, Seed: 1}, connection.Config{Realms: []string{"/alpha"}}, "")
	var sessions []simulator.Session
	for i := range 150 {
		name := fmt.Sprintf("user%d", i)
		must(t, w.AddUser("/alpha", name, "changeit"))
		sessions = append(sessions, w.login("/alpha", name))
	}
	w.look()
	w.SetStoreLimit(137)
	var left []string
	for _, s := range sessions[145:] { // beyond the limit, like eight others
		w.logout(s)
		left = append(left, s.Handle)
	}
	slices.Sort(left)
	look := w.look()
	if got := handles(look, watch.Logout, watch.Expired); look.Sessions != 137 || !slices.Equal(got, left) {
		t.Errorf("%d sessions are listed, ended %v, want %v", look.Sessions, got, left)
	}
	if again := w.look(); len(again.Events) > 0 {
		t.Errorf("and then %v", again.Events)
	}
}

func TestARealmThatFailsIsComparedWhenItIsBack(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 2, Users: 10, Sessions: 20, Seed: 1}, connection.Config{}, "")
	w.look()
	var gone simulator.Session
	for _, s := range w.Sessions() {
		if s.Realm == "/alpha" {
			gone = s
		}
	}
	w.logout(gone)
	begun := w.login("/alpha", gone.Username)
	must(t, w.SetFaults("400:path=/alpha/sessions"))
	failed := w.look()
	if len(failed.Events) != 0 || len(failed.Incomplete) != 1 || failed.Incomplete[0].Path != "/alpha" {
		t.Errorf("while the realm fails: %v, incomplete %+v", failed.Events, failed.Incomplete)
	}
	must(t, w.SetFaults())
	back := w.look()
	if in, out := handles(back, watch.Login), handles(back, watch.Logout); !slices.Equal(in, []string{begun.Handle}) || !slices.Equal(out, []string{gone.Handle}) {
		t.Errorf("when it is back: began %v, ended %v", in, out)
	}
}

func TestASessionOfAnUnlistedUserIsSeenAndHasNotBegun(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 10, Sessions: 40, ListCap: 20, Seed: 1}, connection.Config{}, "")
	others := w.Sessions()
	must(t, w.AddUser("/alpha", "leaver", "changeit"))
	hidden := w.login("/alpha", "leaver")
	must(t, w.DeleteUser("/alpha", "leaver"))
	if first := w.look(); first.Realms[inventory.ByUser] != 1 {
		t.Fatalf("the realms are %v", first.Realms)
	}
	for i, s := range others {
		if s.Realm == "/alpha" && i%2 == 0 || i > len(others)-8 {
			w.logout(s)
		}
	}
	look := w.look()
	if in, seen := handles(look, watch.Login), handles(look, watch.Seen); in != nil || !slices.Equal(seen, []string{hidden.Handle}) {
		t.Errorf("began %v, seen %v; want only %s seen: it is as old as the others", in, seen, hidden.Handle)
	}
}

func TestTheSQLSelectsSessionsAndColumns(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 2, Users: 10, Sessions: 20, Seed: 1}, connection.Config{},
		`select session_handle, username, latest_access_time < ago('5 minutes') as idle from am_session where realm = '/alpha' and username <> 'nobody'`)
	must(t, w.AddUser("/alpha", "somebody", "changeit"))
	must(t, w.AddUser("/alpha", "nobody", "changeit"))
	w.look()
	in := w.login("/alpha", "somebody")
	w.login("/alpha", "nobody")
	w.login("/", "demo")
	if got := handles(w.look(), watch.Login); !slices.Equal(got, []string{in.Handle}) {
		t.Errorf("began %v", got)
	}
}

func TestWhatCannotBeWatchedIsSaid(t *testing.T) {
	for sql, want := range map[string]string{
		"select username from am_session":                                   "session_handle identifies sessions: add it to the columns of the SQL",
		"select 'x' as session_handle":                                      "the column session_handle of the SQL must come from am_session",
		"select s.session_handle from am_session s, am_realm where 1=1":     "the SQL returns more than one row for a session",
		"select session_handle from am_session; select 1 as session_handle": "the SQL contains more than one statement that returns rows",
	} {
		w := newWorld(t, simulator.Options{Realms: 2, Users: 2, Sessions: 2}, connection.Config{}, sql)
		if _, err := w.watcher.Look(t.Context()); fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", sql, err, want)
		}
	}
}
