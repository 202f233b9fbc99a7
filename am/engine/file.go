package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// lockPatience is how long a query waits for another process that is writing to an attached file.
const lockPatience = time.Minute

// AttachFile adds the tables of an SQLite file, read-only, in their own schema.
//
// Columns of a file compare as the file declares. It cannot declare that names compare as in AM, so if it has columns
// with such names, the schema contains virtual tables that declare it and read the file, which is attached as
// [FileSchema]. Everything else is as in the file.
func (db *DB) AttachFile(schema, path string) error {
	uri := (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: "mode=ro"}).String()
	err := cmp.Or(db.conn.BusyTimeout(lockPatience), db.attachFile(schema, uri))
	if err != nil {
		return fmt.Errorf("attach %s: %w", path, err)
	}
	db.schemas = append(db.schemas, schema)
	return nil
}

// attachFile attaches the file after the schema of its tables, so that SQLite finds names without a schema there first.
func (db *DB) attachFile(schema, uri string) (err error) {
	if err := db.attach(":memory:", schema); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = db.detach(schema) // the error may already have detached it
		}
	}()
	hidden := FileSchema(schema)
	if err := db.attach(uri, hidden); err != nil {
		return err
	}
	tables, err := db.fileTables(hidden)
	for _, t := range tables {
		if err == nil && slices.ContainsFunc(tables, (*fileTable).compares) {
			err = db.createTable(schema, t)
		}
	}
	if err != nil {
		return errors.Join(err, db.detach(hidden))
	}
	if slices.ContainsFunc(tables, (*fileTable).compares) {
		return nil
	}
	return cmp.Or(db.detach(hidden), db.detach(schema), db.attach(uri, schema))
}

func (db *DB) detach(schema string) error {
	return db.conn.Exec(`DETACH ` + sqlite3.QuoteIdentifier(schema))
}

// FileSchema returns the schema with the original tables of a file, if [DB.AttachFile] has created virtual tables for
// them.
func FileSchema(schema string) string { return schema + " file" }

func (db *DB) attach(uri, schema string) error {
	return db.conn.Exec(`ATTACH ` + sqlite3.Quote(uri) + ` AS ` + sqlite3.QuoteIdentifier(schema))
}

// A fileTable is a table or view of an attached file. Its rows are fileRows with cells as SQLite has them.
type fileTable struct {
	db       *DB
	schema   string
	name     string
	columns  []table.Column
	declared []string // declared types by column
	collates []string // collations by column
	keys     []string // the columns of its indexes
	rowid    bool
}

type fileRow struct {
	cells []any // nil, int64, float64, string or []byte
	id    int64
}

// fileTables returns the tables and views of a schema that can be read. A view may need something that only another
// program has.
func (db *DB) fileTables(schema string) (tables []*fileTable, err error) {
	const list = `SELECT name, type, wr FROM pragma_table_list WHERE schema = ? AND type IN ('table', 'view', 'virtual') AND name NOT LIKE 'sqlite!_%' ESCAPE '!'`
	found, err := db.cells(list, schema)
	if err != nil {
		return nil, err
	}
	for _, row := range found {
		t := &fileTable{db: db, schema: schema, name: row[0], rowid: row[1] == "table" && row[2] == "0"}
		if t.describe() == nil && len(t.columns) > 0 {
			tables = append(tables, t)
		}
	}
	return tables, nil
}

// cells returns the rows of a query as texts.
func (db *DB) cells(sql string, args ...string) (rows [][]string, err error) {
	stmt, _, err := db.conn.Prepare(sql)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, stmt.Close()) }()
	for i, arg := range args {
		if err := stmt.BindText(i+1, arg); err != nil {
			return nil, err
		}
	}
	return texts(stmt)
}

func texts(stmt *sqlite3.Stmt) (rows [][]string, err error) {
	for stmt.Step() {
		row := make([]string, stmt.ColumnCount())
		for i := range row {
			row[i] = stmt.ColumnText(i)
		}
		rows = append(rows, row)
	}
	return rows, stmt.Err()
}

// plainType matches declared types that are safe in SQL. Nothing else from a file is used there.
var plainType = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_ ]*(\([0-9, ]*\))?$`)

func (t *fileTable) describe() error {
	found, err := t.db.cells(`SELECT name, type FROM pragma_table_xinfo(?, ?) WHERE hidden <> 1`, t.name, t.schema)
	if err != nil {
		return err
	}
	derived := t.derived()
	for _, row := range found {
		name, declared := row[0], row[1]
		if !plainType.MatchString(declared) {
			declared = ""
		}
		if declared == "" {
			declared = derived[name]
		}
		kind := lookupOf(declared)
		c := table.Column{Name: name, Type: kind, Folded: kind == table.Text && t.db.known[strings.ToLower(name)].Folded}
		t.columns, t.declared = append(t.columns, c), append(t.declared, declared)
		t.collates = append(t.collates, t.collation(c))
	}
	keys, err := t.db.cells(`SELECT DISTINCT c.name FROM pragma_index_list(?1, ?2) i, pragma_index_info(i.name, ?2) c WHERE c.name IS NOT NULL`, t.name, t.schema)
	for _, row := range keys {
		if i := table.Index(t.columns, row[0]); i >= 0 && slices.Contains([]table.Type{table.Text, table.Integer}, t.columns[i].Type) && !t.columns[i].Folded {
			t.keys = append(t.keys, row[0])
		}
	}
	return err
}

// derived returns the types of a view's columns that are derived to be times or booleans.
func (t *fileTable) derived() map[string]string {
	derived := map[string]string{}
	columns, _ := t.db.columnsOfTable(t.schema, t.name) // if a view cannot be typed, SQLite reports an error when it is queried
	for _, c := range columns {
		for of := range declarations {
			if c.kind != anyKind && kindOf(table.Type(of)) == c.kind {
				derived[c.name] = declarations[of]
			}
		}
	}
	return derived
}

// lookupOf returns how the cells of a column with this declaration can be looked up: as text or as number, according to
// its affinity (SQLite documentation, Datatypes, 3.1). JSON stands for columns that are never looked up.
func lookupOf(declared string) table.Type {
	upper := strings.ToUpper(declared)
	has := func(part string) bool { return strings.Contains(upper, part) }
	switch {
	case has("INT"):
		return table.Integer
	case has("CHAR"), has("CLOB"), has("TEXT"):
		return table.Text
	}
	return table.JSON
}

// collation returns the file's own collation, unless the column contains names.
func (t *fileTable) collation(c table.Column) string {
	if c.Folded {
		return nameCollation
	}
	if _, own, _, _, _, err := t.db.conn.TableColumnMetadata(t.schema, t.name, c.Name); err == nil && slices.Contains([]string{"NOCASE", "RTRIM"}, strings.ToUpper(own)) {
		return own
	}
	return "BINARY"
}

// compares reports whether a column must compare in a way that the file cannot declare.
func (t *fileTable) compares() bool { return slices.Contains(t.collates, nameCollation) }

func (t *fileTable) Name() string            { return t.name }
func (t *fileTable) Description() string     { return "" }
func (t *fileTable) Columns() []table.Column { return t.columns }

// Keys returns the columns of indexes that compare as in the file.
func (t *fileTable) Keys() []string { return t.keys }

func (t *fileTable) Cell(row any, column int) any { return row.(*fileRow).cells[column] }

// Rows reads the file through the connection that runs the query.
func (t *fileTable) Rows(_ context.Context, q table.Query) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		stmt, err := t.prepare(q)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = stmt.Close() }() // repeats the error of the last step
		for stmt.Step() {
			if !yield(t.row(stmt, q), nil) {
				return
			}
		}
		if err := stmt.Err(); err != nil {
			yield(nil, err)
		}
	}
}

func (t *fileTable) prepare(q table.Query) (*sqlite3.Stmt, error) {
	columns := []string{"0"}
	if t.rowid {
		columns[0] = "rowid"
	}
	for _, c := range t.columns {
		if q.Wants(c.Name) {
			columns = append(columns, sqlite3.QuoteIdentifier(c.Name))
		}
	}
	sql := "SELECT " + strings.Join(columns, ", ") + " FROM " + sqlite3.QuoteIdentifier(t.schema) + "." + sqlite3.QuoteIdentifier(t.name)
	var args []any
	for i, qual := range q.Quals {
		sql += map[bool]string{true: " WHERE ", false: " AND "}[i == 0] + sqlite3.QuoteIdentifier(qual.Column) +
			" IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(qual.Values)), ", ") + ")"
		args = append(args, qual.Values...)
	}
	stmt, _, err := t.db.conn.Prepare(sql)
	if err != nil {
		return nil, err
	}
	for i, arg := range args {
		if err := bindCell(stmt, i+1, arg); err != nil {
			return nil, errors.Join(err, stmt.Close())
		}
	}
	return stmt, nil
}

func bindCell(stmt *sqlite3.Stmt, i int, cell any) error {
	switch v := cell.(type) {
	case string:
		return stmt.BindText(i, v)
	case int64:
		return stmt.BindInt64(i, v)
	case float64:
		return stmt.BindFloat(i, v)
	}
	return fmt.Errorf("%T is not a value to look up", cell)
}

func (t *fileTable) row(stmt *sqlite3.Stmt, q table.Query) *fileRow {
	row := &fileRow{cells: make([]any, len(t.columns)), id: stmt.ColumnInt64(0)}
	n := 0
	for i, c := range t.columns {
		if !q.Wants(c.Name) {
			continue
		}
		n++
		switch stmt.ColumnType(n) {
		case sqlite3.INTEGER:
			row.cells[i] = stmt.ColumnInt64(n)
		case sqlite3.FLOAT:
			row.cells[i] = stmt.ColumnFloat(n)
		case sqlite3.TEXT:
			row.cells[i] = stmt.ColumnText(n)
		case sqlite3.BLOB:
			row.cells[i] = stmt.ColumnBlob(n, []byte{})
		}
	}
	return row
}
