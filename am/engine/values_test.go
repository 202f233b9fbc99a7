package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

func TestCellsComeBackAsTheyWere(t *testing.T) {
	table := sessions()
	rows := all(t, open(t, table), `select * from am_session`)
	for i, row := range rows {
		if want := []any(table.rows[i]); !cmp.Equal(row, want) {
			t.Errorf("row %d: %s", i, cmp.Diff(want, row))
		}
	}
}

func TestColumnsHaveTypes(t *testing.T) {
	for _, test := range []struct{ sql, columns string }{
		{`select * from am_session`, `realm text, username text, session_handle text, idle int8, score float8, active bool, latest timestamptz, properties jsonb`},
		{`select a.latest as t, b.active from am_session a join am_session b using (username)`, `t timestamptz, active bool`},
		{`select latest from (select * from am_session order by 1 limit 1)`, `latest timestamptz`},
		{`with x as (select * from am_session) select properties p from x`, `p jsonb`},
		{`create temp view v as select latest from am_session; select * from v`, `latest timestamptz`},
		{`select latest from am_session union all select latest from am_session`, `latest timestamptz`},
		{`select count(*) n, avg(idle) a, max(latest) m, 1 = 1 b, null x from am_session`, `n int8, a float8, m timestamptz, b int8, x text`},
		{`select latest from am_session where 1 = 0`, `latest timestamptz`},
	} {
		rows, err := open(t, sessions()).Query(t.Context(), test.sql)
		if err != nil {
			t.Fatal(err)
		}
		rows.Next()
		var got []string
		for _, c := range rows.Columns() {
			got = append(got, c.Name+" "+c.Type.String())
		}
		if got := strings.Join(got, ", "); got != test.columns {
			t.Errorf("%s has the columns %s, not %s", test.sql, got, test.columns)
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestExpressionsSeeCellsAsPostgresWould(t *testing.T) {
	for _, test := range []struct{ sql, want string }{
		// NULL stays NULL.
		{`select count(*) from am_session where latest is null and active is null and properties is null and score is null`, `1`},
		{`select count(active), count(idle) from am_session`, `3 3`},
		{`select count(*) from am_session where active = false`, `1`},
		{`select count(*) from am_session where not active`, `1`},

		// Timestamps are compared as instants, in whatever format.
		{`select latest || '' from am_session where session_handle in ('h1', 'h2') order by 1`, `2026-11-22 03:16:30, 2026-11-22 03:16:30.123`},
		{`select session_handle from am_session where latest = '2026-11-22T03:16:30Z'`, `h2`},
		{`select session_handle from am_session where latest = '2026-11-22 04:16:30.000+01:00'`, `h2`},
		{`select session_handle from am_session where latest = '2026-11-22 04:16:30+01'`, `h2`},
		{`select session_handle from am_session where latest = datetime('2026-11-22 03:16:31', '-1 second')`, `h2`},
		{`select session_handle from am_session where latest = strftime('%Y-%m-%d %H:%M:%f', '2026-11-22 03:16:30')`, `h2`},
		{`select session_handle from am_session where latest > datetime('2026-11-22 03:16:30') order by latest desc`, `h4, h1`},
		{`select session_handle from am_session where latest <= datetime('2026-11-22 03:16:30')`, `h2`},
		{`select session_handle from am_session where latest between '2026-11-22T03:16:30.001Z' and '2026-11-22T04:00Z'`, `h1`},
		{`select session_handle from am_session where latest in ('2026-11-22T04:16:30Z', '2026-11-22T03:16:30.123000Z') order by 1`, `h1, h4`},
		{`select session_handle from am_session where '2026-11-22T03:16:30.123Z' > latest`, `h2`},
		{`select count(*) from am_session where latest >= '2026-11-22' and latest < '2026-11-23'`, `3`},
		{`select count(*) from am_session where latest < :now`, `3`},
		{`select strftime('%H', latest), unixepoch(latest) from am_session where session_handle = 'h2'`, `03 1795317390`},
		{`select count(distinct latest) from am_session`, `3`},

		// SQLite's functions accept JSON columns.
		{`select properties ->> '$.a', json_extract(properties, '$.a'), json_type(properties) from am_session where session_handle = 'h1'`, `1 1 object`},
		{`select json_object('p', properties) from am_session where session_handle = 'h1'`, `{"p":{"a":1}}`},
		{`select j.value from am_session, json_each(properties) j where session_handle = 'h2'`, `1, 2`},

		// Other values.
		{`select typeof(idle), typeof(score), typeof(active), typeof(latest), typeof(properties) from am_session where session_handle = 'h1'`, `integer real integer text text`},
		{`select x'00ff', zeroblob(0), 1e300, -5`, `[0 255] [] 1e+300 -5`},
	} {
		var args []engine.Arg
		if strings.Contains(test.sql, ":now") {
			args = []engine.Arg{{Name: "now", Value: time.Date(2027, 1, 1, 0, 0, 0, 0, time.Local)}}
		}
		var got []string
		for _, row := range all(t, open(t, sessions()), test.sql, args...) {
			got = append(got, strings.TrimSuffix(fmt.Sprintln(row...), "\n"))
		}
		if got := strings.Join(got, ", "); got != test.want {
			t.Errorf("%s\ngives %s\nnot   %s", test.sql, got, test.want)
		}
	}
}

func TestTextAndNumbersCompareAsInARealTable(t *testing.T) {
	table := sessions()
	table.rows = []session{
		{"/alpha", "5", "h1", nil, nil, nil, nil, nil},
		{"/alpha", "05", "h2", nil, nil, nil, nil, nil},
		{"/alpha", "5.0", "h3", nil, nil, nil, nil, nil},
	}
	for _, test := range []struct{ sql, want string }{
		{`select session_handle from am_session where username = 5`, `[[h1]]`},
		{`select session_handle from am_session where username = 5.0`, `[[h3]]`},
		{`select session_handle from am_session where username in (5, '05')`, `[[h1] [h2]]`},
		{`select session_handle from am_session where username = cast('5' as integer)`, `[[h1] [h2] [h3]]`},
		{`select session_handle from am_session where username = cast('5' as integer) limit 2 offset 1`, `[[h2] [h3]]`},
		{`create table n as select cast(5 as integer) n; select session_handle from n join am_session on username = n`, `[[h1] [h2] [h3]]`},
		{`create table n as select cast(5 as integer) n; select session_handle from am_session where username in (select n from n)`, `[[h1] [h2] [h3]]`},
	} {
		if got := fmt.Sprint(all(t, open(t, table), test.sql)); got != test.want {
			t.Errorf("%s gives %s, not %s", test.sql, got, test.want)
		}
	}
}

func TestTimestampsKeepTheirFraction(t *testing.T) {
	for _, test := range []struct {
		time time.Time
		text string
	}{
		{at("2026-11-22T03:16:30Z"), "2026-11-22 03:16:30"},
		{at("2026-11-22T03:16:30.1Z"), "2026-11-22 03:16:30.100"},
		{at("2026-11-22T03:16:30.000001Z"), "2026-11-22 03:16:30.000001"},
		{at("2026-11-22T03:16:30.000000001Z"), "2026-11-22 03:16:30.000000001"},
		{at("2026-11-22T23:59:59.999+05:30"), "2026-11-22 18:29:59.999"},
		{at("0001-01-01T00:00:00Z"), "0001-01-01 00:00:00"},
		{at("9999-12-31T23:59:59Z"), "9999-12-31 23:59:59"},
	} {
		table := sessions()
		table.rows = []session{{nil, nil, nil, nil, nil, nil, test.time, nil}}
		got := all(t, open(t, table), `select latest, latest || '' from am_session`)
		if want := [][]any{{test.time.UTC(), test.text}}; !cmp.Equal(got, want) {
			t.Errorf("%s: %s", test.time, cmp.Diff(want, got))
		}
	}
}

func TestWhatIsNoTimestampStaysText(t *testing.T) {
	db := open(t)
	err := db.AttachFile("file", sqliteFile(t, `create table t (t timestamp text, j json text, b boolean);
		insert into t values ('2026-02-31 00:00:00', '{', 2), ('soon', '', 'yes'), ('2026-11-22 03:16:3x', '1', 1), ('2026-11-22T03:16Z', null, 0)`))
	if err != nil {
		t.Fatal(err)
	}
	got := all(t, db, `select * from t`)
	want := [][]any{
		{"2026-02-31 00:00:00", "{", int64(2)},
		{"soon", "", "yes"},
		{"2026-11-22 03:16:3x", json.RawMessage("1"), true},
		{at("2026-11-22T03:16:00Z"), nil, false},
	}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestValuesOutliveTheirRow(t *testing.T) {
	rows, err := open(t).Query(t.Context(), `values (x'0102', 'one', '[1]'), (x'0304', 'two', '[2]')`)
	if err != nil {
		t.Fatal(err)
	}
	var kept []any
	for rows.Next() {
		kept = append(kept, rows.Values()...)
	}
	if want := []any{[]byte{1, 2}, "one", "[1]", []byte{3, 4}, "two", "[2]"}; !cmp.Equal(kept, want) {
		t.Error(cmp.Diff(want, kept))
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
}

func TestATableWithMoreThan64ColumnsIsWhole(t *testing.T) {
	wide := &fakeTable{name: "wide", rows: []session{make(session, 70)}}
	for i := range wide.rows[0] {
		wide.columns = append(wide.columns, table.Column{Name: fmt.Sprintf("c%d", i), Type: table.Integer})
		wide.rows[0][i] = int64(i)
	}
	got := all(t, open(t, wide), `select c3, c69 from wide`)
	if want := [][]any{{int64(3), int64(69)}}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	if got := wide.asked[0].Columns; !cmp.Equal(got, []string{"c3", "c63", "c64", "c65", "c66", "c67", "c68", "c69"}) {
		t.Errorf("asked for %v", got)
	}
}
