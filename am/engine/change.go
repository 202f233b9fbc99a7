package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A writableTable is a virtual table of a [Writable].
//
// It has rowids, although SQLite has virtual tables without them: those read their primary key in every statement,
// including count(*), and cannot be written to if the key has several columns.
type writableTable struct{ *virtualTable }

func (t writableTable) source() table.Writable { return t.virtualTable.source.(table.Writable) }

// A transaction contains the changes collected so far, and the rows that can be changed.
type transaction struct {
	table  *virtualTable
	ids    map[string]int64 // IDs of rows by primary key
	rows   map[int64]any
	log    []change
	marks  map[int]int // length of the log at each savepoint
	latest map[int64]*overlay
}

type change struct {
	table.Change
	id int64
}

// An overlay is the state of a row within a transaction.
type overlay struct {
	deleted bool
	set     map[string]any
}

// Begin begins a transaction, before SQLite looks for rows to change.
func (t writableTable) Begin() error {
	t.changes = &transaction{table: t.virtualTable, ids: map[string]int64{}, rows: map[int64]any{}, marks: map[int]int{}, latest: map[int64]*overlay{}}
	return nil
}

// Sync does nothing: see Commit.
func (t writableTable) Sync() error { return nil }

// Commit ends the transaction. Its changes are made after SQLite has finished with it.
func (t writableTable) Commit() error {
	// SQLite also calls Commit for a table that it creates, without calling Begin.
	if t.changes != nil && len(t.changes.log) > 0 {
		t.db.committed = append(t.db.committed, committed{t, t.changes.log})
	}
	t.changes = nil
	return nil
}

// Rollback discards the changes.
func (t writableTable) Rollback() error {
	t.changes = nil
	return nil
}

// Savepoint records a position in the log, also at the beginning of a statement that may fail halfway.
func (t writableTable) Savepoint(id int) error {
	if t.changes != nil {
		t.changes.marks[id] = len(t.changes.log)
	}
	return nil
}

// Release does nothing.
func (t writableTable) Release(int) error { return nil }

// RollbackTo discards the changes since the savepoint.
func (t writableTable) RollbackTo(id int) error {
	tx := t.changes
	if tx == nil {
		return nil
	}
	tx.log = tx.log[:min(tx.marks[id], len(tx.log))]
	tx.latest = map[int64]*overlay{}
	for _, c := range tx.log {
		tx.apply(c)
	}
	return nil
}

// Update records a change. With one value, it deletes the row; if the first of several is NULL, it inserts one.
func (t writableTable) Update(arg ...sqlite3.Value) (id int64, err error) {
	defer t.rescue(&err)
	c := change{id: arg[0].Int64()}
	insert := arg[0].Type() == sqlite3.NULL
	if len(arg) > 1 {
		c.Set = map[string]any{}
		for i, column := range t.columns {
			if v := arg[2+i]; !v.NoChange() && (!insert || v.Type() != sqlite3.NULL) {
				c.Set[column.Name] = valueOf(v)
			}
		}
	}
	if insert {
		c.id = t.changes.idOf(func(i int) any { return c.Set[t.columns[i].Name] })
	} else if c.Row = t.changes.rows[c.id]; c.Row == nil {
		return 0, t.fail(errors.New("the row to be changed has not been read"))
	}
	if err := t.source().Accept(c.Change); err != nil {
		return 0, t.fail(err)
	}
	t.changes.log = append(t.changes.log, c)
	t.changes.apply(c)
	return c.id, nil
}

// committed contains the changes of a table's transaction, which are still to be made.
type committed struct {
	table writableTable
	log   []change
}

// makeChanges makes the committed changes, up to the first error. At this point SQLite holds no locks: a confirmation
// may take ten minutes, during which others can use an attached file, and the shell can use the database.
func (db *DB) makeChanges(ctx context.Context) error {
	all := db.committed
	db.committed = nil
	for _, c := range all {
		if err := c.makeChanges(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c committed) makeChanges(ctx context.Context) (err error) {
	defer c.table.rescue(&err)
	changes := make([]table.Change, len(c.log))
	for i, logged := range c.log {
		changes[i] = logged.Change
	}
	if err := c.table.source().Apply(ctx, changes); err != nil {
		return c.table.fail(err)
	}
	return nil
}

func (t writableTable) rescue(err *error) {
	if p := recover(); p != nil {
		*err = t.fail(fmt.Errorf("the table panicked: %v", p))
	}
}

// valueOf returns a value as SQLite has it.
func valueOf(v sqlite3.Value) any {
	switch v.Type() {
	case sqlite3.INTEGER:
		return v.Int64()
	case sqlite3.FLOAT:
		return v.Float()
	case sqlite3.TEXT:
		return v.Text()
	case sqlite3.BLOB:
		return v.Blob(nil)
	}
	return nil
}

func setResult(ctx sqlite3.Context, value any) {
	switch v := value.(type) {
	case int64:
		ctx.ResultInt64(v)
	case float64:
		ctx.ResultFloat(v)
	case string:
		ctx.ResultText(v)
	case []byte:
		ctx.ResultBlob(v)
	}
}

// idOf assigns numbers to rows by their primary keys.
func (tx *transaction) idOf(cell func(column int) any) int64 {
	var key strings.Builder
	for i := range tx.table.columns {
		if tx.table.primary&(1<<min(i, 63)) != 0 {
			text := fmt.Sprintf("%T %v", cell(i), cell(i))
			fmt.Fprintf(&key, "%d %s ", len(text), text)
		}
	}
	id, known := tx.ids[key.String()]
	if !known {
		id = int64(len(tx.ids) + 1)
		tx.ids[key.String()] = id
	}
	return id
}

// keepRow keeps the cursor's row, which a statement may change, and returns its id.
func (tx *transaction) keepRow(c *cursor) int64 {
	id := tx.idOf(func(i int) any { return c.table.cell(c.row, i) })
	tx.rows[id] = c.row
	return id
}

// apply makes a change visible to the statements that follow.
func (tx *transaction) apply(c change) {
	o := tx.latest[c.id]
	if o == nil {
		o = &overlay{set: map[string]any{}}
		tx.latest[c.id] = o
	}
	o.deleted = c.Set == nil
	maps.Copy(o.set, c.Set)
}

func (tx *transaction) deleted(id int64) bool {
	o := tx.latest[id]
	return o != nil && o.deleted
}

func (tx *transaction) cell(id int64, column int) (value any, set bool) {
	if o := tx.latest[id]; o != nil {
		value, set = o.set[tx.table.columns[column].Name]
	}
	return value, set
}
