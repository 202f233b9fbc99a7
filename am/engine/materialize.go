package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs/memdb"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// Materialized is a set of tables that were read once into memory. Any number of databases can use it concurrently.
type Materialized struct{ name string }

// kept is the schema of these tables. A name without a schema means one of them, unless a statement has created another
// table of that name.
const kept = "kept"

// Materialize reads the source of each table once, completely. Columns have the types and collations of attached
// tables; those that no statement reads are empty.
func Materialize(ctx context.Context, statements []string, sources ...table.Table) (_ *Materialized, err error) {
	m := &Materialized{rand.Text()}
	memdb.Create(m.name, nil)
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	db, err := m.open(ctx, "rw")
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, db.Close()) }()
	// Large pages, because every scan copies all pages from the memory that the databases share.
	if err := db.conn.Exec(`PRAGMA ` + kept + `.page_size = 32768; BEGIN`); err != nil {
		return nil, fmt.Errorf("materialize tables: %w", err)
	}
	tables := make([]*virtualTable, len(sources))
	for i, source := range sources {
		tables[i] = &virtualTable{source: source, columns: source.Columns()}
		if err := db.conn.Exec(`CREATE TABLE ` + tables[i].kept() + tables[i].columnList()); err != nil {
			return nil, fmt.Errorf("materialize %s: %w", source.Name(), err)
		}
	}
	reads, err := db.reads(statements)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		if err := db.fill(ctx, t, reads); err != nil {
			return nil, err
		}
	}
	return m, db.conn.Exec(`COMMIT`)
}

// Open returns a database that reads the tables.
func (m *Materialized) Open(ctx context.Context) (*DB, error) { return m.open(ctx, "ro") }

func (m *Materialized) open(ctx context.Context, mode string) (*DB, error) {
	db, err := Open(ctx)
	if err != nil {
		return nil, err
	}
	if err := db.conn.Exec(`ATTACH 'file:/` + m.name + `?vfs=memdb&mode=` + mode + `' AS ` + kept); err != nil {
		return nil, errors.Join(fmt.Errorf("attach the materialized tables: %w", err), db.Close())
	}
	return db, nil
}

// Close releases the tables. Databases that are open can still use them.
func (m *Materialized) Close() { memdb.Delete(m.name) }

func (t *virtualTable) kept() string { return kept + "." + sqlite3.QuoteIdentifier(t.source.Name()) }

// reads asks SQLite which columns the statements read, as table.column. It returns nil if that is not known, because a
// statement is wrong or depends on another that must run first.
func (db *DB) reads(statements []string) (columns map[string]bool, err error) {
	columns = map[string]bool{}
	note := func(action sqlite3.AuthorizerActionCode, table, column, _, _ string) sqlite3.AuthorizerReturnCode {
		if action == sqlite3.AUTH_READ {
			columns[table+"."+column] = true
		}
		return sqlite3.AUTH_OK
	}
	if err := db.conn.SetAuthorizer(note); err != nil {
		return nil, fmt.Errorf("ask for the columns of statements: %w", err)
	}
	defer func() { err = cmp.Or(err, db.authorize()) }()
	for _, sql := range statements {
		stmt, tail, err := db.conn.Prepare(sql)
		if err != nil || strings.TrimSpace(tail) != "" {
			columns = nil
		}
		if stmt != nil {
			err = stmt.Close()
		}
		if err != nil || columns == nil {
			return nil, nil
		}
	}
	return columns, nil
}

// fill copies the columns that are read, or all columns, from the table's source.
func (db *DB) fill(ctx context.Context, t *virtualTable, reads map[string]bool) (err error) {
	var columns []int
	var names, quoted []string
	for i, c := range t.columns {
		if reads == nil || reads[t.source.Name()+"."+c.Name] || i == 0 { // a row needs at least one column
			columns, names, quoted = append(columns, i), append(names, c.Name), append(quoted, sqlite3.QuoteIdentifier(c.Name))
		}
	}
	places := strings.Join(slices.Repeat([]string{"?"}, len(columns)), ", ")
	stmt, _, err := db.conn.Prepare(`INSERT INTO ` + t.kept() + ` (` + strings.Join(quoted, ", ") + `) VALUES (` + places + `)`)
	if err != nil {
		return fmt.Errorf("materialize %s: %w", t.source.Name(), err)
	}
	defer func() { err = cmp.Or(err, stmt.Close()) }()
	for row, err := range t.source.Rows(ctx, table.Query{Columns: names}) {
		if err == nil {
			err = t.insert(stmt, columns, row)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.source.Name(), err)
		}
	}
	return nil
}

// insert runs the statement with the row's cells in these columns.
func (t *virtualTable) insert(stmt *sqlite3.Stmt, columns []int, row any) error {
	for place, i := range columns {
		if err := bindValue(stmt, place+1, t.cell(row, i)); err != nil {
			return fmt.Errorf("column %s: %w", t.columns[i].Name, err)
		}
	}
	return stmt.Exec()
}
