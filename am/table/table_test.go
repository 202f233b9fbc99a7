package table_test

import (
	"context"
	"encoding/json"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

type people struct{}

func (people) Name() string        { return "people" }
func (people) Description() string { return "" }
func (people) Keys() []string      { return []string{"name"} }
func (people) Columns() []table.Column {
	return []table.Column{{Name: "name"}, {Name: "age", Type: table.Integer}}
}
func (people) Rows(context.Context, table.Query) iter.Seq2[any, error] { return nil }
func (people) Cell(row any, column int) any                            { return row.([]any)[column] }

func TestACellIsFoundByItsColumn(t *testing.T) {
	row := []any{"anna", int64(7)}
	if got := table.Cell(people{}, row, "age"); got != int64(7) {
		t.Errorf("age is %v, want 7", got)
	}
	defer func() {
		if got, want := recover(), "table people has no column size"; got != want {
			t.Errorf("panic %v, want %q", got, want)
		}
	}()
	table.Cell(people{}, row, "size")
}

func TestOnlyJSONCellsAreEncoded(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		column table.Type
		cell   any
		want   any
	}{
		{table.JSON, nil, nil},
		{table.JSON, map[string]string{"a": "b"}, json.RawMessage(`{"a":"b"}`)},
		{table.JSON, json.RawMessage(`[1]`), json.RawMessage(`[1]`)},
		{table.JSON, "text", json.RawMessage(`"text"`)},
		{table.Text, "text", "text"},
		{table.Timestamp, now, now},
	} {
		if got := (table.Column{Type: test.column}).Encode(test.cell); !cmp.Equal(got, test.want) {
			t.Errorf("%v in a column of %s is %v, want %v", test.cell, test.column, got, test.want)
		}
	}
}

func TestAQueryTellsWhatIsWanted(t *testing.T) {
	q := table.Query{Columns: []string{"realm"}, Quals: []table.Qual{{Column: "username", Values: []any{"anna", int64(5)}}}}
	if !q.Wants("title", "realm") || q.Wants("title") || !(table.Query{}).Wants("title") {
		t.Error("wanted columns are those named, or all where none is named")
	}
	if got := q.Texts("username"); !cmp.Equal(got, []string{"anna"}) {
		t.Errorf("texts of username: %q", got)
	}
	if got := q.Texts("realm"); got != nil {
		t.Errorf("texts of a column without a qual: %q", got)
	}
}
