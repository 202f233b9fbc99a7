// Package cts reads sessions from AM's token store (Core Token Service): the LDAP directory in which AM keeps them. It lists
// all realms in one pass, without AM's cap, and where AM does not answer. It only reads, and it never asks for an attribute
// that holds a token unless Config.Objects allows that.
//
// It may import rest and redact, and knows neither tables nor SQL. Start with [Store.Sessions], then layout.go and listing.go.
package cts
