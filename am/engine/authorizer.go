package engine

import (
	"github.com/ncruces/go-sqlite3"
)

// A RefusedError means that the statement would write to something other than temporary tables of its own session.
type RefusedError struct{ Action string }

func (e *RefusedError) Error() string {
	return e.Action + " is refused: statements can only read, and create temporary tables"
}

// AllowWrites lets statements attach files and create new ones. Without it, they can only write to what disappears with
// the database: temporary tables, and schemas in memory. Writes to attached tables are up to their sources.
func (db *DB) AllowWrites() { db.writes = true }

// Changing makes every statement as strict as DELETE and UPDATE, because what the statements find will be changed: it
// refuses numbers that could stand for several texts, and sets [table.Query.Changes].
func (db *DB) Changing() { db.changing = true }

// authorize makes SQLite ask, while it compiles a user's statement, whether the statement is allowed. The schemas of a
// DB are in memory or read-only, so it is enough to prevent statements from adding others. Dropping a table of a source
// is also refused: it would change nothing in the source, although the statement suggests that.
func (db *DB) authorize() error {
	return db.conn.SetAuthorizer(func(action sqlite3.AuthorizerActionCode, name, _, _, _ string) sqlite3.AuthorizerReturnCode {
		switch {
		case !db.guarded:
			return sqlite3.AUTH_OK
		case action == sqlite3.AUTH_DROP_VTABLE:
			db.failure = &Error{Message: "table " + name + " may not be dropped"}
		// VACUUM INTO attaches the file that it writes. If the name is an expression, SQLite passes "".
		case action == sqlite3.AUTH_ATTACH && name != ":memory:" && !db.writes:
			db.failure = &RefusedError{"ATTACH"}
		default:
			return sqlite3.AUTH_OK
		}
		return sqlite3.AUTH_DENY
	})
}
