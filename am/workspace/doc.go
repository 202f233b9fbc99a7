// Package workspace is SQL over connections: a schema for each connection and aggregator, tables of files, a history beside
// them, and what DELETE, UPDATE and EXEC mean. The command line, the shell, reports and snapshots use it.
//
// It may import everything but shell and cli. Start with [Open].
package workspace
