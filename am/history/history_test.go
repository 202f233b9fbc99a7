package history

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"

	diff "github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// noon is the time on the simulated AM's clock.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 123e6, time.UTC)

// simulated starts an AM whose clock is stopped, and connects to it with the token of one session.
func simulated(t *testing.T, o simulator.Options, config connection.Config) (*simulator.Server, *connection.Connection) {
	t.Helper()
	o.Clock = func() time.Time { return noon }
	server, err := simulator.New(o)
	must(t, err)
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", noon.UTC().Format(http.TimeFormat))
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(listening.Close)
	admin, _ := server.Admin()
	session, err := server.Login("/", admin)
	must(t, err)
	url := listening.URL + server.ContextPath()
	tokens.Store(url, session.Token)
	config.BaseURL, config.SSOToken = &url, &session.Token
	c, err := connection.Open("am", config, connection.Host{})
	must(t, err)
	return server, c
}

// tokens contains the tokens of sessions on simulated servers, by address.
var tokens sync.Map

func tokenOf(c *connection.Connection) string {
	token, _ := tokens.Load(c.BaseURL())
	return token.(string)
}

// reconnect opens the connection again with another configuration, because its inventory caches the list cap for a
// while.
func reconnect(t testing.TB, c *connection.Connection, config connection.Config) *connection.Connection {
	t.Helper()
	url, token := c.BaseURL(), tokenOf(c)
	config.BaseURL, config.SSOToken = &url, &token
	again, err := connection.Open(c.Name(), config, connection.Host{})
	must(t, err)
	return again
}

func pointer[T any](v T) *T { return &v }

// A kept store is one that a test can query in SQL.
type kept struct {
	Store
	name   string
	target string
	reopen func(testing.TB) Store
	settle func(testing.TB)                        // waits until the requests of a killed process have had their effect
	ask    func(t testing.TB, sql string) []string // returns rows, with bars between their cells
	try    func(sql string) ([]string, error)      // the same, for an engine that may fail

	// age changes the store to that of an earlier version with other relations; nil if stores have no version.
	age func(t testing.TB, as func(relation) relation)

	columns string // a query for a column of a table
}

func newKey(t testing.TB) Key {
	t.Helper()
	key, err := ReadKey(filepath.Join(t.TempDir(), "key"))
	must(t, err)
	return key
}

func newSQLite(t testing.TB) kept { return newSQLiteIn(t, t.TempDir()) }

func newSQLiteIn(t testing.TB, dir string) kept {
	t.Helper()
	path := filepath.Join(dir, "history.db")
	k := kept{name: "SQLite", target: path, ask: func(t testing.TB, sql string) []string { return askSQLite(t, path, sql) }}
	k.settle = func(testing.TB) {}
	k.columns = "select 1 from pragma_table_info('%s') where name = '%s'"
	k.reopen = func(t testing.TB) Store {
		store, err := OpenSQLite(t.Context(), path)
		must(t, err)
		t.Cleanup(func() { must(t, store.Close()) })
		return store
	}
	k.Store = k.reopen(t)
	k.age = func(t testing.TB, as func(relation) relation) {
		edit(t, path, aging(sqliteDialect, as)+fmt.Sprintf("; pragma user_version = %d", schemaVersion-1))
	}
	return k
}

// aging drops the views, and the columns that the earlier relations did not have.
func aging(d dialect, as func(relation) relation) string {
	var statements []string
	for _, name := range d.viewNames() {
		statements = append(statements, "drop view if exists "+name)
	}
	slices.Reverse(statements) // in PostgreSQL, views must be dropped before those that they use
	for _, r := range relations() {
		for _, name := range r.names() {
			if !slices.Contains(as(r).names(), name) {
				statements = append(statements, "alter table "+r.name+" drop column "+name)
			}
		}
	}
	return strings.Join(statements, ";\n")
}

func askSQLite(t testing.TB, path, sql string) (rows []string) {
	t.Helper()
	if strings.Contains(sql, "am_session_at(") { // only amsql query has this function
		return askEngine(t, path, sql)
	}
	conn, err := sqlite3.OpenFlags("file:"+path, sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	must(t, err)
	defer func() { must(t, conn.Close()) }()
	must(t, conn.BusyTimeout(time.Minute))
	stmt, _, err := conn.Prepare(sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	for stmt.Step() {
		cells := make([]string, stmt.ColumnCount())
		for i := range cells {
			switch stmt.ColumnType(i) {
			case sqlite3.NULL:
				cells[i] = shown(nil)
			case sqlite3.FLOAT:
				cells[i] = shown(stmt.ColumnFloat(i)) // as text, SQLite would write a whole number with a decimal point
			default:
				cells[i] = stmt.ColumnText(i)
			}
		}
		rows = append(rows, strings.Join(cells, " | "))
	}
	must(t, stmt.Close())
	return rows
}

// askEngine runs a query as amsql query --history does.
func askEngine(t testing.TB, path, sql string) (lines []string) {
	t.Helper()
	db, err := engine.Open(t.Context())
	must(t, err)
	defer func() { must(t, db.Close()) }()
	db.TrustTimes("history")
	for _, source := range am.Tables(nil) {
		db.Know(source.Columns())
	}
	must(t, db.AttachFile("history", path))
	must(t, db.Define("am_session_at", SessionAt, "", nil))
	rows, err := db.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	for rows.Next() {
		var cells []string
		for _, cell := range rows.Values() {
			cells = append(cells, shown(cell))
		}
		lines = append(lines, strings.Join(cells, " | "))
	}
	must(t, rows.Err())
	must(t, rows.Close())
	return lines
}

func shown(cell any) string {
	switch v := cell.(type) {
	case nil:
		return "NULL"
	case bool:
		if v {
			return "1"
		}
		return "0"
	case float64, int32, int64:
		return fmt.Sprint(v)
	case time.Time:
		return timestamp(v)
	case string:
		return v
	}
	encoded, err := json.Marshal(cell)
	if err != nil {
		return err.Error()
	}
	return string(encoded)
}

// tableRows returns the current rows of the connection's table, without columns that depend on the time of the query.
func tableRows(t *testing.T, source table.Table) (columns, rows []string) {
	var indices []int
	for i, c := range source.Columns() {
		if keptAs[source.Name()].has(c) && !slices.Contains([]string{"started_at", "elapsed_ms", "clock_skew_seconds"}, c.Name) {
			columns, indices = append(columns, c.Name), append(indices, i)
		}
	}
	for row, err := range source.Rows(t.Context(), table.Query{}) {
		must(t, err)
		var cells []string
		for _, i := range indices {
			cells = append(cells, shown(source.Cell(row, i)))
		}
		rows = append(rows, strings.Join(cells, " | "))
	}
	slices.Sort(rows)
	return columns, rows
}

func aSnapshotHasWhatTheTablesHave(t *testing.T, k kept) {
	for _, profile := range []string{"openam", "pingam-8.1", "aic"} {
		t.Run(profile, func(t *testing.T) {
			_, c := simulated(t, simulator.Options{Profile: profile, Realms: 2, Users: 30, Sessions: 60}, connection.Config{})
			taken, err := Take(t.Context(), c, k, Options{Key: newKey(t), KeepHandles: true, Version: "1.2.3"})
			must(t, err)
			if taken.Sessions < 60 || taken.Lacking != nil || taken.Missing != nil {
				t.Fatalf("taken: %+v", taken)
			}
			server := " where base_url = '" + taken.Server + "'"
			for _, source := range am.Tables(c) {
				if _, is := keptAs[source.Name()]; !is {
					continue
				}
				columns, want := tableRows(t, source)
				got := k.ask(t, "select "+strings.Join(columns, ", ")+" from am_"+strings.TrimPrefix(source.Name(), "am_")+server)
				slices.Sort(got)
				if d := diff.Diff(want, got); d != "" || len(got) == 0 {
					t.Errorf("%s: %d rows, %s", source.Name(), len(got), d)
				}
			}
			got := k.ask(t, "select connection, sessions, realms, realms_cut, realms_failed, missing, amsql_version from am_snapshot"+server)
			if want := fmt.Sprintf("am | %d | %d | 0 | 0 | NULL | 1.2.3", taken.Sessions, len(k.ask(t, "select 1 from am_session_scan"+server))); len(got) != 1 || got[0] != want {
				t.Errorf("snapshots %q, want %q", got, want)
			}
		})
	}
}

func TestViewsHaveTheColumnsOfTheTablesInTheirOrder(t *testing.T) {
	k := newSQLite(t)
	for _, source := range am.Tables(nil) {
		r, is := keptAs[source.Name()]
		if !is {
			continue
		}
		var want []string
		want = append(want, columnNames(source)...)
		if r.beside != "" {
			want = append(want, r.beside)
		}
		if got := k.ask(t, "select name from pragma_table_info('"+source.Name()+"')"); !slices.Equal(got, want) {
			t.Errorf("%s: columns %q, want %q", source.Name(), got, want)
		}
	}
}

// theServersClockIsKept: AM's clock is three minutes ahead, which amsql can measure to about a second.
func theServersClockIsKept(t *testing.T, k kept) {
	_, c := simulated(t, simulator.Options{Users: 3, Sessions: 3}, connection.Config{})
	for _, ahead := range []time.Duration{3 * time.Minute, -time.Hour} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			at, err := url.Parse(c.BaseURL())
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: at.Scheme, Host: at.Host})
			forward.ModifyResponse = func(answer *http.Response) error {
				answer.Header.Del("Date")
				return nil
			}
			forward.ServeHTTP(w, r)
		}))
		defer proxy.Close()
		at, err := url.Parse(c.BaseURL())
		must(t, err)
		address, token := proxy.URL+at.Path, tokenOf(c)
		skewed, err := connection.Open("am", connection.Config{BaseURL: &address, SSOToken: &token}, connection.Host{})
		must(t, err)
		taken, err := Take(t.Context(), skewed, k, Options{Key: newKey(t)})
		must(t, err)
		got := k.ask(t, "select clock_skew_seconds from am_snapshot where base_url = '"+taken.Server+"'")
		if len(got) != 1 {
			t.Fatalf("snapshots %q", got)
		}
		if n, err := strconv.Atoi(got[0]); err != nil || (time.Duration(n)*time.Second-ahead).Abs() > 2*time.Second {
			t.Errorf("AM's clock is ahead by %q seconds, want %s", got, ahead)
		}
	}
}

func aRealmThatIsCutOrFailsIsKeptAsSuchAndHidesNothing(t *testing.T, k kept) {
	// This policy applies to queries; a snapshot stores what it finds.
	strict := "error"
	server, c := simulated(t, simulator.Options{Realms: 2, Users: 8, Sessions: 40}, connection.Config{OnTruncation: &strict, OnRealmError: &strict})
	key := newKey(t)
	at := noon
	take := func() *Summary {
		at = at.Add(time.Minute)
		taken, err := Take(t.Context(), c, k, Options{Key: key, Now: func() time.Time { return at }})
		must(t, err)
		return taken
	}
	whole := take()
	must(t, server.SetFaults("400:path=/alpha:action=query"))
	failed := take()
	if len(failed.Lacking) != 1 || !strings.Contains(failed.Lacking[0], "realm /alpha failed (") || failed.Sessions >= whole.Sessions {
		t.Errorf("with a realm that fails: %+v", failed)
	}
	of := " where base_url = '" + whole.Server + "' and realm = '/alpha'"
	if got := k.ask(t, "select completeness, error is null from am_session_scan"+of); !slices.Equal(got, []string{"truncated | 0"}) {
		t.Errorf("its evidence: %q", got)
	}
	if got := k.ask(t, "select count(*) from am_session_history"+of+" and gone_by is not null"); got[0] != "0" {
		t.Errorf("sessions of the realm that failed are taken for gone: %s", got)
	}
	if got := k.ask(t, "select sessions from am_concurrency"+of+" order by taken_at"); len(got) != 2 || got[0] == "NULL" || got[1] != "NULL" {
		t.Errorf("its sessions over time: %q", got)
	}
	must(t, server.SetFaults())
	// Even the list of a single user is truncated.
	server.SetListCap(1)
	c = reconnect(t, c, connection.Config{ListCap: pointer(1)})
	cut := take()
	if len(cut.Lacking) == 0 || !strings.Contains(strings.Join(cut.Lacking, ""), " is truncated (") {
		t.Errorf("with realms that are cut: %+v", cut)
	}
	if got := k.ask(t, "select realms_cut > 0 from am_snapshot where base_url = '"+whole.Server+"' order by taken_at desc"); got[0] != "1" {
		t.Errorf("the snapshot does not say so: %q", got)
	}
}

func TestHandlesAreKeptAsFingerprints(t *testing.T) {
	server, c := simulated(t, simulator.Options{Sessions: 10, Users: 3}, connection.Config{})
	k := newSQLite(t)
	key := newKey(t)
	var first []string
	for i := range 2 {
		_, err := Take(t.Context(), c, k, Options{Key: key})
		must(t, err)
		if got := k.ask(t, "select session from am_session order by session"); i == 0 {
			first = got
		} else if !slices.Equal(got, first) {
			t.Errorf("a session has fingerprints %q and then %q", first, got)
		}
	}
	content, err := os.ReadFile(k.String())
	must(t, err)
	for _, s := range server.Sessions() {
		if strings.Contains(string(content), s.Handle) || strings.Contains(string(content), s.Token) {
			t.Fatalf("the file has the handle or the token of a session of %s", s.Username)
		}
	}
	taken, err := Take(t.Context(), c, k, Options{Key: newKey(t)})
	must(t, err)
	if !taken.NewKey || slices.Contains(k.ask(t, "select session from am_session"), first[0]) {
		t.Errorf("another key makes the same fingerprints, or is not noticed: %+v", taken)
	}
}

func TestTheKeyIsMadeOnceAndForItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "fingerprint.key")
	keys := make(chan Key)
	for range 8 {
		go func() {
			key, err := ReadKey(path)
			if err != nil {
				t.Error(err)
			}
			keys <- key
		}()
	}
	first := <-keys
	for range 7 {
		if key := <-keys; key.Name() != first.Name() {
			t.Error("two keys were made at once")
		}
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 || len(first.Fingerprint("x")) != 2*fingerprintSize || first.Fingerprint("x") == first.Fingerprint("y") {
		t.Errorf("mode %v, fingerprint %s", info.Mode(), first.Fingerprint("x"))
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".key-*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
	must(t, os.WriteFile(path, []byte("short"), 0o600))
	if _, err := ReadKey(path); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("of a spoilt key: %v", err)
	}
}

func tableOfIdentitiesThatCannotBeReadIsMissing(t *testing.T, k kept) {
	server, c := simulated(t, simulator.Options{Users: 3, Sessions: 3}, connection.Config{})
	must(t, server.SetFaults("403:path=/users"))
	taken, err := Take(t.Context(), c, k, Options{Key: newKey(t)})
	must(t, err)
	if len(taken.Missing) != 1 || !strings.HasPrefix(taken.Missing[0], "am_user: ") {
		t.Fatalf("missing: %q", taken.Missing)
	}
	got := k.ask(t, "select missing from am_snapshot where base_url = '"+taken.Server+"'")
	if len(got) != 1 || got[0] != taken.Missing[0] || len(k.ask(t, "select 1 from am_realm where base_url = '"+taken.Server+"'")) == 0 {
		t.Errorf("the snapshot lacks %q", got)
	}
}
