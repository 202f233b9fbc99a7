// Package cts reads sessions from AM's token store (Core Token Service), the LDAP directory in which AM stores them. It
// lists all realms in one pass, without AM's cap, and even while AM does not respond. It only reads, and never requests
// an attribute that contains a token unless Config.Objects allows that.
//
// It may import rest and redact, and knows neither tables nor SQL. Start with [Store.Sessions], then layout.go and
// listing.go.
package cts
