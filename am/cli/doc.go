// Package cli is the amsql command line.
//
// There is a file for each command, with its options, its help, and what it does. Only rows go to standard output;
// notices and errors go to standard error, one per line. Only [Main] determines exit statuses.
//
// Start with [Main] and the list of commands in root.go.
package cli
