package engine_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A watched source yields rows without end, and records how its scan ended.
type watched struct {
	*fakeTable
	yielded int
	stopped bool // whether the scan has ended
	ended   bool // whether its context had ended before
}

func endless() *watched {
	w := &watched{fakeTable: sessions()}
	w.source = func(ctx context.Context, _ table.Query) iter.Seq2[any, error] {
		return func(yield func(any, error) bool) {
			defer func() { w.stopped, w.ended = true, ctx.Err() != nil }()
			for {
				w.yielded++
				if !yield(w.rows[w.yielded%len(w.rows)], nil) {
					return
				}
			}
		}
	}
	return w
}

func (w *watched) check(t *testing.T, after string) {
	t.Helper()
	if !w.stopped || !w.ended {
		t.Errorf("%s: the source is stopped: %t, its context ended: %t", after, w.stopped, w.ended)
	}
}

func TestRowsArePulledAsTheyArrive(t *testing.T) {
	w := endless()
	rows, err := open(t, w).Query(t.Context(), `select username from am_session where active`)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
	}
	if w.yielded > 10 {
		t.Errorf("%d rows pulled for 3", w.yielded)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	w.check(t, "close")
}

func TestTheSourceEndsWithTheStatement(t *testing.T) {
	for _, sql := range []string{
		`select username from am_session limit 3`,
		`select username from am_session where active limit 3`,
		`select exists (select 1 from am_session where active)`,
		`select abs(-9223372036854775808) from am_session`, // fails with an integer overflow
	} {
		w := endless()
		_, _ = tryAll(t.Context(), open(t, w), sql)
		w.check(t, sql)
	}
}

func TestClosingTheDatabaseEndsOpenQueries(t *testing.T) {
	w := endless()
	db, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Attach("am", w); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query(t.Context(), `select username from am_session`)
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	w.check(t, "close of the database")
	if rows.Next() || fmt.Sprint(rows.Err()) != "the database is closed" || rows.Close() != nil {
		t.Errorf("the rows of a closed database end with %v", rows.Err())
	}
	if _, err := db.Query(t.Context(), `select 1`); fmt.Sprint(err) != "the database is closed" {
		t.Errorf("a query of a closed database: %v", err)
	}
}

func TestACancelledQueryEndsWithItsContextsError(t *testing.T) {
	for _, sql := range []string{
		`select username from am_session where username = 'nobody'`, // SQLite is still computing
		`select count(*) from am_session`,
		`with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n`,
	} {
		w := endless()
		db := open(t, w)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		rows, err := tryAll(ctx, db, sql)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v %v, not the context's error", sql, rows, err)
		}
		if strings.Contains(sql, "am_session") {
			w.check(t, sql)
		}
		if got := fmt.Sprint(all(t, db, `select 'usable'`)); got != "[[usable]]" {
			t.Errorf("afterwards: %s", got)
		}
	}
}

func TestAWaitingSourceSeesTheCancellation(t *testing.T) {
	source := sessions()
	source.source = func(ctx context.Context, _ table.Query) iter.Seq2[any, error] {
		return func(yield func(any, error) bool) {
			<-ctx.Done()
			yield(nil, fmt.Errorf("the request: %w", ctx.Err()))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := tryAll(ctx, open(t, source), `select * from am_session`); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, not the context's error", err)
	}
}

func TestACancelledContextAsksNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	source := sessions()
	if _, err := tryAll(ctx, open(t, source), `select * from am_session`); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, not the context's error", err)
	}
	if len(source.asked) > 0 {
		t.Errorf("asked %v", source.asked)
	}
}

// refused is an error with a type and a field.
type refused struct{ status int }

func (r *refused) Error() string { return fmt.Sprintf("AM refused (%d)", r.status) }

// failing returns a source that fails after some rows.
func failing(after int, err error) *fakeTable {
	source := sessions()
	source.source = func(context.Context, table.Query) iter.Seq2[any, error] {
		return func(yield func(any, error) bool) {
			for i := range after {
				if !yield(source.rows[i%len(source.rows)], nil) {
					return
				}
			}
			yield(nil, err)
		}
	}
	return source
}

func TestAnErrorOfTheSourceIsTheErrorOfTheQuery(t *testing.T) {
	for _, after := range []int{0, 1, 3} {
		for _, test := range []struct {
			sql string
			all bool // whether it returns rows only after it has read all of the source's
		}{
			{`select username from am_session`, false},
			{`select username from am_session order by 1`, true},
			{`select count(*) from am_session`, true},
			{`select 1 where not exists (select 1 from am_session where username = 'nobody')`, true},
			{`create table copy as select * from am_session; select * from copy`, true},
		} {
			db := open(t, failing(after, &refused{403}))
			rows, err := tryAll(t.Context(), db, test.sql)
			var cause *refused
			if !errors.As(err, &cause) || err.Error() != "am_session: AM refused (403)" {
				t.Errorf("%s: the error after %d rows is %v", test.sql, after, err)
			}
			if want := after; test.all && len(rows) > 0 || !test.all && len(rows) != want {
				t.Errorf("%s: %d rows before the error in row %d", test.sql, len(rows), after)
			}
			if got := fmt.Sprint(all(t, db, `select 'usable'`)); got != "[[usable]]" {
				t.Errorf("afterwards: %s", got)
			}
		}
	}
}

func TestAnErrorNamesTheSchemaWhereThereAreSeveral(t *testing.T) {
	db := open(t, sessions())
	if err := db.Attach("am_dev", failing(0, errors.New("no route to host"))); err != nil {
		t.Fatal(err)
	}
	_, err := tryAll(t.Context(), db, `select * from am.am_session union all select * from am_dev.am_session`)
	if want := "am_dev.am_session: no route to host"; err == nil || err.Error() != want {
		t.Errorf("%v, not %s", err, want)
	}
}

func TestAPanicInTheSourceIsAnErrorOfTheQuery(t *testing.T) {
	early, late, atEnd, inCell := sessions(), sessions(), sessions(), sessions()
	early.source = func(context.Context, table.Query) iter.Seq2[any, error] { panic("early") }
	late.source = func(context.Context, table.Query) iter.Seq2[any, error] {
		return func(yield func(any, error) bool) {
			yield(late.rows[0], nil)
			panic("late")
		}
	}
	atEnd.source = func(context.Context, table.Query) iter.Seq2[any, error] {
		return func(yield func(any, error) bool) {
			for yield(atEnd.rows[0], nil) {
			}
			panic("at the end")
		}
	}
	inCell.rows = []session{{"too short"}}
	for _, source := range []*fakeTable{early, late, atEnd, inCell} {
		db := open(t, source)
		for range 3 {
			rows, err := tryAll(t.Context(), db, `select realm, idle from am_session limit 2`)
			if err == nil || !strings.HasPrefix(err.Error(), "am_session: the source panicked: ") {
				t.Errorf("%v %v", rows, err)
			}
		}
		if got := fmt.Sprint(all(t, db, `select 'usable'`)); got != "[[usable]]" {
			t.Errorf("afterwards: %s", got)
		}
	}
}

func TestACellOfAnotherTypeIsAnError(t *testing.T) {
	for _, test := range []struct {
		column int
		cell   any
		want   string
	}{
		{0, int64(5), "am_session: column realm: int64 is not a value for text"},
		{3, "5", "am_session: column idle: string is not a value for int8"},
		{4, 5, "am_session: column score: int is not a value for float8"},
		{6, "2026-11-22", "am_session: column latest: string is not a value for timestamptz"},
		{7, make(chan int), "am_session: column properties: chan int is not a value for jsonb"},
	} {
		source := sessions()
		source.rows[1][test.column] = test.cell
		_, err := tryAll(t.Context(), open(t, source), `select * from am_session`)
		if err == nil || err.Error() != test.want {
			t.Errorf("%v, not %s", err, test.want)
		}
	}
}

func TestIdenticalRowsAreAllThere(t *testing.T) {
	source := sessions()
	source.rows = append(source.rows, source.rows...)
	for _, test := range []struct{ sql, want string }{
		{`select count(*) from am_session where realm = '/alpha' or username = 'bjensen'`, `[[6]]`},
		{`select count(*) from am_session where (realm = '/alpha' and idle > 5) or username = 'bjensen'`, `[[6]]`},
		{`select count(distinct rowid) from am_session`, `[[8]]`},
		// SQLite asks for a row's id once for each OR.
		{`select count(*) from am_session where (realm in ('/alpha', '/bravo') or username = 'bjensen') and (username in ('bjensen', 'scarter') or username = 'demo')`, `[[6]]`},
		{`select count(*) from json_each('["/alpha"]') full join am_session on realm = value`, `[[8]]`},
	} {
		if got := fmt.Sprint(all(t, open(t, source), test.sql)); got != test.want {
			t.Errorf("%s gives %s, not %s", test.sql, got, test.want)
		}
	}
}

// SQLite tells a source which columns are used up to the 63rd; one bit stands for all others.
func TestRowsOfManyColumnsAreToldApart(t *testing.T) {
	wide := &fakeTable{name: "wide", keys: []string{"c65", "c66"}}
	for i := range 70 {
		wide.columns = append(wide.columns, table.Column{Name: fmt.Sprintf("c%d", i), Type: table.Text})
	}
	for i, keys := range [][2]string{{"a", "x"}, {"x", "b"}, {"a", "b"}} {
		row := make(session, 70)
		for c := range row {
			row[c] = "same"
		}
		row[65], row[66], row[68] = keys[0], keys[1], fmt.Sprint("row ", i)
		wide.rows = append(wide.rows, row)
	}
	if got := fmt.Sprint(all(t, open(t, wide), `select c68 from wide where c65 = 'a' or c66 = 'b' order by 1`)); got != "[[row 0] [row 1] [row 2]]" {
		t.Errorf("the rows are %s", got)
	}
}
