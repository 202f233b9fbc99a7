package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// session is a row of the test table, in the order of sessionColumns.
type session []any

var sessionColumns = []table.Column{
	{Name: "realm", Type: table.Text},
	{Name: "username", Type: table.Text},
	{Name: "session_handle", Type: table.Text},
	{Name: "idle", Type: table.Integer},
	{Name: "score", Type: table.Double},
	{Name: "active", Type: table.Boolean},
	{Name: "latest", Type: table.Timestamp},
	{Name: "properties", Type: table.JSON},
}

// fakeTable yields those of its rows that match the conditions, and records its queries.
type fakeTable struct {
	name    string
	keys    []string
	columns []table.Column
	rows    []session
	asked   []table.Query
	source  func(ctx context.Context, q table.Query) iter.Seq2[any, error] // used instead of rows, if set
}

func (f *fakeTable) Name() string                 { return f.name }
func (f *fakeTable) Description() string          { return "" }
func (f *fakeTable) Columns() []table.Column      { return f.columns }
func (f *fakeTable) Keys() []string               { return f.keys }
func (f *fakeTable) Cell(row any, column int) any { return row.(session)[column] }

// Rows does everything that a source may do: it omits rows that do not match, and stops at the limit.
func (f *fakeTable) Rows(ctx context.Context, q table.Query) iter.Seq2[any, error] {
	f.asked = append(f.asked, q)
	if f.source != nil {
		return f.source(ctx, q)
	}
	return func(yield func(any, error) bool) {
		var n int64
		for _, row := range f.rows {
			if q.Limit > 0 && n == q.Limit {
				return
			}
			if !f.matches(row, q) {
				continue
			}
			n++
			if !yield(row, nil) {
				return
			}
		}
	}
}

func (f *fakeTable) matches(row session, q table.Query) bool {
	for _, qual := range q.Quals {
		if !f.has(row, qual) {
			return false
		}
	}
	return !slices.ContainsFunc(q.Except, func(qual table.Qual) bool { return f.has(row, qual) })
}

func (f *fakeTable) has(row session, qual table.Qual) bool {
	i := slices.IndexFunc(f.columns, func(c table.Column) bool { return c.Name == qual.Column })
	return slices.ContainsFunc(qual.Values, func(v any) bool { return equal(v, row[i]) })
}

func equal(a, b any) bool {
	if t, ok := a.(time.Time); ok {
		u, ok := b.(time.Time)
		return ok && t.Equal(u)
	}
	if b, ok := b.(json.RawMessage); ok {
		return a == string(b)
	}
	return a == b
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

func sessions() *fakeTable {
	return &fakeTable{name: "am_session", keys: []string{"realm", "username"}, columns: sessionColumns, rows: []session{
		{"/alpha", "bjensen", "h1", int64(5), 0.5, true, at("2026-11-22T03:16:30.123Z"), json.RawMessage(`{"a":1}`)},
		{"/alpha", "scarter", "h2", int64(50), 1.5, false, at("2026-11-22T03:16:30Z"), json.RawMessage(`[1,2]`)},
		{"/bravo", "bjensen", "h3", int64(500), nil, nil, nil, nil},
		{"/bravo", "o'brien", "h4", nil, 2.0, true, at("2026-11-22T04:16:30Z"), json.RawMessage(`"x"`)},
	}}
}

func open(t testing.TB, tables ...table.Table) *engine.DB {
	t.Helper()
	db, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Attach("am", tables...); err != nil {
		t.Fatal(err)
	}
	return db
}

// all runs the SQL and returns the rows of its first result.
func all(t testing.TB, db *engine.DB, sql string, args ...engine.Arg) [][]any {
	t.Helper()
	rows, err := tryAll(t.Context(), db, sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return rows
}

func tryAll(ctx context.Context, db *engine.DB, sql string, args ...engine.Arg) ([][]any, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	var list [][]any
	for rows.Next() {
		list = append(list, slices.Clone(rows.Values()))
	}
	if err := rows.Err(); err != nil {
		return list, err
	}
	return list, rows.Close()
}

// runAll runs all statements, with a value for :realm if the SQL contains it.
func runAll(t testing.TB, db *engine.DB, sql string) error {
	t.Helper()
	var args []engine.Arg
	if strings.Contains(sql, ":realm") {
		args = []engine.Arg{{Name: "realm", Value: "/alpha"}}
	}
	rows, err := db.Query(t.Context(), sql, args...)
	if err != nil {
		return err
	}
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
