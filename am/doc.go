// Package am is the plugin: the tables over AM's login sessions, for the four hosts of Steampipe's SDK, and as plain
// typed definitions for every other host.
//
// It may import connection, crest, inventory, rest and table, and is the only package that imports the SDK. Start with
// [Plugin], or with definitions in table.go.
package am
