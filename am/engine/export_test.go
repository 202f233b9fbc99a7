package engine

// KeepAtMost sets the maximum number of rows that a statement keeps.
func (db *DB) KeepAtMost(rows int) { db.room = rows }
