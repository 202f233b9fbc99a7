package engine

import (
	"context"
	"iter"
)

// A Table is a source of rows and the description of them.
type Table interface {
	Name() string
	Columns() []Column

	// Keys names the columns whose = and IN the source uses. It may still return rows that do not match.
	Keys() []string

	// Rows yields the rows that q asks for, and a row or an error with each step; after an error it is not asked again.
	// The context ends when the query is cancelled and when no more rows are wanted.
	Rows(ctx context.Context, q Query) iter.Seq2[any, error]

	// Cell is the value of a row in the column of that index: nil for NULL, otherwise what the column's [Type] says.
	Cell(row any, column int) any
}

// A Keyed table tells its rows apart. Otherwise rows are the same that are equal in all columns that a statement uses,
// and one whose cells change between two scans is two.
type Keyed interface {
	// PrimaryKey names the columns whose cells no two rows have in common.
	PrimaryKey() []string
}

// A Writable is a Table whose rows statements can change. The changes of a transaction collect, COMMIT makes them, and
// ROLLBACK makes none. Until then the transaction's own statements see them.
type Writable interface {
	Table
	Keyed

	// Needs names the columns, beside the primary key, that a row must hold for a change to be made of it.
	Needs() []string

	// Accept tells whether a change could be made, and makes nothing.
	Accept(c Change) error

	// Apply makes the changes, in their order, when SQLite has committed the transaction and holds no lock: it may take
	// long. Its error is that of the COMMIT; what it has made then stays made.
	Apply(ctx context.Context, changes []Change) error
}

// A Change deletes, updates or inserts a row.
type Change struct {
	Row any            // as the source yielded it; nil where the row is new
	Set map[string]any // new cells by columns: nil, string, int64, float64 or []byte; a nil map deletes the row
}

// A Column is a column of a [Table].
type Column struct {
	Name        string
	Type        Type
	Description string
}

// A Query is what a statement wants of a table.
type Query struct {
	// Columns are the names of those that the statement uses, in the table's order. Others are never read.
	Columns []string

	// Quals all hold for every row wanted; no two are of the same column.
	Quals []Qual

	// Limit is 0, or the number of rows that match all Quals after which a source may stop.
	// Rows that do not match do not count. It includes those that an OFFSET skips.
	Limit int64
}

// A Qual is the condition `column = value` (one value) or `column IN (values…)`. Values are distinct, never NULL,
// at least one, and of the column's type: string, int64, float64, bool or time.Time.
type Qual struct {
	Column string
	Values []any
}
