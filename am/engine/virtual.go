package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// module is the name of the SQLite module. Its argument is an index into DB.tables.
const module = "am_engine"

// writableModule is the name of the module for Writable tables.
const writableModule = module + "_writable"

// A virtualTable is a Table as SQLite sees it.
type virtualTable struct {
	db      *DB
	number  int // its index in db.tables
	schema  string
	source  table.Table
	columns []table.Column
	keys    map[int]bool // by column index
	primary uint64       // the columns of the primary key as bits; 0 if there is none
	needed  uint64       // the columns that changes need in addition
	changes *transaction // nil outside of a transaction
	file    *fileTable   // the source, if it is a file
}

func (db *DB) createModule() error {
	connect := func(conn *sqlite3.Conn, arg []string) (*virtualTable, error) {
		i, err := strconv.Atoi(strings.Join(arg, " "))
		if err != nil || i < 0 || i >= len(db.tables) {
			return nil, fmt.Errorf("no such table: %q", arg)
		}
		t := db.tables[i]
		if err := conn.DeclareVTab(t.declaration()); err != nil {
			return nil, err
		}
		// Innocuous lets views of the same schema use the table. Such views can only come from the user of this
		// connection: the schemas are in memory, and views of an attached file cannot name them.
		return t, conn.VTabConfig(sqlite3.VTAB_INNOCUOUS)
	}
	read := func(conn *sqlite3.Conn, _, _, _ string, arg ...string) (*virtualTable, error) {
		return connect(conn, arg)
	}
	write := func(conn *sqlite3.Conn, _, _, _ string, arg ...string) (writableTable, error) {
		t, err := connect(conn, arg)
		return writableTable{t}, err
	}
	return errors.Join(
		sqlite3.CreateModule(db.conn, module, read, read),           //nolint:staticcheck // the method that replaces it needs Go 1.27
		sqlite3.CreateModule(db.conn, writableModule, write, write)) //nolint:staticcheck // as above
}

func (db *DB) createTable(schema string, source table.Table) error {
	t := &virtualTable{db: db, number: len(db.tables), schema: schema, source: source, columns: source.Columns(), keys: map[int]bool{}}
	t.file, _ = source.(*fileTable)
	for _, key := range source.Keys() {
		i := t.column(key)
		if i < 0 {
			return fmt.Errorf("key %s is not a column", key)
		}
		t.keys[i] = true
	}
	kind, err := t.identify()
	if err != nil {
		return err
	}
	db.tables = append(db.tables, t)
	return db.conn.Exec(fmt.Sprintf(`CREATE VIRTUAL TABLE %s.%s USING %s(%d)`,
		sqlite3.QuoteIdentifier(schema), sqlite3.QuoteIdentifier(source.Name()), kind, t.number))
}

// identify determines what identifies rows and what changes need, and returns the name of the module for the table.
func (t *virtualTable) identify() (kind string, err error) {
	kind = module
	if keyed, ok := t.source.(table.Keyed); ok {
		if t.primary, err = t.bits(keyed.PrimaryKey()); err != nil {
			return "", err
		}
	}
	if writable, ok := t.source.(table.Writable); ok {
		kind = writableModule
		t.needed, err = t.bits(writable.Needs())
	}
	return kind, err
}

func (t *virtualTable) bits(columns []string) (bits uint64, err error) {
	for _, name := range columns {
		i := t.column(name)
		if i < 0 || i > 62 {
			return 0, fmt.Errorf("%s is not among the first 63 columns", name)
		}
		bits |= 1 << i
	}
	return bits, nil
}

func (t *virtualTable) column(name string) int {
	for i, c := range t.columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// declaration returns the CREATE TABLE statement for the columns.
func (t *virtualTable) declaration() string { return "CREATE TABLE x" + t.columnList() }

func (t *virtualTable) columnList() string {
	declared := make([]string, len(t.columns))
	for i, c := range t.columns {
		kind := declarations[c.Type]
		if t.file != nil {
			kind = t.file.declared[i]
		}
		declared[i] = sqlite3.QuoteIdentifier(c.Name) + " " + kind + " COLLATE " + t.collation(i)
	}
	return "(" + strings.Join(declared, ", ") + ")"
}

func (t *virtualTable) collation(column int) string {
	if t.file != nil && column >= 0 {
		return t.file.collates[column]
	}
	if t.isFolded(column) {
		return nameCollation
	}
	return "BINARY"
}

// used returns the names of the columns of the bits. The last bit stands for its column and all that follow.
func (t *virtualTable) used(bits uint64) []string {
	names := []string{} // not nil, which would mean all
	for i, c := range t.columns {
		if bits&(1<<min(i, 63)) != 0 {
			names = append(names, c.Name)
		}
	}
	return names
}

// label returns the table's name for errors, with its schema if there are several.
func (t *virtualTable) label() string {
	if len(t.db.schemas) > 1 {
		return t.schema + "." + t.source.Name()
	}
	return t.source.Name()
}

// fail keeps the error, because SQLite passes on only its text.
func (t *virtualTable) fail(err error) error {
	err = fmt.Errorf("%s: %w", t.label(), err)
	t.db.failure = err
	return err
}

// Open returns a cursor. SQLite scans with it once, or once for each row of an outer table.
func (t *virtualTable) Open() (sqlite3.VTabCursor, error) {
	return &cursor{table: t}, nil
}

// cell returns a row's cell in the form that SQL uses.
func (t *virtualTable) cell(row any, column int) any {
	if t.file != nil {
		return t.file.Cell(row, column)
	}
	return t.columns[column].Encode(t.source.Cell(row, column))
}
