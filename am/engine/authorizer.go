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
// of a DB are in memory or read-only, so it is enough that statements add no others.
func (db *DB) authorize() error {
	return db.conn.SetAuthorizer(func(action sqlite3.AuthorizerActionCode, name, _, _, _ string) sqlite3.AuthorizerReturnCode {
		// VACUUM INTO attaches the file that it writes. A name that is an expression arrives as "".
		if action != sqlite3.AUTH_ATTACH || name == ":memory:" || !db.guarded || db.writes {
			return sqlite3.AUTH_OK
		}
		db.failure = &RefusedError{"ATTACH"}
		return sqlite3.AUTH_DENY
	})
}
