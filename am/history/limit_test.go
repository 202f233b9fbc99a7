package history

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// stopping passes AM's answers on as they are from a token store that returns so many sessions at most; 0: any number.
func stopping(server http.Handler, most *int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if *most == 0 || !strings.HasSuffix(r.URL.Path, "/sessions") || r.URL.Query().Get("_queryFilter") == "" {
			server.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, r)
		var list map[string]any
		_ = json.Unmarshal(answer.Body.Bytes(), &list) // a refusal has no rows
		if rows, ok := list["result"].([]any); ok {
			rows = rows[:min(len(rows), *most)]
			list["result"], list["resultCount"] = rows, len(rows)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.Code)
		_ = json.NewEncoder(w).Encode(list)
	}
}

// A token store begins to stop far below AM's cap between two snapshots, and nobody logs out. A round number is noticed, and
// everybody is asked by name. Nothing shows that another number is a limit: then the record says so, and what would prove it, but
// who is missing counts as gone, as docs/history.md says.
func TestALimitOfTheTokenStoreIsInTheRecord(t *testing.T) {
	for name, c := range map[string]struct {
		stops, sessions, kept int
		reason                string
	}{
		"a round number": {stops: 1000, sessions: 1100, kept: 1100, reason: "1000 is a common limit of token stores"},
		"another number": {stops: 137, sessions: 150, kept: 137, reason: "set list_cap = 5000"},
	} {
		k := snapshotsBehindALimit(t, c.sessions, c.stops)
		for sql, want := range map[string]string{
			"select count(*) from session where taken_at = (select max(taken_at) from snapshot)":                          fmt.Sprint(c.kept),
			"select completeness, instr(reason, '" + c.reason + "') > 0 from session_scan order by taken_at desc limit 1": "by_user | 1",
		} {
			if got := k.ask(t, sql); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s: %q, want %s", name, sql, got, want)
			}
		}
		vanished := k.ask(t, "select count(*) from am_session_change where change = 'vanished'")[0]
		if c.kept == c.sessions && vanished != "0" {
			t.Errorf("%s: %s sessions vanished, and nobody logged out", name, vanished)
		}
	}
}

// snapshotsBehindALimit are two of so many users: the second is taken when the token store stops.
func snapshotsBehindALimit(t *testing.T, sessions, stops int) kept {
	server, err := simulator.New(simulator.Options{ListCap: 5000, UserCap: 10_000, Clock: func() time.Time { return noon }})
	must(t, err)
	server.LogRequests(false)
	must(t, server.AddRealm("/alpha"))
	for i := range sessions {
		name := fmt.Sprintf("user%d", i)
		must(t, server.AddUser("/", name, "changeit"))
		_, err := server.Login("/alpha", name)
		must(t, err)
	}
	most := 0
	web := httptest.NewServer(stopping(server, &most))
	t.Cleanup(web.Close)
	user, password := server.Admin()
	url := web.URL + server.ContextPath()
	k, key := newSQLite(t), newKey(t)
	for i, limit := range []int{0, stops} {
		most = limit
		c, err := connection.Open("am", connection.Config{BaseURL: &url, Username: &user, Password: &password, Realms: []string{"/alpha"}}, connection.Host{})
		must(t, err)
		at := noon.Add(time.Duration(i) * time.Minute)
		_, err = Take(t.Context(), c, k, Options{Key: key, Now: func() time.Time { return at }})
		must(t, err)
		must(t, c.Close(t.Context()))
	}
	return k
}
