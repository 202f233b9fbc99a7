package engine

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// memoryLimit is the maximum memory of one DB, if there is enough address space; memory is allocated only when used.
// Only very large single values come near the limit, because sorts and intermediate tables are written to disk.
const memoryLimit = 1 << 30

// setup lets a sort or an intermediate table use 32 MB before it is written to a temporary file. On Unix that file has
// no name, so nothing of it can be left behind; it is in $SQLITE_TMPDIR or the system's temporary folder. SQL in an
// attached file, which may come from somebody else, can only use innocuous functions and tables.
const setup = `PRAGMA cache_size = -32768; PRAGMA temp.cache_size = -32768; PRAGMA trusted_schema = OFF`

// A DB is an SQLite database in memory. Like a connection, it must be used by one goroutine at a time.
//
// Timestamps are texts in SQLite's own form, in UTC: `2026-11-22 03:16:30`, with a fraction of 3 (6, 9) digits if there
// is one. A value that is compared with a timestamp (a column, or an expression such as max(time)) is converted to this
// form before the statement runs (typing.go): `'2026-11-22T03:16:30Z'`, `'2026-11-22 04:16:30+01'`, `'yesterday'`. Any
// other text is an error.
//
// Views of attached tables must be temporary (CREATE TEMP VIEW) or in the same schema (CREATE VIEW am.idle AS …);
// SQLite does not allow others to use several schemas.
type DB struct {
	conn    *sqlite3.Conn
	schemas []string
	tables  []*virtualTable

	preferred []string // names in main of tables that are also in a schema

	now     time.Time // the time when the current statement began, for now() and ago()
	execute func(context.Context, Call) (Result, error)
	show    func(context.Context, Show) (Result, error)

	unchanged func(verb string) error // called for an UPDATE or a DELETE that changes no row; may be nil

	// identifies is whether the current statement may need the IDs of rows.
	identifies bool

	// memory belongs to the current statement, memories contains those of all open statements.
	memory   *memory
	memories map[*memory]bool
	room     int // the capacity of each

	// committed contains what to do after the current step.
	committed []committed

	writes   bool // statements may write to files
	guarded  bool // the running statement is a user's
	changing bool // what statements find will be changed

	known     map[string]table.Column  // columns of attached tables by name
	derived   map[string][]typedColumn // columns of tables that were created from queries, by schema.table
	canonical map[string]bool          // schemas in which all times are in canonical form

	// failure is the error of a source during the current step, because SQLite passes on only its text.
	failure error
}

// Open returns an empty database.
func Open(ctx context.Context) (*DB, error) {
	if bits.UintSize >= 64 {
		ctx = sqlite3.WithMaxMemory(ctx, memoryLimit)
	}
	conn, err := sqlite3.OpenContext(ctx, ":memory:")
	if err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	db := &DB{
		conn: conn, memories: map[*memory]bool{}, room: maxKept,
		known: map[string]table.Column{}, derived: map[string][]typedColumn{}, canonical: map[string]bool{kept: true, "main": true, "temp": true},
	}
	if err := errors.Join(conn.Exec(setup), conn.CreateCollation(nameCollation, compareNames), db.createModule(), db.createFunctions(), db.authorize()); err != nil {
		return nil, errors.Join(fmt.Errorf("open SQLite: %w", err), conn.Close())
	}
	return db, nil
}

// MaxSchemas is the maximum number of schemas that SQLite can attach, a limit that is compiled in.
const MaxSchemas = 10

// Schemas returns the number of attached schemas.
func (db *DB) Schemas() int { return len(db.schemas) }

// Attach adds tables in their own schema. A table name without a schema means the first attached table of that name.
// There can be at most [MaxSchemas] schemas. After an error, nothing of the schema remains.
func (db *DB) Attach(schema string, tables ...table.Table) error {
	name := sqlite3.QuoteIdentifier(schema)
	if err := db.conn.Exec(`ATTACH ':memory:' AS ` + name); err != nil {
		return fmt.Errorf("attach schema %s: %w", schema, err)
	}
	for _, t := range tables {
		db.Know(t.Columns())
		if err := db.createTable(schema, t); err != nil {
			return errors.Join(fmt.Errorf("attach table %s.%s: %w", schema, t.Name(), err), db.conn.Exec(`DETACH `+name))
		}
	}
	db.schemas = append(db.schemas, schema)
	db.TrustTimes(schema)
	return nil
}

// Know registers columns: columns of the same names in tables of files have the same meaning. Attach calls it.
func (db *DB) Know(columns []table.Column) {
	for _, c := range columns {
		db.known[c.Name] = c
	}
}

// SetDefaultSchema makes names without a schema mean the tables of this attached schema. It cannot be called in a
// transaction. If the user has created a table with such a name, that is an error.
func (db *DB) SetDefaultSchema(schema string) error {
	if db.InTransaction() {
		return errors.New("a transaction is open: COMMIT or ROLLBACK it first")
	}
	for len(db.preferred) > 0 {
		if err := db.conn.Exec(`DROP TABLE main.` + sqlite3.QuoteIdentifier(db.preferred[0])); err != nil {
			return fmt.Errorf("set default schema %s: %w", schema, err)
		}
		db.preferred = db.preferred[1:]
	}
	for _, t := range slices.Clone(db.tables) {
		name := t.source.Name()
		if t.schema != schema || slices.Contains(db.preferred, name) {
			continue
		}
		if err := db.createTable("main", t.source); err != nil {
			return fmt.Errorf("set default schema %s: %w", schema, err)
		}
		db.tables[len(db.tables)-1].schema = schema
		db.preferred = append(db.preferred, name)
	}
	return nil
}

// TrustTimes declares that all times in a file's tables are in amsql's form. Times in other files are converted when
// they are compared, so the file's indexes cannot be used.
func (db *DB) TrustTimes(schema string) { db.canonical[strings.ToLower(schema)] = true }

// InTransaction reports whether a transaction is open.
func (db *DB) InTransaction() bool { return db.conn != nil && !db.conn.GetAutocommit() }

// Close ends running statements and frees the database.
func (db *DB) Close() error {
	if db.conn == nil {
		return nil
	}
	for _, stmt := range slices.Collect(db.conn.Stmts()) {
		_ = stmt.Close() // repeats the error of its last step, which Rows has reported
	}
	for m := range db.memories {
		m.close()
	}
	err := db.conn.Close()
	db.conn = nil
	return err
}
