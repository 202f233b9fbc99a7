package methods_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// The servers of a site share a token store: one server may still list for a moment what another has ended.
func TestASessionThatIsListedForAMomentLongerHasEnded(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 4, Seed: 1})
	sessions := w.sessionsOf(t, "/alpha")
	var late func() // what the other server does not know yet
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
	outcomes, err := w.EndSessions(t.Context(), sessions[:1])
	must(t, err)
	if len(outcomes) != 1 || outcomes[0].State != methods.Ended {
		t.Errorf("%+v", outcomes)
	}
}

// AM lists a session for up to a minute after each of its two expiration times, which are on AM's clock.
func TestASessionThatAMStillListsHasExpiredByEitherOfItsTimes(t *testing.T) {
	const ahead = 24 * time.Hour
	for _, c := range []struct {
		idle, session time.Duration // time left, on the server's clock
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
		outcomes, err := w.EndSessions(t.Context(), w.sessionsOf(t, "/alpha"))
		must(t, err)
		if len(outcomes) != 1 || outcomes[0].State != c.want {
			t.Errorf("%v idle, %v in all: %+v, want %s", c.idle, c.session, outcomes, c.want)
		}
	}
}

// A token store may have any limit, here 137 of a realm's 160 sessions. Sessions beyond the limit have not ended.
func TestASessionBehindAListThatTheStoreCutsIsFoundByName(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, ListCap: 5000, Seed: 1})
	for i := range 160 {
		name := fmt.Sprint("user", i%20)
		if i < 20 {
			must(t, w.server.AddUser("/alpha", name, "changeit"))
		}
		_, err := w.server.Login("/alpha", name)
		must(t, err)
	}
	w.tamper = func(response http.ResponseWriter, r *http.Request, body []byte) bool {
		if filter := r.URL.Query().Get("_queryFilter"); !strings.HasSuffix(r.URL.Path, "/sessions") || filter == "" || strings.Contains(filter, "username") {
			return false
		}
		recorded := httptest.NewRecorder()
		w.pass(recorded, r, body)
		var list map[string]any
		must(t, json.Unmarshal(recorded.Body.Bytes(), &list))
		rows := list["result"].([]any)
		rows = rows[:min(len(rows), 137)]
		list["result"], list["resultCount"] = rows, len(rows)
		response.Header().Set("Content-Type", "application/json")
		must(t, json.NewEncoder(response).Encode(list))
		return true
	}
	outcomes, err := w.EndSessions(t.Context(), w.sessionsOf(t, "/alpha"))
	must(t, err)
	if got := states(outcomes); got[methods.Ended] != 160 || len(w.sessions("/alpha")) != 0 {
		t.Errorf("%v, %d left", got, len(w.sessions("/alpha")))
	}
}

func TestAClientSideSessionIsSaidToLiveOn(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 2, Seed: 1})
	user, password := w.server.Admin()
	admin := adminOf(t, w, user, password)
	admin.put("/realms/root/realms/alpha/realm-config/authentication", `{"general":{"statelessSessionsEnabled":true}}`)
	token := admin.login("/alpha", "ajensen", "changeit")
	outcomes, err := w.EndSessions(t.Context(), []methods.Session{{Token: token}})
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
		outcomes, err := w.EndSessions(t.Context(), sessions)
		must(t, err)
		if got := states(outcomes); got[methods.Ended] != 6 || got[methods.NotFound] != 1 || len(w.sessions("/alpha")) != 0 {
			t.Errorf("%s: %v, %d left", profile, got, len(w.sessions("/alpha")))
		}
	}
}

// The proof must not claim that amsql ended a session for which it sent no request.
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
		w.pass(httptest.NewRecorder(), r, ends) // the session ends in another way
		answer(response, 401)                   // and no further request is sent
		return true
	}
	outcomes, err := w.EndSessions(t.Context(), targets)
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
