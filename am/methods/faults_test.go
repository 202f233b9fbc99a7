package methods_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// Each case is a fault in the batches, and what must happen to the 40 sessions.
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
			outcomes, err := w.EndSessions(t.Context(), all)
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
	outcomes, err := w.EndSessions(t.Context(), []methods.Session{{Token: session.Token}})
	must(t, err)
	if o := outcomes[0]; o.State != methods.Refused || !strings.Contains(o.Reason, "500 Internal Server Error") {
		t.Errorf("%s, %q", o.State, o.Reason)
	}
	w.tamper = nil
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
	outcomes, err := w.EndSessions(ctx, all)
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
	outcomes, err := w.EndSessions(t.Context(), targets)
	must(t, err)
	want := map[methods.State]int{methods.Ended: len(others), methods.Unknown: 3}
	if got := states(outcomes); !cmp.Equal(got, want) || len(others) == 0 {
		t.Errorf("outcomes %v, want %v", got, want)
	}
	for i, reason := range []string{
		`it was not sent: the list of "busy" in realm /alpha cannot be relied on: AM truncates lists at 15: raise the cap`,
		"it was not sent: ask about token " + methods.Fingerprint(spoilt.Token) + ": getSessionInfo failed",
		`it was not sent: the session query for "nobody" in realm /nowhere failed`,
	} {
		if got := outcomes[len(others)+i].Reason; !strings.HasPrefix(got, reason) || strings.Contains(got, spoilt.Token) {
			t.Errorf("reason %q, want %q", got, reason)
		}
	}
}

func TestAServerThatRefusesEverythingIsLeftAlone(t *testing.T) {
	for _, c := range []struct{ fails, sent int }{
		{40, 5},  // all fail: five are enough to know
		{4, 40},  // one less than that
		{36, 40}, // but one request succeeds first
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
		outcomes, err := w.EndSessions(t.Context(), w.sessions("/alpha"))
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
