package engine

import (
	"github.com/ncruces/go-sqlite3"
)

// A RefusedError is a statement that would write outside of the session's own temporary tables.
type RefusedError struct{ Action string }

func (e *RefusedError) Error() string {
	return e.Action + " is refused: statements can only read, and create temporary tables"
}

// AllowWrites lets statements attach files and write new ones. Without it, they write only to what is gone with the database:
// temporary tables, and schemas in memory. What is written to attached tables is for their sources to decide.
func (db *DB) AllowWrites() { db.writes = true }

// Changing has numbers that could be taken for other texts than they are written as refused in every statement, as they are
// in DELETE and UPDATE: what is found will be changed.
func (db *DB) Changing() { db.changing = true }

// authorize has SQLite ask, while it compiles a user's statement, whether it may do what the statement does. The schemas
// of a DB are in memory or read-only, so it is enough that statements add no others. To drop a table of a source would change
// nothing there, which is not what the statement says.
func (db *DB) authorize() error {
	return db.conn.SetAuthorizer(func(action sqlite3.AuthorizerActionCode, name, _, _, _ string) sqlite3.AuthorizerReturnCode {
		switch {
		case !db.guarded:
			return sqlite3.AUTH_OK
		case action == sqlite3.AUTH_DROP_VTABLE:
			db.failure = &Error{Message: "table " + name + " may not be dropped"}
		// VACUUM INTO attaches the file that it writes. A name that is an expression arrives as "".
		case action == sqlite3.AUTH_ATTACH && name != ":memory:" && !db.writes:
			db.failure = &RefusedError{"ATTACH"}
		default:
			return sqlite3.AUTH_OK
		}
		return sqlite3.AUTH_DENY
	})
}
