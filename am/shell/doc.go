// Package shell is the interactive shell: it reads SQL and dot commands from a terminal, completes them, keeps their
// history, and pages what they print.
//
// It stands on workspace, which runs the SQL. Start with [Run].
package shell
