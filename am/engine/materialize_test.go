package engine_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// abc is a table with one row, which records what was requested.
type abc struct{ asked []string }

func (t *abc) Name() string        { return "abc" }
func (t *abc) Keys() []string      { return nil }
func (t *abc) Description() string { return "" }
func (t *abc) Columns() []table.Column {
	return []table.Column{{Name: "a", Type: table.Text}, {Name: "b", Type: table.Text}, {Name: "c", Type: table.Text}}
}
func (t *abc) Cell(_ any, column int) any { return t.Columns()[column].Name }

func (t *abc) Rows(_ context.Context, q table.Query) iter.Seq2[any, error] {
	t.asked = q.Columns
	return func(yield func(any, error) bool) { yield(nil, nil) }
}

func TestKeepAsksForTheColumnsThatStatementsRead(t *testing.T) {
	for sql, want := range map[string][]string{
		"select count(*) from abc": {"a"},
		"select c from abc":        {"a", "c"},
		"select 2 * 3, (select x.C from ABC as x where x.b = :b)":  {"a", "b", "c"},
		"with w as (select * from abc) select c from w":            {"a", "b", "c"},
		"select nothing from abc":                                  {"a", "b", "c"},
		"create temp view v as select b from abc; select b from v": {"a", "b", "c"},
	} {
		source := &abc{}
		kept, err := engine.Materialize(t.Context(), []string{sql}, source)
		if err != nil {
			t.Fatal(err)
		}
		kept.Close()
		if !slices.Equal(source.asked, want) {
			t.Errorf("%s asks for %q, want %q", sql, source.asked, want)
		}
	}
}

func TestDatabasesShareWhatIsKeptAndNothingElse(t *testing.T) {
	kept, err := engine.Materialize(t.Context(), []string{"select a, c from abc"}, &abc{})
	if err != nil {
		t.Fatal(err)
	}
	one, other := openMaterialized(t, kept), openMaterialized(t, kept)
	all(t, one, "create temp table abc as select 'mine' as a; create table own (x)")
	kept.Close()
	for _, want := range []struct {
		db   *engine.DB
		sql  string
		rows string
	}{
		{one, "select * from abc", "[[mine]]"},
		{other, "select * from abc", "[[a <nil> c]]"},
		{other, "select count(*) from sqlite_schema", "[[0]]"},
	} {
		if got := fmt.Sprint(all(t, want.db, want.sql)); got != want.rows {
			t.Errorf("%s: %s, want %s", want.sql, got, want.rows)
		}
	}
	if _, err := tryAll(t.Context(), other, "delete from abc"); err == nil {
		t.Error("what is kept can be changed")
	}
	if _, err := kept.Open(t.Context()); err == nil {
		t.Error("what was closed opens")
	}
}

func openMaterialized(t *testing.T, kept *engine.Materialized) *engine.DB {
	t.Helper()
	db, err := kept.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
