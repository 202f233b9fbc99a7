// Package terminal is the person at the other end of a command: the streams, notices and errors in a line each, the
// progress of a scan, questions, and what keeps a terminal safe from the names that users choose.
//
// Of this module it imports only inventory, whose progress it draws. Start with [Streams].
package terminal
