package history

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A limited AM is one whose token store has limits.
type limited struct {
	*simulator.Server
	most    int  // maximum number of sessions in an answer; 0: any number
	shuffle bool // whether the store returns its sessions in random order, rather than the oldest first
	fails   bool // whether lists of realms fail
}

func (l *limited) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", noon.Format(http.TimeFormat))
	filter := r.URL.Query().Get("_queryFilter")
	if !strings.HasSuffix(r.URL.Path, "/sessions") || filter == "" {
		l.Server.ServeHTTP(w, r)
		return
	}
	if l.fails && !strings.Contains(filter, "username") {
		http.Error(w, `{"code":400,"reason":"Bad Request","message":"no"}`, http.StatusBadRequest)
		return
	}
	answer := httptest.NewRecorder()
	l.Server.ServeHTTP(answer, r)
	var list map[string]any
	_ = json.Unmarshal(answer.Body.Bytes(), &list) // an error has no rows
	if rows, ok := list["result"].([]any); ok && l.most > 0 {
		if l.shuffle {
			rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		}
		rows = rows[:min(len(rows), l.most)]
		list["result"], list["resultCount"] = rows, len(rows)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.Code)
	_ = json.NewEncoder(w).Encode(list)
}

// A limitedHistory is the history of a realm whose token store is limited by the test.
type limitedHistory struct {
	kept
	am       *limited
	config   connection.Config
	options  Options
	sessions []simulator.Session // of user0, user1 and so on
}

// historyOf returns a history with this number of users, with a session each.
func historyOf(t *testing.T, k kept, users int) *limitedHistory {
	t.Helper()
	server, err := simulator.New(simulator.Options{ListCap: 5000, UserCap: 10_000, Clock: func() time.Time { return noon }})
	must(t, err)
	server.LogRequests(false)
	must(t, server.AddRealm("/alpha"))
	h := &limitedHistory{kept: k, am: &limited{Server: server}, options: Options{Key: newKey(t)}}
	for i := range users {
		name := fmt.Sprintf("user%d", i)
		must(t, server.AddUser("/", name, "changeit"))
		session, err := server.Login("/alpha", name)
		must(t, err)
		h.sessions = append(h.sessions, session)
	}
	web := httptest.NewServer(h.am)
	t.Cleanup(web.Close)
	user, password := server.Admin()
	address := web.URL + server.ContextPath()
	h.config = connection.Config{BaseURL: &address, Username: &user, Password: &password, Realms: []string{"/alpha"}}
	return h
}

// take takes a snapshot some minutes after noon.
func (h *limitedHistory) take(t *testing.T, minutes int, shard inventory.Shard) {
	t.Helper()
	c, err := connection.Open("am", h.config, connection.Host{Shard: shard})
	must(t, err)
	o := h.options
	o.Now = func() time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	_, err = Take(t.Context(), c, h.Store, o)
	must(t, err)
	must(t, c.Close(t.Context()))
}

// logOut ends the sessions of the last n users.
func (h *limitedHistory) logOut(t *testing.T, n int) {
	t.Helper()
	c, err := connection.Open("am", h.config, connection.Host{})
	must(t, err)
	for range n {
		last := len(h.sessions) - 1
		_, err := c.Client().Logout(t.Context(), "", h.sessions[last].Token)
		must(t, err)
		h.sessions = h.sessions[:last]
	}
	must(t, c.Close(t.Context()))
}

// latest returns the completeness of the latest snapshot, with the number of its sessions and of those that have
// vanished since the first one, and the reason.
func (h *limitedHistory) latest(t *testing.T) (known, reason string) {
	t.Helper()
	of := fmt.Sprintf(" where base_url = '%s'", *h.config.BaseURL)
	got := h.ask(t, "select sessions, completeness, (select count(*) from am_session_change"+of+" and change = 'vanished'), reason from am_session_scan"+of)
	if len(got) != 1 {
		t.Fatalf("the latest snapshot has %q", got)
	}
	end := strings.LastIndex(got[0], " | ")
	return got[0][:end], got[0][end:]
}

// whomALimitHidesHasNotLoggedOut gives the token store a limit between two snapshots, far below AM's cap and at an
// unusual number.
func whomALimitHidesHasNotLoggedOut(t *testing.T, k kept) {
	const stops = 137
	for name, c := range map[string]struct {
		most, left, shards       int
		shuffle, outage, partial bool
		cut                      bool
	}{
		"the oldest are listed":                       {most: stops, cut: true},
		"the oldest are listed, and some have left":   {most: stops, left: 5, cut: true},
		"any are listed":                              {most: stops, shuffle: true, cut: true},
		"any are listed, and some have left":          {most: stops, shuffle: true, left: 5, cut: true},
		"the realm could not be listed meanwhile":     {most: stops, outage: true, left: 5, cut: true},
		"three shards list it":                        {most: stops, shards: 3, cut: true},
		"a shard of the snapshot before is missing":   {most: stops, partial: true, left: 5, cut: true},
		"all are listed, and the others have left":    {left: 13},
		"all are listed, and all of the others leave": {left: 30, most: stops},
	} {
		h := historyOf(t, k, 150)
		h.take(t, 0, inventory.Shard{})
		if h.am.fails = c.outage; c.outage {
			h.take(t, 1, inventory.Shard{})
			h.am.fails = false
		}
		if c.partial {
			h.take(t, 1, inventory.Shard{Index: 1, Count: 2})
		}
		h.logOut(t, c.left)
		h.am.most, h.am.shuffle = c.most, c.shuffle
		for minute := range 2 { // the second one finds nothing else
			for shard := range max(c.shards, 1) {
				h.take(t, 2+minute, inventory.Shard{Index: shard, Count: c.shards})
			}
			got, reason := h.latest(t)
			if want := fmt.Sprintf("%d | by_user | %d", 150-c.left, c.left); got != want || strings.Contains(reason, ", and it is truncated") != c.cut {
				t.Errorf("%s, after %d minutes: %s%s, want %s", name, 2+minute, got, reason, want)
			}
		}
	}
}

// If the limit is a round number, it is suspected, and all users are looked up. If it is another number and has existed
// since the first snapshot, nothing suggests it; then the snapshot's reason says so, and what would prove that the list
// is complete.
func TestALimitOfTheTokenStoreIsInTheRecord(t *testing.T) {
	for name, c := range map[string]struct {
		users, first, most, kept int
		reason                   string
	}{
		"a round number":                    {users: 1100, most: 1000, kept: 1100, reason: "1000 is a common limit of token stores"},
		"another number, from the start on": {users: 150, first: 137, most: 137, kept: 137, reason: "set list_cap = 5000"},
	} {
		h := historyOf(t, newSQLite(t), c.users)
		h.am.most = c.first
		h.take(t, 0, inventory.Shard{})
		h.am.most = c.most
		h.take(t, 1, inventory.Shard{})
		got, reason := h.latest(t)
		if want := fmt.Sprintf("%d | by_user | 0", c.kept); got != want || !strings.Contains(reason, c.reason) {
			t.Errorf("%s: %s%s, want %s with %q", name, got, reason, want, c.reason)
		}
	}
}

// A snapshot is compared only with one that has the same key, because fingerprints with different keys are different.
func TestASnapshotOfAnotherKeyIsNotCompared(t *testing.T) {
	h := historyOf(t, newSQLite(t), 150)
	h.take(t, 0, inventory.Shard{})
	h.am.most, h.options.Key = 137, newKey(t)
	h.take(t, 1, inventory.Shard{})
	if got := h.ask(t, "select sessions, requests from am_session_scan"); !slices.Equal(got, []string{"137 | 9"}) {
		t.Errorf("%q", got)
	}
}

// anAccountThatMayNotReadCannotCompare expects that in the snapshot's reason, unless the account has the privileges in
// the documentation.
func anAccountThatMayNotReadCannotCompare(t *testing.T, k kept) {
	h := historyOf(t, k, 150)
	h.take(t, 0, inventory.Shard{})
	_, grant, _ := strings.Cut(readFile(t, "../../docs/history.md"), "\ngrant select on ")
	grant, _, _ = strings.Cut(grant, ";")
	_, address, _ := strings.Cut(k.target, "@")
	role := "writer_of_" + address[strings.LastIndex(address, "/")+1:]
	owner := connectPostgres(t, k.target)
	grants := func(sql string) {
		_, err := owner.Exec(t.Context(), strings.ReplaceAll(sql, "amsql_writer", role))
		must(t, err)
	}
	grants(readFile(t, "../../docs/history/writer.sql") + "; alter role amsql_writer password 'writer'")
	password := filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(password, []byte("writer"), 0o600))
	writer, err := Open(t.Context(), "postgres://"+role+":file:"+url.PathEscape(password)+"@"+address)
	must(t, err)
	t.Cleanup(func() { must(t, writer.Close()) })
	h.Store, h.am.most = writer, 137
	h.take(t, 1, inventory.Shard{})
	got, reason := h.latest(t)
	if got != "137 | by_user | 13" || !strings.Contains(reason, ", and the previous scan cannot be read: ") || !strings.Contains(reason, "permission denied") {
		t.Errorf("%s%s", got, reason)
	}
	grants("grant select on " + grant)
	h.am.most = 130
	h.take(t, 2, inventory.Shard{})
	if got, reason := h.latest(t); got != "150 | by_user | 0" || !strings.Contains(reason, ", and it is truncated") {
		t.Errorf("with %s: %s%s", grant, got, reason)
	}
}

// If the sessions of a snapshot cannot be read, the next one is still taken, and its reason says what was not compared.
func TestWhatCannotBeComparedIsInTheRecord(t *testing.T) {
	dir := t.TempDir()
	store := openParquet(t, dir)
	h := historyOf(t, kept{Store: store}, 150)
	h.take(t, 0, inventory.Shard{})
	sessions := filepath.Join(dir, snapshotID{*h.config.BaseURL, noon}.folder(inventory.Shard{}), parquetFile(compared))
	must(t, os.WriteFile(sessions, []byte("not Parquet"), 0o600))
	h.take(t, 1, inventory.Shard{})
	scans, id := relationNamed("session_scan"), snapshotID{*h.config.BaseURL, noon.Add(time.Minute)}
	reasons := []any{}
	for row, err := range store.(source).read(t.Context(), scans, []snapshotID{id}, false) {
		must(t, err)
		reasons = append(reasons, row[len(snapshotKey)+scans.column("reason")])
	}
	said := fmt.Sprint(reasons)
	if len(reasons) != 1 || !strings.Contains(said, ", and the previous scan cannot be read: read ") || !strings.Contains(said, "rows.parquet") {
		t.Errorf("%q", reasons)
	}
}
