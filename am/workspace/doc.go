// Package workspace provides SQL over connections: a schema for each connection and aggregator, tables of files, a
// history, and what DELETE, UPDATE and EXEC mean. The command line, the shell, reports and snapshots use it.
//
// It may import everything except cli, shell and a few others: see docs/architecture.md. Start with [Open].
package workspace
