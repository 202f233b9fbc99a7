// Package shell is the interactive shell: it reads SQL and dot commands from a terminal, completes them, keeps their
// history, and pages their output.
//
// It uses package workspace, which runs the SQL. Start with [Run].
package shell
