package engine

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A ResultColumn is a column of a result.
type ResultColumn struct {
	Name string

	// Type is the declared type if the column comes from a table, also through views and subqueries, and Timestamp if
	// an expression returns times. The type of any other expression is that of its value in the first row: it is Text
	// before Next, and for NULL.
	Type table.Type

	Declared bool // the type does not depend on a value
}

// Rows are the rows of one statement, followed by those of the next. They must be closed. Several can be open at the
// same time, if they are used by one goroutine.
type Rows struct {
	db     *DB
	ctx    context.Context
	cancel context.CancelFunc
	args   arguments

	sql  string // the complete text
	rest string // the part that has not been prepared yet
	stmt *sqlite3.Stmt
	err  error

	identifies bool    // the statement needs the IDs of rows
	memory     *memory // the memory of the statement
	result     *Result // the result of an EXEC, instead of a statement
	failed     error   // the error after the rows of result

	types   []typedColumn // the types of the statement's columns
	columns []ResultColumn
	started bool
	values  []any
}

// describe prepares the columns for a new statement.
func (r *Rows) describe() {
	n := r.stmt.ColumnCount()
	r.columns = make([]ResultColumn, n)
	r.started, r.values = false, make([]any, n)
	for i := range n {
		r.columns[i].Name = r.stmt.ColumnName(i)
		r.columns[i].Type, r.columns[i].Declared = declaredType(r.stmt.ColumnDeclType(i))
		if i < len(r.types) && r.types[i].exprType == (exprType{kind: timeKind}) {
			r.columns[i].Type, r.columns[i].Declared = table.Timestamp, true
		}
	}
}

// Columns describes the columns. There are none if no statement of the text returns rows.
func (r *Rows) Columns() []ResultColumn { return r.columns }

// Next moves to the next row. When it returns false, Err contains the error, if there was one.
func (r *Rows) Next() bool {
	if r.result != nil && r.err == nil {
		return r.nextResult()
	}
	if r.stmt == nil || r.err != nil {
		return false
	}
	if !r.step() {
		r.closeStatement()
		return false
	}
	r.read()
	if !r.started {
		r.started = true
		r.inferTypes()
	}
	return true
}

// Values returns the cells of the row: nil, or, by the column's type, a string, int64, float64, bool, time.Time or
// json.RawMessage, if SQLite's value can be converted; otherwise the value as SQLite has it: string, int64, float64 or
// []byte. The next call of Next reuses the slice, but not the values.
func (r *Rows) Values() []any { return r.values }

// Err returns the error that ended the rows, if there was one.
func (r *Rows) Err() error { return r.err }

// NextResultSet runs the following statements up to the next one that returns rows. When it returns false, either there
// is none or Err contains an error.
func (r *Rows) NextResultSet() bool {
	r.closeStatement()
	r.columns, r.result = nil, nil
	return r.advance()
}

// Close ends the query. Statements that were not reached do not run.
func (r *Rows) Close() error {
	r.rest = ""
	r.cancel()
	failed := r.err
	r.closeStatement()
	if failed == nil {
		return r.err
	}
	return nil
}

// closeStatement ends the statement, and with it every scan of a source.
func (r *Rows) closeStatement() {
	if r.stmt == nil {
		return
	}
	stmt := r.stmt
	r.stmt = nil
	_ = r.guard(stmt.Close) // SQLite repeats the error of the last step
	r.memory.close()
	delete(r.db.memories, r.memory)
	r.memory = nil
	if r.err == nil {
		r.err = r.db.failure
	}
}

// read reads the cells of the row from SQLite.
func (r *Rows) read() {
	for i := range r.values {
		r.values[i] = r.cell(i)
	}
}

func (r *Rows) cell(i int) any {
	switch r.stmt.ColumnType(i) {
	case sqlite3.INTEGER:
		n := r.stmt.ColumnInt64(i)
		if r.columns[i].Type == table.Boolean && (n == 0 || n == 1) {
			return n == 1
		}
		return n
	case sqlite3.FLOAT:
		return r.stmt.ColumnFloat(i)
	case sqlite3.TEXT:
		return r.text(i)
	case sqlite3.BLOB:
		return r.stmt.ColumnBlob(i, []byte{})
	}
	return nil
}

func (r *Rows) text(i int) any {
	text := r.stmt.ColumnRawText(i) // SQLite's own memory
	switch r.columns[i].Type {
	case table.Timestamp:
		if t, ok := parseTimestamp(text); ok {
			return t
		}
	case table.JSON:
		if json.Valid(text) {
			return json.RawMessage(bytes.Clone(text))
		}
	}
	return string(text)
}

// inferTypes sets the types of expressions to those of the first row's values.
func (r *Rows) inferTypes() {
	for i, v := range r.values {
		if r.columns[i].Declared {
			continue
		}
		switch v.(type) {
		case int64:
			r.columns[i].Type = table.Integer
		case float64:
			r.columns[i].Type = table.Double
		}
	}
}
