// Package terminal interacts with the person who runs a command: streams, notices and errors in one line each, the
// progress of a scan, and questions. It also protects the terminal from control characters in names that users choose.
//
// Of this module it imports only inventory, whose progress it draws. Start with [Streams].
package terminal
