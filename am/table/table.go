package table

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
)

// A Table is a source of rows and the description of them.
type Table interface {
	Name() string
	Description() string
	Columns() []Column

	// Keys names the columns whose =, IN and <> the table uses. It may still return rows that do not match.
	Keys() []string

	// Rows yields the rows that q asks for, and a row or an error with each step; after an error it is not asked again.
	// The context ends when the query is cancelled and when no more rows are wanted.
	Rows(ctx context.Context, q Query) iter.Seq2[any, error]

	// Cell is the value of a row in the column of that index: nil for NULL, otherwise what the column's [Type] says.
	Cell(row any, column int) any
}

// A Column is a column of a [Table].
type Column struct {
	Name        string
	Type        Type
	Description string

	// Folded is whether the cells are names of users or realms, which AM compares without regard to case, and so do hosts
	// that can.
	Folded bool
}

// Encode makes JSON of a cell of a JSON column, which is how SQL and every output takes it. Other cells, NULL, and what
// cannot be encoded stay as they are.
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

// EncodeRow encodes the cells of a row, each as its column does.
func EncodeRow(columns []Column, row []any) []any {
	cells := make([]any, len(row))
	for i, cell := range row {
		cells[i] = columns[i].Encode(cell)
	}
	return cells
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

// A Joinable is a Table with a way of its own to answer the many lookups of a join: it may read a list once if that takes
// fewer requests than a lookup for each row.
type Joinable interface {
	Table

	// Lookups returns what takes the place of Rows for the queries with Quals of one statement. Their Columns are the same.
	// It is used by one goroutine at a time, though another query may begin before the rows of one have been read.
	Lookups() func(ctx context.Context, q Query) iter.Seq2[any, error]
}

// Lookups is what answers the lookups of one statement: the table's own way if it is [Joinable], else Rows.
func Lookups(t Table) func(ctx context.Context, q Query) iter.Seq2[any, error] {
	if joinable, ok := t.(Joinable); ok {
		return joinable.Lookups()
	}
	return t.Rows
}

// A Change deletes, updates or inserts a row.
type Change struct {
	Row any            // as the source yielded it; nil if the row is new
	Set map[string]any // new cells by columns: nil, string, int64, float64 or []byte; a nil map deletes the row
}

// Index is the position of the named column, or -1.
func Index(columns []Column, name string) int {
	return slices.IndexFunc(columns, func(c Column) bool { return c.Name == name })
}

// Cell is a row's cell in the named column. It panics if the table has no such column: the name is the program's, not
// the user's.
func Cell(t Table, row any, column string) any {
	i := Index(t.Columns(), column)
	if i < 0 {
		panic(fmt.Sprintf("table %s has no column %s", t.Name(), column))
	}
	return t.Cell(row, i)
}

// Named is the table of that name, or nil.
func Named(tables []Table, name string) Table {
	for _, t := range tables {
		if t.Name() == name {
			return t
		}
	}
	return nil
}
