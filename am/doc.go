// Package am is the plugin: the tables over AM's login sessions, as Steampipe's SDK wants them for its four hosts, and
// as plain typed definitions for every other host.
package am
