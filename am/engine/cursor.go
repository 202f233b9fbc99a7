package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// jsonSubtype is how SQLite's JSON functions distinguish JSON from text.
const jsonSubtype = 'J'

// A cursor reads the rows of one scan from the source.
type cursor struct {
	table    *virtualTable
	plan     plan
	planText string

	ctx  context.Context
	next func() (any, error, bool)
	stop func() error // nil if no scan is running

	changes *transaction // the transaction that was running when the scan began, or nil

	row  any
	done bool
	ids  rowIDs
	id   *int64 // the ID of the row, once SQLite has asked for it
	text []byte // buffer for timestamps
}

// Filter starts a scan.
func (c *cursor) Filter(_ int, idxStr string, arg ...sqlite3.Value) error {
	if err := c.Close(); err != nil {
		return err
	}
	if err := c.read(idxStr); err != nil {
		return c.fail(err)
	}
	q, err := c.table.question(c.plan, arg)
	if err != nil {
		return c.fail(err)
	}
	c.done, c.ids, c.changes = !q.possible, rowIDs{}, c.table.changes
	if c.done {
		return nil
	}
	if err := c.start(q); err != nil {
		return err
	}
	return c.Next()
}

// read parses the plan, once for all scans of an inner table.
func (c *cursor) read(text string) (err error) {
	if text != c.planText {
		c.plan, err = parsePlan(text)
		c.planText = text
	}
	return err
}

// start begins the scan, or uses the rows that the statement has kept.
func (c *cursor) start(q question) (err error) {
	defer c.rescue(&err)
	// The connection's context is that of the statement that is being stepped.
	c.ctx = c.table.db.conn.GetInterrupt()
	memory := c.table.db.memory
	q.Changes = memory != nil && memory.changes
	if kept := memory.scan(c.ctx, c.table, c.planText, q.Query); kept != nil {
		c.stop, c.next = kept.leave, kept.read()
		if q.column < 0 || c.table.changed() || !kept.begun() { // the first scan need not wait for the last row
			return nil
		}
		found, err := kept.find(q.column, q.value)
		if err != nil {
			return c.fail(err)
		}
		if found != nil {
			c.next = found
			return nil
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(c.ctx)
	next, stop := iter.Pull2(memory.rows(c.table, q.Query)(ctx, q.Query))
	c.ctx, c.next, c.stop = ctx, next, func() error { cancel(); stop(); return nil }
	return nil
}

// Next reads a row, and skips those that the transaction has deleted.
func (c *cursor) Next() (err error) {
	defer c.rescue(&err)
	for {
		if err := c.ctx.Err(); err != nil {
			return c.fail(err)
		}
		row, err, more := c.next()
		if err != nil {
			return c.fail(err)
		}
		c.row, c.done, c.id = row, !more, nil
		if c.changes == nil || c.done {
			return nil
		}
		id := c.changes.keepRow(c)
		if c.id = &id; !c.changes.deleted(id) {
			return nil
		}
	}
}

// EOF reports whether the scan is at its end.
func (c *cursor) EOF() bool { return c.done }

// Close ends the scan, and the work of the source.
func (c *cursor) Close() (err error) {
	if c.stop == nil {
		return nil
	}
	defer c.rescue(&err)
	stop := c.stop
	c.stop = nil
	return stop()
}

// RowID identifies rows if SQLite scans a table more than once for an OR. For nested ORs, SQLite asks twice.
func (c *cursor) RowID() (id int64, err error) {
	defer c.rescue(&err)
	if file := c.table.file; file != nil && file.rowid {
		return c.row.(*fileRow).id, nil
	}
	if c.id == nil {
		id = c.ids.of(c)
		c.id = &id
	}
	return *c.id, nil
}

// Column passes a cell to SQLite.
func (c *cursor) Column(ctx sqlite3.Context, n int) (err error) {
	defer c.rescue(&err)
	if c.changes != nil {
		if ctx.VTabNoChange() {
			return nil // a column that the UPDATE does not set
		}
		if cell, set := c.changes.cell(*c.id, n); set {
			setResult(ctx, cell)
			return nil
		}
	}
	cell := c.table.cell(c.row, n)
	if cell == nil {
		return nil // SQLite's default is NULL
	}
	if c.table.file != nil {
		setResult(ctx, cell)
		return nil
	}
	if !c.result(ctx, c.table.columns[n].Type, cell) {
		column := c.table.columns[n]
		return c.fail(fmt.Errorf("column %s: %T is not a value for %s", column.Name, cell, column.Type))
	}
	return nil
}

func (c *cursor) result(ctx sqlite3.Context, as table.Type, cell any) bool {
	switch v := cell.(type) {
	case string:
		ctx.ResultText(v)
		return as == table.Text
	case int64:
		ctx.ResultInt64(v)
		return as == table.Integer
	case int:
		ctx.ResultInt(v)
		return as == table.Integer
	case bool:
		ctx.ResultBool(v)
		return as == table.Boolean
	case float64:
		ctx.ResultFloat(v)
		return as == table.Double
	case time.Time:
		c.text = appendTimestamp(c.text[:0], v)
		ctx.ResultRawText(c.text)
		return as == table.Timestamp
	case json.RawMessage:
		if len(v) > 0 {
			ctx.ResultRawText(v)
			ctx.ResultSubtype(jsonSubtype)
		}
		return as == table.JSON
	}
	return false
}

func (c *cursor) fail(err error) error { return c.table.fail(err) }

// rescue converts a panic of the source to an error, because unwinding SQLite itself would leave it in an undefined
// state.
func (c *cursor) rescue(err *error) {
	if p := recover(); p != nil {
		c.done = true
		*err = c.fail(fmt.Errorf("the source panicked: %v", p))
	}
}
