// Package cli is the amsql command line.
//
// A command is a file: its options, what it does with them, its help. Rows go to standard output and nothing else does;
// notices and errors go to standard error, a line each. [Main] alone decides exit statuses.
//
// It may import everything. Start with [Main] and the list of commands in root.go.
package cli
