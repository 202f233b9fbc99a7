package table

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
)

// A Table is a source of rows with its description.
type Table interface {
	Name() string
	Description() string
	Columns() []Column

	// Keys returns the columns for which the table uses =, IN and <>. It may still return rows that do not match.
	Keys() []string

	// Rows yields the rows that q describes. Each step yields a row or an error, and an error is the last step. The
	// context ends when the query is cancelled or no more rows are needed.
	Rows(ctx context.Context, q Query) iter.Seq2[any, error]

	// Cell returns the value of a row in the column with this index: nil for NULL, otherwise a value of the kind that
	// the column's [Type] names.
	Cell(row any, column int) any
}

// A Column is a column of a [Table].
type Column struct {
	Name        string
	Type        Type
	Description string

	// Folded reports whether the cells are names of users or realms. AM compares them case-insensitively, and so do
	// hosts that can.
	Folded bool
}

// Encode converts a cell of a JSON column to JSON, the form in which SQL and all outputs need it. Other cells, NULL,
// and values that cannot be encoded are returned unchanged.
func (c Column) Encode(cell any) any {
	if _, encoded := cell.(json.RawMessage); c.Type != JSON || cell == nil || encoded {
		return cell
	}
	encoded, err := json.Marshal(cell)
	if err != nil {
		return cell
	}
	return json.RawMessage(encoded)
}

// EncodeRow encodes each cell of a row.
func EncodeRow(columns []Column, row []any) []any {
	cells := make([]any, len(row))
	for i, cell := range row {
		cells[i] = columns[i].Encode(cell)
	}
	return cells
}

// A Keyed table has a primary key. Without one, two rows are the same if they are equal in all columns that a statement
// uses, and a row whose cells change between two scans becomes another row.
type Keyed interface {
	// PrimaryKey returns the columns whose values identify a row.
	PrimaryKey() []string
}

// A Writable is a Table whose rows can be changed by statements. Changes are collected until the transaction ends:
// COMMIT makes them, ROLLBACK discards them. Until then, statements of the transaction see them.
type Writable interface {
	Table
	Keyed

	// Needs returns the columns, in addition to the primary key, that a row must contain so that it can be changed.
	Needs() []string

	// Accept returns an error if a change is not possible. It changes nothing.
	Accept(c Change) error

	// Apply makes the changes in order. It is called after SQLite has committed the transaction and released its locks,
	// because it may take long. Its error becomes the error of the COMMIT; changes that it has already made are not
	// undone.
	Apply(ctx context.Context, changes []Change) error
}

// A Joinable is a Table that has a better way to answer the many lookups of a join: it may read a list once if that
// takes fewer requests than a lookup for each row.
type Joinable interface {
	Table

	// Lookups returns a function that replaces Rows for the queries of one statement that have Quals. Their Columns are
	// all the same. It is called by one goroutine at a time, but another query may begin before the rows of the
	// previous one have all been read.
	Lookups() func(ctx context.Context, q Query) iter.Seq2[any, error]
}

// Lookups returns the function that answers the lookups of one statement: the table's own if it is [Joinable],
// otherwise Rows.
func Lookups(t Table) func(ctx context.Context, q Query) iter.Seq2[any, error] {
	if joinable, ok := t.(Joinable); ok {
		return joinable.Lookups()
	}
	return t.Rows
}

// A Change deletes, updates or inserts a row.
type Change struct {
	Row any            // the row that the table yielded; nil to insert a row
	Set map[string]any // new cells by column: nil, string, int64, float64 or []byte; a nil map means that the row is deleted
}

// Index returns the position of the named column, or -1.
func Index(columns []Column, name string) int {
	return slices.IndexFunc(columns, func(c Column) bool { return c.Name == name })
}

// Cell returns the value of a row in the named column. It panics if there is no such column, because the name comes
// from the program and not from the user.
func Cell(t Table, row any, column string) any {
	i := Index(t.Columns(), column)
	if i < 0 {
		panic(fmt.Sprintf("table %s has no column %s", t.Name(), column))
	}
	return t.Cell(row, i)
}

// Named returns the table of that name, or nil.
func Named(tables []Table, name string) Table {
	for _, t := range tables {
		if t.Name() == name {
			return t
		}
	}
	return nil
}
