// Package engine is the embedded SQL engine: SQLite (without cgo) with virtual tables over any source of rows.
//
// A [table.Table] describes its columns, which of them its source can look up (keys), and yields rows for a
// [table.Query]. [Open] a [DB], attach tables in a schema, and query them. SQLite checks every condition again, so how
// a source uses a Query affects only the speed, never the result.
//
// If a statement scans a table once, the rows are streamed. If it scans a table repeatedly, such as the inner table of
// a join, the rows stay in memory until the statement ends (memory.go), so that the source is asked for the same rows
// only once.
//
// Of this module it may import crest and table. Start with [DB].
package engine
