package engine

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// done is SQLite's code for the end of a list.
const done = sqlite3.ErrorCode(101)

// query makes the source's query of a plan and its values. It is not possible if some condition can match nothing.
func (t *virtualTable) query(p plan, arg []sqlite3.Value) (q Query, possible bool, err error) {
	q.Columns = t.used(p.used)
	for i, key := range p.keys {
		values, err := t.values(key, arg[i])
		if err != nil || len(values) == 0 {
			return q, false, err
		}
		q.Quals = append(q.Quals, Qual{t.columns[key.column].Name, values})
	}
	if p.limit {
		q.Limit = limit(p, arg[len(p.keys):])
	}
	return q, true, nil
}

// limit is LIMIT and OFFSET together; SQLite takes a negative LIMIT for none and a negative OFFSET for 0.
func limit(p plan, arg []sqlite3.Value) int64 {
	n := arg[0].Int64()
	if n > 0 && p.offset {
		n += max(0, arg[1].Int64())
	}
	return max(0, n)
}

// values are those of a condition that the column can have.
func (t *virtualTable) values(key planKey, arg sqlite3.Value) (values []any, err error) {
	add := func(v sqlite3.Value) {
		if value := comparable(v, t.columns[key.column].Type); value != nil {
			values = append(values, value)
		}
	}
	if !key.list {
		add(arg)
		return values, nil
	}
	v, err := arg.InFirst()
	for ; err == nil; v, err = arg.InNext() {
		add(v)
	}
	if !errors.Is(err, done) {
		return nil, fmt.Errorf("read the list of an IN: %w", err)
	}
	return values, nil
}

// comparable is the value of a column of the type that SQLite takes for equal to v, or nil if there is none:
// a text column is equal to the number 5 where it is '5', a number's column to the text '5.0' where it is 5.
func comparable(v sqlite3.Value, as Type) any {
	switch v.Type() {
	case sqlite3.NULL, sqlite3.BLOB:
		return nil
	}
	switch as {
	case Text, JSON:
		return asText(v)
	case Timestamp:
		if t, ok := parseTimestamp(asText(v)); ok {
			return t
		}
		return nil
	}
	number := v.Dup() // as SQLite converts in place
	defer number.Close()
	switch number.NumericType() {
	case sqlite3.INTEGER:
		return fromInteger(number.Int64(), as)
	case sqlite3.FLOAT:
		return fromFloat(number.Float(), as)
	}
	return nil
}

func asText(v sqlite3.Value) string {
	if v.Type() == sqlite3.TEXT {
		return v.Text()
	}
	text := v.Dup()
	defer text.Close()
	return text.Text()
}

func fromInteger(i int64, as Type) any {
	switch {
	case as == Integer:
		return i
	case as == Boolean && (i == 0 || i == 1):
		return i == 1
	case as == Double && int64(float64(i)) == i:
		return float64(i)
	}
	return nil
}

func fromFloat(f float64, as Type) any {
	if as == Double {
		return f
	}
	if i := int64(f); float64(i) == f {
		return fromInteger(i, as)
	}
	return nil
}
