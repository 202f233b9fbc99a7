package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"
	"pgregory.net/rapid"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A writableTable applies changes to its rows, and records them as text.
type writableTable struct {
	*fakeTable
	refuses error // error of Accept
	fails   error // error of Apply
	made    []string
	making  func() // called by Apply
}

func (w *writableTable) PrimaryKey() []string { return []string{"session_handle", "realm"} }
func (w *writableTable) Needs() []string      { return []string{"username"} }

func (w *writableTable) Accept(table.Change) error { return w.refuses }

func (w *writableTable) Apply(_ context.Context, changes []table.Change) error {
	if w.making != nil {
		w.making()
	}
	for _, c := range changes {
		w.make(c)
	}
	return w.fails
}

func (w *writableTable) make(c table.Change) {
	switch {
	case c.Row == nil:
		w.made = append(w.made, fmt.Sprint("insert ", c.Set))
		w.rows = append(w.rows, session{c.Set["realm"], c.Set["username"], c.Set["session_handle"], c.Set["idle"], nil, nil, nil, nil})
		return
	case c.Set == nil:
		w.made = append(w.made, fmt.Sprint("delete ", c.Row.(session)[2], " of ", c.Row.(session)[1]))
		w.rows = slices.DeleteFunc(slices.Clone(w.rows), func(row session) bool { return row[2] == c.Row.(session)[2] })
		return
	}
	w.made = append(w.made, fmt.Sprint("update ", c.Row.(session)[2], " ", c.Set))
	for i, row := range w.rows {
		if row[2] == c.Row.(session)[2] {
			w.rows[i] = slices.Clone(row)
			for column, value := range c.Set {
				w.rows[i][slices.IndexFunc(sessionColumns, func(c table.Column) bool { return c.Name == column })] = value
			}
		}
	}
}

// Scans of a writable table leave out columns that were not requested, because changes must not need them.
func (w *writableTable) Rows(ctx context.Context, q table.Query) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for row, err := range w.fakeTable.Rows(ctx, q) {
			if err == nil {
				row = blanked(row.(session), q.Columns)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

func blanked(row session, wanted []string) session {
	kept := make(session, len(row))
	for i, column := range sessionColumns {
		if slices.Contains(wanted, column.Name) {
			kept[i] = row[i]
		}
	}
	return kept
}

func TestChangesAreMadeByCommitAndOnlyThen(t *testing.T) {
	for _, c := range []struct {
		sql  string
		made []string
	}{
		{`delete from am_session where idle > 40`, []string{"delete h2 of scarter", "delete h3 of bjensen"}},
		{`delete from am_session where realm = '/alpha' or username = 'bjensen'`, []string{"delete h1 of bjensen", "delete h2 of scarter", "delete h3 of bjensen"}},
		{`delete from am_session where username in (select username from am_session group by 1 having count(*) > 1)`, []string{"delete h1 of bjensen", "delete h3 of bjensen"}},
		{`create temp table leavers as select 'scarter' as name; delete from am_session as s where exists (select 1 from leavers where name = s.username)`, []string{"delete h2 of scarter"}},
		{`delete from am_session`, []string{"delete h1 of bjensen", "delete h2 of scarter", "delete h3 of bjensen", "delete h4 of o'brien"}},
		{`delete from am_session limit 1`, nil}, // SQLite is built without support for it
		{`delete from am_session where idle > 1000`, nil},
		{`begin; delete from am_session where idle = 5; delete from am_session where idle = 50; commit`, []string{"delete h1 of bjensen", "delete h2 of scarter"}},
		{`begin; delete from am_session; rollback`, nil},
		{`begin; delete from am_session`, nil},
		{`begin; delete from am_session where idle = 5; savepoint s; delete from am_session; rollback to s; delete from am_session where idle = 50; commit`, []string{"delete h1 of bjensen", "delete h2 of scarter"}},
		{`begin; delete from am_session where idle = 5; delete from am_session where idle = 5; commit`, []string{"delete h1 of bjensen"}},
		{`update am_session set idle = idle + 1 where realm = '/alpha'`, []string{"update h1 map[idle:6]", "update h2 map[idle:51]"}},
		{`begin; update am_session set idle = 6 where idle = 5; update am_session set score = idle where idle = 6; commit`, []string{"update h1 map[idle:6]", "update h1 map[score:6]"}},
		{`insert into am_session (session_handle, realm, idle) values ('h5', '/alpha', 7)`, []string{"insert map[idle:7 realm:/alpha session_handle:h5]"}},
	} {
		w := &writableTable{fakeTable: sessions()}
		db := open(t, w)
		_, err := tryAll(t.Context(), db, c.sql)
		if strings.Contains(c.sql, "limit") != (err != nil) {
			t.Errorf("%s: %v", c.sql, err)
		}
		if !cmp.Equal(w.made, c.made) {
			t.Errorf("%s\nmade %q\nwant %q", c.sql, w.made, c.made)
		}
	}
}

func TestATransactionSeesItsChanges(t *testing.T) {
	w := &writableTable{fakeTable: sessions()}
	db := open(t, w)
	for _, c := range []struct{ sql, want string }{
		{`begin; delete from am_session where username = 'bjensen'; select session_handle from am_session`, "[[h2] [h4]]"},
		{`select count(*) from am_session limit 1`, "[[2]]"},
		{`select username from am_session limit 1`, "[[scarter]]"},
		{`update am_session set idle = 1 where session_handle = 'h2'; select idle from am_session where idle = 1`, "[[1]]"},
		{`savepoint s; delete from am_session; select count(*) from am_session`, "[[0]]"},
		{`rollback to s; select count(*) from am_session`, "[[2]]"},
		{`update am_session set idle = 2 where session_handle = 'h4'; select a.session_handle, b.session_handle from am_session a cross join am_session b on b.idle = a.idle`, "[[h2 h2] [h4 h4]]"},
		{`insert into am_session (realm, username, session_handle, idle) values ('/alpha', 'bjensen', 'h1', 7); select session_handle, idle from am_session`, "[[h1 7] [h2 1] [h4 2]]"},
		{`rollback; select session_handle, idle from am_session`, "[[h1 5] [h2 50] [h3 500] [h4 <nil>]]"},
	} {
		rows, err := tryAll(t.Context(), db, c.sql)
		if got := fmt.Sprint(rows); err != nil || got != c.want {
			t.Errorf("%s: %s, %v, want %s", c.sql, got, err, c.want)
		}
	}
	if w.made != nil {
		t.Errorf("made %q", w.made)
	}
}

func TestWhatIsRefusedOrFailsIsTheErrorOfTheStatement(t *testing.T) {
	oops := errors.New("oops")
	for _, c := range []struct {
		table *writableTable
		sql   string
		made  int
	}{
		{&writableTable{fakeTable: sessions(), refuses: oops}, `delete from am_session`, 0},
		{&writableTable{fakeTable: sessions(), fails: oops}, `delete from am_session where idle = 5`, 1},
		{&writableTable{fakeTable: sessions(), fails: oops}, `begin; delete from am_session where idle = 5; commit`, 1},
	} {
		db := open(t, c.table)
		if _, err := tryAll(t.Context(), db, c.sql); !errors.Is(err, oops) || err.Error() != "am_session: oops" {
			t.Errorf("%s: %v", c.sql, err)
		}
		if len(c.table.made) != c.made || db.InTransaction() {
			t.Errorf("%s: made %q, in a transaction: %t", c.sql, c.table.made, db.InTransaction())
		}
	}
}

// Before it applies the changes, the caller may ask for confirmation, which can take any time. Meanwhile there is no
// lock, and the database can be used by others.
func TestSQLiteIsAtRestWhileChangesAreMade(t *testing.T) {
	for _, sql := range []string{
		`delete from am_session where username in (select name from history.leavers)`,
		`begin; delete from am_session where username in (select name from history.leavers); commit`,
		`begin; delete from am_session where username in (select name from history.leavers); end; select 1`,
		`savepoint s; delete from am_session where username in (select name from history.leavers); release s`,
	} {
		path := filepath.Join(t.TempDir(), "history.db")
		other, err := sqlite3.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Exec(`create table leavers(name); insert into leavers values ('scarter')`); err != nil {
			t.Fatal(err)
		}
		w := &writableTable{fakeTable: sessions()}
		db := open(t, w)
		if err := db.AttachFile("history", path); err != nil {
			t.Fatal(err)
		}
		made := 0
		w.making = func() {
			made++
			if err := other.Exec(`insert into leavers values ('bjensen')`); err != nil {
				t.Errorf("%s: another process writes to the file: %v", sql, err)
			}
			if rows, err := tryAll(t.Context(), db, `select count(*) from history.leavers`); fmt.Sprint(rows) != "[[2]]" || err != nil || db.InTransaction() {
				t.Errorf("%s: the database answers %v, %v", sql, rows, err)
			}
		}
		if _, err := tryAll(t.Context(), db, sql); err != nil || made != 1 {
			t.Errorf("%s: %d times, %v", sql, made, err)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Changes are applied table by table. After an error, the following tables are left alone.
func TestTheChangesBehindAnErrorAreNotMade(t *testing.T) {
	oops := errors.New("oops")
	east, west := &writableTable{fakeTable: sessions(), fails: oops}, &writableTable{fakeTable: sessions()}
	db := open(t)
	if err := errors.Join(db.Attach("east", east), db.Attach("west", west)); err != nil {
		t.Fatal(err)
	}
	_, err := tryAll(t.Context(), db, `begin; delete from east.am_session where idle = 5; delete from west.am_session; commit`)
	if !errors.Is(err, oops) || len(east.made) != 1 || len(west.made) != 0 {
		t.Errorf("%v; made %q and %q", err, east.made, west.made)
	}
	if _, err := tryAll(t.Context(), db, `select 1`); err != nil || len(west.made) != 0 {
		t.Errorf("afterwards: %v, made %q", err, west.made)
	}
}

func TestATableThatIsNotWritableSaysSo(t *testing.T) {
	_, err := tryAll(t.Context(), open(t, sessions()), `delete from am_session`)
	if err == nil || !strings.Contains(err.Error(), "may not be modified") {
		t.Error(err)
	}
}

// The cells of this source change from scan to scan, so only the key shows that a row has been seen before.
func TestARowWhoseCellsChangeComesOnceForAnOr(t *testing.T) {
	w := &writableTable{fakeTable: sessions()}
	var n int64
	w.source = func(context.Context, table.Query) iter.Seq2[any, error] {
		return func(yield func(any, error) bool) {
			for _, row := range w.rows {
				n++
				row = slices.Clone(row)
				row[3] = n
				if !yield(row, nil) {
					return
				}
			}
		}
	}
	rows, err := tryAll(t.Context(), open(t, w), `select username, idle from am_session where realm = '/alpha' or username = 'bjensen'`)
	if err != nil || len(rows) != 3 {
		t.Errorf("%v, %v, want three rows", rows, err)
	}
	w.asked = nil
	if _, err := tryAll(t.Context(), open(t, w), `select username from am_session where realm = '/alpha'`); err != nil || !cmp.Equal(w.asked[0].Columns, []string{"realm", "username"}) {
		t.Errorf("asked for %v, %v: without an OR the key is not needed", w.asked, err)
	}
}

// A writable table behaves in transactions as a real one does.
func TestTransactionsAreAsThoseOfRealTables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &writableTable{fakeTable: sessions()}
		virtual, real := mustOpen(t), mustOpen(t)
		defer func() {
			if err := errors.Join(virtual.Close(), real.Close()); err != nil {
				t.Fatal(err)
			}
		}()
		if err := virtual.Attach("am", w); err != nil {
			t.Fatal(err)
		}
		run := func(db *engine.DB, sql string) string {
			rows, err := tryAll(context.Background(), db, sql)
			return fmt.Sprint(rows, err != nil)
		}
		run(real, `create table am_session(realm, username, session_handle primary key, idle)`)
		for _, row := range w.rows {
			if _, err := tryAll(context.Background(), real, `insert into am_session values (:a, :b, :c, :d)`,
				engine.Arg{Name: "a", Value: row[0]}, engine.Arg{Name: "b", Value: row[1]}, engine.Arg{Name: "c", Value: row[2]}, engine.Arg{Name: "d", Value: row[3]}); err != nil {
				t.Fatal(err)
			}
		}
		condition := rapid.SampledFrom([]string{
			"idle > 40", "realm = '/alpha'", "username = 'bjensen' or realm = '/bravo'", "session_handle in ('h1', 'h4')", "idle is null", "1", "0",
			"username in (select username from am_session where idle < 60)",
		})
		step := rapid.SampledFrom([]string{"delete", "delete", "update", "update", "begin", "commit", "rollback", "savepoint s", "rollback to s", "release s"})
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			sql := step.Draw(t, "step")
			switch sql {
			case "delete":
				sql = "delete from am_session where " + condition.Draw(t, "where")
			case "update":
				sql = "update am_session set idle = coalesce(idle, 0) + 7 where " + condition.Draw(t, "where")
			}
			if got, want := run(virtual, sql), run(real, sql); got != want {
				t.Fatalf("%s: %s, want %s", sql, got, want)
			}
			const all = "select session_handle, realm, username, idle from am_session order by 1"
			if got, want := run(virtual, all), run(real, all); got != want {
				t.Fatalf("after %s: %s, want %s", sql, got, want)
			}
		}
	})
}

func TestExecCallsWhatItNames(t *testing.T) {
	for _, c := range []struct{ sql, call, err string }{
		{`exec am.am_session.refresh @token_id = 'it''s'`, `am am_session refresh [{token_id it's}] false`, ""},
		{"EXEC am_session.logout_by_user\n@username='bjensen', -- required\n@realm='/alpha';", ` am_session logout_by_user [{username bjensen} {realm /alpha}] false`, ""},
		{`execute "am".am_session . query @n=1, @x=-1.5, @who=:who`, `am am_session query [{n 1} {x -1.5} {who o'brien}] false`, ""},
		{`begin; exec am.am_session.refresh`, `am am_session refresh [] true`, ""},
		{"EXEC am_session.logout_by_user \n@username='bjensen' --required, \n@realm='/a';", ` am_session logout_by_user [{username bjensen} {realm /a}] false`, ""},
		{"EXEC /*+ AWAIT */ am.am_session.refresh\n@token_id='x' --required;", `am am_session refresh [{token_id x}] false`, ""},
		{`exec a.b @x=007, @y=12345678901234567890, @z=-0`, ` a b [{x 007} {y 12345678901234567890} {z -0}] false`, ""},
		{`exec a.b @x=1e3, @y=0x10, @z=1.50, @v=.5, @w=+1E-3;`, ` a b [{x 1e3} {y 0x10} {z 1.50} {v .5} {w +1E-3}] false`, ""},
		{`exec am.am_session.query /* all */ ; select 1`, `am am_session query [] false`, ""},
		{`exec refresh`, "", `line 1, column 1, at "exec refresh": EXEC needs schema.table.method`},
		{`exec a.b.c.d`, "", `line 1, column 1, at "exec a.b.c.d": EXEC needs schema.table.method`},
		{`exec a.`, "", `line 1, column 8, at "": a name is missing`},
		{"create temp table x(y);\nexec a.b x", "", `line 2, column 10, at "x": EXEC needs @name = value, separated by commas or line ends`},
		{`exec a.b @x 1`, "", `line 1, column 13, at "1": EXEC needs @name = value, separated by commas or line ends`},
		{`exec a.b @x=1 @y=2`, "", `line 1, column 15, at "@y=2": EXEC needs @name = value, separated by commas or line ends`},
		{`exec a.b @x=7up`, "", `line 1, column 13, at "7up": a value must be text in single quotes, a number or a parameter :name`},
		{`exec a.b @x=1.2.3`, "", `line 1, column 13, at "1.2.3": a value must be text in single quotes, a number or a parameter :name`},
		{`exec a.b @x=10-11`, "", `line 1, column 13, at "10-11": a value must be text in single quotes, a number or a parameter :name`},
		{`exec a.b @x=bare`, "", `line 1, column 13, at "bare": a value must be text in single quotes, a number or a parameter :name`},
		{`exec a.b @x=:nobody`, "", `line 1, column 13, at ":nobody": parameter :nobody has no value (there are values for who)`},
	} {
		db := open(t, sessions())
		var call string
		db.HandleExec(func(_ context.Context, c engine.Call) (engine.Result, error) {
			call = fmt.Sprint(c.Schema, " ", c.Table, " ", c.Method, " ", c.Args, " ", c.InTransaction)
			return engine.Result{Columns: []table.Column{{Name: "valid", Type: table.Boolean}}, Rows: [][]any{{true}, {nil}}}, nil
		})
		args := []engine.Arg{{Name: "who", Value: "o'brien"}}
		if !strings.Contains(c.sql, ":who") && c.err == "" {
			args = nil
		}
		rows, err := tryAll(t.Context(), db, c.sql, args...)
		switch {
		case c.err != "":
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: error %v, want %s", c.sql, err, c.err)
			}
		case err != nil || call != c.call || !strings.HasPrefix(fmt.Sprint(rows), "[[true] [<nil>]"):
			t.Errorf("%s: called %q, %v, %v, want %q", c.sql, call, rows, err, c.call)
		}
	}
}

func TestAParameterOfAnExecArrivesAsItsText(t *testing.T) {
	for _, c := range []struct {
		value     any
		text, err string
	}{
		{"007", "007", ""},
		{int64(7), "7", ""},
		{1e20, "100000000000000000000", ""},
		{1.5, "1.5", ""},
		{true, "true", ""},
		{time.Date(2026, 11, 22, 3, 16, 30, 0, time.UTC), "2026-11-22 03:16:30", ""},
		{json.RawMessage(`{"theme":"dark"}`), `{"theme":"dark"}`, ""},
		{nil, "", `line 1, column 13, at ":v": parameter :v is NULL: omit the argument`},
		{[]byte{1}, "", `line 1, column 13, at ":v": parameter :v is a []uint8, but EXEC needs text`},
	} {
		db := open(t, sessions())
		var got string
		db.HandleExec(func(_ context.Context, c engine.Call) (engine.Result, error) {
			got = c.Args[0].Text
			return engine.Result{}, nil
		})
		_, err := tryAll(t.Context(), db, `exec a.b @x=:v`, engine.Arg{Name: "v", Value: c.value})
		if got != c.text || c.err == "" && err != nil || c.err != "" && (err == nil || err.Error() != c.err) {
			t.Errorf("%v: %q, %v; want %q, %s", c.value, got, err, c.text, c.err)
		}
	}
}

func TestTheRowsOfAnExecComeBeforeItsError(t *testing.T) {
	db := open(t)
	db.HandleExec(func(context.Context, engine.Call) (engine.Result, error) {
		return engine.Result{Columns: []table.Column{{Name: "n", Type: table.Integer}}, Rows: [][]any{{int64(1)}}}, errors.New("oops")
	})
	rows, err := db.Query(t.Context(), `exec a.b`)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		n++
	}
	if n != 1 || rows.Err() == nil || rows.Err().Error() != "oops" {
		t.Errorf("%d rows, %v", n, rows.Err())
	}
	_ = rows.Close()
}

func TestCommaSeparatedValuesAreATable(t *testing.T) {
	db := open(t, sessions())
	if err := db.LoadCSV("leavers", strings.NewReader("\ufeffusername,\"left on\"\r\nbjensen,2026-11-01\r\n\"o'brien\",\"a, \"\"b\"\"\"\r\n"), 0); err != nil {
		t.Fatal(err)
	}
	rows, err := tryAll(t.Context(), db, `select session_handle, "left on" from am_session join leavers using (username) order by 1`)
	if got, want := fmt.Sprint(rows), `[[h1 2026-11-01] [h3 2026-11-01] [h4 a, "b"]]`; err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	for values, want := range map[string]string{
		"":             "it is empty, but its first row must contain the column names",
		"a,b\n1\n":     "record on line 2: wrong number of fields",
		"a,b\n1,\"2\n": `parse error`,
	} {
		if err := db.LoadCSV("other", strings.NewReader(values), 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", values, err, want)
		}
		if db.InTransaction() {
			t.Errorf("%q leaves a transaction open", values)
		}
		_, _ = tryAll(t.Context(), db, `drop table if exists temp.other`)
	}
}

// A scan that began before the transaction has not read the columns that changes need.
func TestAScanUnderWayIsLeftAloneByATransaction(t *testing.T) {
	w := &writableTable{fakeTable: sessions()}
	db := open(t, w)
	rows, err := db.Query(t.Context(), `select username from am_session`)
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	if _, err := tryAll(t.Context(), db, `begin; delete from am_session where idle = 50`); err != nil {
		t.Fatal(err)
	}
	n := 1
	for rows.Next() {
		n++
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || n != 4 {
		t.Errorf("%d rows, %v", n, err)
	}
	if got := fmt.Sprint(all(t, db, `select count(*) from am_session`)); got != "[[3]]" {
		t.Errorf("%s left in the transaction", got)
	}
}

// Compared with a text, SQL takes 007 for the text 7, so who writes 007 in a change means another row.
func TestNumbersThatSQLWritesDifferentlyAreRefusedBesideTextsInChanges(t *testing.T) {
	for _, c := range []struct {
		sql     string
		refused string // the number that is refused in a change; the rest of the line in the error
	}{
		{`delete from am_session where username = 007`, `007`},
		{`delete from am_session where 007 = username and idle > 5`, `007`},
		{`delete from am_session where idle = 1 or not (am_session.username <> (0x10))`, `0x10`},
		{`delete from am_session where username in ('a', 1e3)`, `1e3`},
		{`delete from am_session where username between 1.0 and 'z'`, `1.0`},
		{`delete from am_session where username is not 12345678901234567890`, `12345678901234567890`},
		{`delete from am_session where exists (select 1 from am_session s where s.username = 007)`, `007`},
		{`delete from am_session where (realm, username) = ('/alpha', 007)`, `007`},
		{`update am_session set idle = 1 where username = 007`, `007`},
		{`update am_session set username = 007 where idle = 5`, `007`},
		{`delete from am_session where username = '007'`, ``},
		{`delete from am_session where username = 7`, ``},
		{`delete from am_session where idle = 007`, ``},
		{`delete from am_session where idle * 1.50 > length(username) + 007`, ``},
		{`update am_session set idle = 010 where username = 'a'`, ``},
	} {
		db := open(t, &writableTable{fakeTable: sessions()})
		err := runAll(t, db, c.sql)
		want := c.refused + " is a number, which SQL may write differently, next to a text: write '" + c.refused + "' in quotes"
		if (err != nil) != (c.refused != "") || err != nil && !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want an error for %q", c.sql, err, c.refused)
		}
	}
	db := open(t, sessions())
	const found = `select 1 from am_session where username = 007`
	if err := runAll(t, db, found); err != nil {
		t.Errorf("what only reads: %v", err)
	}
	if db.Changing(); runAll(t, db, found) == nil {
		t.Error("what finds rows to change takes a number for a name")
	}
}
