package engine

import (
	"encoding/json"
	"math"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// An index finds rows by the value of a column. SQLite checks what it finds again.
type index struct {
	as    table.Type
	names bool
	rows  map[any][]any
	other []any // rows whose cells have no key; SQLite must check them
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

// find returns the rows with a value, which has the form that [equal] returns.
func (x *index) find(value any) []any {
	key, _ := x.key(value)
	rows := x.rows[key]
	return append(rows[:len(rows):len(rows)], x.other...)
}

// key returns the key of a cell, which is the same for names that differ only in case.
func (x *index) key(cell any) (key any, can bool) {
	if name, is := cell.(string); is && x.names {
		cell = crest.Fold(name)
	}
	return indexKey(cell, x.as)
}

// indexKey returns the same key for all cells of a column that SQLite treats as equal, and nil for NULL.
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
			return nil, true // SQLite treats it as NULL, too
		}
		return v, as == table.Double
	case time.Time:
		instant, can := parseTimestamp(appendTimestamp(nil, v))
		return [2]int64{instant.Unix(), int64(instant.Nanosecond())}, can && as == table.Timestamp
	}
	return nil, false
}
