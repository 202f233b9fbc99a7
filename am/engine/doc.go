// Package engine is the embedded SQL: SQLite (without cgo) whose tables are virtual tables over any source of rows.
//
// A [table.Table] says its columns, which of them its source can look up (keys), and yields rows for a [table.Query].
// [Open] a [DB], attach tables under a schema, and query them. SQLite checks every condition again,
// so what a source makes of a Query is an optimisation and never a matter of correctness.
//
// A scan that a statement runs once is streamed. What it runs more than once, such as the inner table of a join, stays in
// memory while the statement lasts (memory.go), so that a source is asked once for the same rows.
//
// Of this module it may import table, and crest for how names compare. Start with [DB].
package engine
