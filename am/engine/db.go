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

// memoryLimit bounds the memory of one DB if there is address space for it; it takes none until used.
// Only huge single values come near it, since sorts and intermediate tables spill.
const memoryLimit = 1 << 30

// setup lets a sort or an intermediate table take 32 MB before it spills to a temporary file. That one has no name
// (on Unix), so that nothing of it is left, and lies in $SQLITE_TMPDIR or the system's place for such files.
// What is in an attached file, which somebody else may have made, can use only functions and tables that are innocuous.
const setup = `PRAGMA cache_size = -32768; PRAGMA temp.cache_size = -32768; PRAGMA trusted_schema = OFF`

// A DB is an SQLite database in memory. Like a connection, it serves one goroutine at a time.
//
// Timestamps are text in SQLite's own form, UTC: `2026-11-22 03:16:30`, with a fraction of 3 (6, 9) digits if there
// is one. What is compared with a timestamp, a column or an expression such as max(time), is made one before the statement
// runs (typing.go): `'2026-11-22T03:16:30Z'`, `'2026-11-22 04:16:30+01'`, `'yesterday'`. Any other text is an error.
//
// Views of attached tables are temporary (CREATE TEMP VIEW) or stand in the same schema (CREATE VIEW am.idle AS …);
// SQLite knows no others over several schemas.
type DB struct {
	conn    *sqlite3.Conn
	schemas []string
	tables  []*virtualTable

	preferred []string // the names of tables in main that are those of a schema, too

	now     time.Time // when the last statement was begun, for now() and ago()
	execute func(context.Context, Call) (Result, error)
	show    func(context.Context, Show) (Result, error)

	unchanged func(verb string) error // told of an UPDATE or a DELETE that changes no row; nil: nobody listens

	// identifies is whether the statement under way may ask for the ids of rows.
	identifies bool

	// memory is that of the statement under way, memories those of all that are open.
	memory   *memory
	memories map[*memory]bool
	room     int // of each

	// committed is what is to be done when the step under way is through.
	committed []committed

	writes   bool // statements may write to files
	guarded  bool // what runs is a statement of the user's
	changing bool // what statements find will be changed

	known     map[string]table.Column  // columns of attached tables, by their names
	derived   map[string][]typedColumn // columns of tables that were created from queries, by schema.table
	canonical map[string]bool          // schemas whose times are all in the canonical form

	// failure is the error of a source during the step under way: SQLite carries only its text.
	failure error
}

// Open makes an empty database.
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

// MaxSchemas is how many schemas SQLite can attach, a limit that it is compiled with.
const MaxSchemas = 10

// Schemas is how many schemas are attached.
func (db *DB) Schemas() int { return len(db.schemas) }

// Attach adds tables under a schema of their own. A table's name without schema means the first attached that has it.
// There is room for [MaxSchemas]. After an error, nothing of the schema is left.
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

// Know notes columns: those of the same names in tables of files hold the same. Attach does so.
func (db *DB) Know(columns []table.Column) {
	for _, c := range columns {
		db.known[c.Name] = c
	}
}

// SetDefaultSchema makes names without schema mean the tables of this attached schema. It cannot be used in a transaction. A table
// of the user's own that has such a name is in the way, and an error.
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

// TrustTimes says that all times in a file's tables are as amsql writes them. Those of other files are read again if they
// are compared, so that no index of the file helps.
func (db *DB) TrustTimes(schema string) { db.canonical[strings.ToLower(schema)] = true }

// InTransaction reports whether a BEGIN waits for its COMMIT.
func (db *DB) InTransaction() bool { return db.conn != nil && !db.conn.GetAutocommit() }

// Close ends what is still running and frees the database.
func (db *DB) Close() error {
	if db.conn == nil {
		return nil
	}
	for _, stmt := range slices.Collect(db.conn.Stmts()) {
		_ = stmt.Close() // the error of its last step, which its Rows have told
	}
	for m := range db.memories {
		m.close()
	}
	err := db.conn.Close()
	db.conn = nil
	return err
}
