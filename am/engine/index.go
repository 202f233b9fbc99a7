package engine

import (
	"encoding/json"
	"math"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// An index finds rows by what they have in a column. What it finds, SQLite checks again.
type index struct {
	as    table.Type
	names bool
	rows  map[any][]any
	other []any // rows whose cells cannot be told: SQLite must see them
}

func newIndex(t *virtualTable, column int, rows []any) *index {
	x := &index{as: t.columns[column].Type, names: t.isFolded(column), rows: map[any][]any{}}
	for _, row := range rows {
		key, can := x.key(t.cell(row, column))
		switch {
		case !can:
			x.other = append(x.other, row)
		case key != nil:
			x.rows[key] = append(x.rows[key], row)
		}
	}
	return x
}

// find gives the rows with a value as [equal] makes it.
func (x *index) find(value any) []any {
	key, _ := x.key(value)
	rows := x.rows[key]
	return append(rows[:len(rows):len(rows)], x.other...)
}

// key is that of a cell, the same for names that differ in case.
func (x *index) key(cell any) (key any, can bool) {
	if name, is := cell.(string); is && x.names {
		cell = crest.Fold(name)
	}
	return indexKey(cell, x.as)
}

// indexKey is the same for all cells of a column that SQLite takes for equal, and nil for NULL.
func indexKey(cell any, as table.Type) (key any, can bool) {
	switch v := cell.(type) {
	case nil:
		return nil, true
	case string:
		return v, as == table.Text || as == table.JSON
	case json.RawMessage:
		if len(v) == 0 {
			return nil, true
		}
		return string(v), as == table.JSON
	case int:
		return int64(v), as == table.Integer
	case int64:
		return v, as == table.Integer
	case bool:
		return v, as == table.Boolean
	case float64:
		if math.IsNaN(v) {
			return nil, true // to SQLite, too
		}
		return v, as == table.Double
	case time.Time:
		instant, can := parseTimestamp(appendTimestamp(nil, v))
		return [2]int64{instant.Unix(), int64(instant.Nanosecond())}, can && as == table.Timestamp
	}
	return nil, false
}
