// Package am is the plugin: the tables over AM's login sessions, as Steampipe's SDK wants them for its four hosts, and
// as plain typed definitions for every other host.
//
// It may import connection, inventory, rest, crest and table, and it alone imports the SDK. Start with [Plugin], or with
// definitions in table.go for the tables.
package am
