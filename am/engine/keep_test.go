package engine_test

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// abc is a table with one row, which remembers what it was asked for.
type abc struct{ asked []string }

func (t *abc) Name() string   { return "abc" }
func (t *abc) Keys() []string { return nil }
func (t *abc) Columns() []engine.Column {
	return []engine.Column{{Name: "a", Type: engine.Text}, {Name: "b", Type: engine.Text}, {Name: "c", Type: engine.Text}}
}
func (t *abc) Cell(_ any, column int) any { return t.Columns()[column].Name }

func (t *abc) Rows(_ context.Context, q engine.Query) iter.Seq2[any, error] {
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
		db, err := engine.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		source := &abc{}
		if err := db.Keep(t.Context(), []string{sql}, source); err != nil {
			t.Error(err)
		}
		if !slices.Equal(source.asked, want) {
			t.Errorf("%s asks for %q, want %q", sql, source.asked, want)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
