package engine

import (
	"errors"
	"fmt"
	"math"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// endOfList is SQLite's code for the end of a list (SQLITE_DONE).
const endOfList = sqlite3.ErrorCode(101)

// A question is what a scan asks the source for.
type question struct {
	table.Query
	possible bool // false if a condition cannot match any row

	// column is a column in which rows must have the value, and for which only our own index can be used; -1 if there
	// is none.
	column int
	value  any
}

// question converts a plan and its values.
func (t *virtualTable) question(p plan, arg []sqlite3.Value) (q question, err error) {
	q.Columns, q.column = t.used(p.used|t.rowIDColumns()), -1
	exact := true
	for i, key := range p.keys {
		column := t.columns[key.column]
		if key.not {
			q.Except = append(q.Except, table.Qual{Column: column.Name, Values: []any{arg[i].Text()}})
			continue
		}
		values, all, err := t.equals(key, arg[i])
		switch {
		case err != nil:
			return q, err
		case !all:
			exact = false
		case len(values) == 0:
			return q, nil
		case key.ours:
			q.column, q.value = key.column, values[0]
		default:
			q.Quals = append(q.Quals, table.Qual{Column: column.Name, Values: values})
		}
	}
	if p.limit && exact && !t.changed() {
		q.Limit = limit(p, arg[len(p.keys):])
	}
	q.possible = true
	return q, nil
}

// changed reports whether rows differ from those of the source.
func (t *virtualTable) changed() bool { return t.changes != nil && len(t.changes.log) > 0 }

// limit returns LIMIT and OFFSET together. SQLite treats a negative LIMIT as none, and a negative OFFSET as 0.
func limit(p plan, arg []sqlite3.Value) int64 {
	n := arg[0].Int64()
	if n > 0 && p.offset {
		n += max(0, arg[1].Int64())
	}
	return max(0, n)
}

// equals returns the values in the column that meet a condition; all is false if it cannot list them all.
func (t *virtualTable) equals(key planKey, arg sqlite3.Value) (values []any, all bool, err error) {
	as := t.columns[key.column].Type
	equal := equal
	if t.file != nil {
		equal = equalInFile
	}
	if !key.list {
		value, can := equal(arg, as)
		return appendValue(nil, value), can, nil
	}
	v, err := arg.InFirst()
	for ; err == nil; v, err = arg.InNext() {
		value, can := equal(v, as)
		if !can {
			return nil, false, nil
		}
		values = appendValue(values, value)
	}
	if !errors.Is(err, endOfList) {
		return nil, false, fmt.Errorf("read the list of an IN: %w", err)
	}
	return values, true, nil
}

func appendValue(values []any, value any) []any {
	if value == nil {
		return values
	}
	return append(values, value)
}

// equal returns the only value in a column of this type that SQLite treats as equal to v, or nil if there is none.
//
// can is false for a number and a text column: SQLite compares texts with a number literal as texts ('5' = 5), but with
// a value from a column of numbers as numbers, so that '05' equals 5, too.
func equal(v sqlite3.Value, as table.Type) (value any, can bool) {
	switch v.Type() {
	case sqlite3.NULL, sqlite3.BLOB:
		return nil, true
	case sqlite3.TEXT:
		return fromText(v, as), true
	}
	switch as {
	case table.Text, table.JSON:
		return nil, false
	case table.Timestamp:
		return nil, true
	}
	return fromNumber(v, as), true
}

// equalInFile does the same for a column of a file, which may contain anything: texts among numbers, and numbers among
// texts. If can is false, SQLite looks at all rows.
func equalInFile(v sqlite3.Value, as table.Type) (value any, can bool) {
	switch kind := v.Type(); {
	case kind == sqlite3.NULL:
		return nil, true
	case kind == sqlite3.TEXT && as == table.Text:
		return v.Text(), true
	case kind == sqlite3.INTEGER && as == table.Integer:
		return v.Int64(), true
	}
	return nil, false
}

func fromText(v sqlite3.Value, as table.Type) any {
	switch as {
	case table.Text, table.JSON:
		return v.Text()
	case table.Timestamp:
		if t, ok := parseTimestamp(v.RawText()); ok {
			return t
		}
		return nil
	}
	number := v.Dup()                     // because SQLite converts it in place
	defer func() { _ = number.Close() }() // frees memory, and never fails
	number.NumericType()
	return fromNumber(*number, as)
}

func fromNumber(v sqlite3.Value, as table.Type) any {
	switch v.Type() {
	case sqlite3.INTEGER:
		return fromInteger(v.Int64(), as)
	case sqlite3.FLOAT:
		return fromFloat(v.Float(), as)
	}
	return nil
}

func fromInteger(i int64, as table.Type) any {
	switch {
	case as == table.Integer:
		return i
	case as == table.Boolean && (i == 0 || i == 1):
		return i == 1
	case as == table.Double && int64(float64(i)) == i:
		return float64(i)
	}
	return nil
}

func fromFloat(f float64, as table.Type) any {
	if as == table.Double {
		return f
	}
	if i := int64(f); float64(i) == f && f < math.MaxInt64 {
		return fromInteger(i, as)
	}
	return nil
}
