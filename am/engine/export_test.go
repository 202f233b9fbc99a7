package engine

// KeepAtMost sets how many rows a statement keeps.
func (db *DB) KeepAtMost(rows int) { db.room = rows }
