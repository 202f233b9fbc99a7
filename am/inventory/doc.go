// Package inventory makes the complete list of login sessions, or reports which part is missing. AM silently truncates
// lists (at 120 sessions by default) and has no paging: if the list of a realm may be truncated, each identity is
// looked up.
//
// It may import rest and crest. Start with [Inventory.Sessions], then scan.go and realm.go.
package inventory
