// Package inventory makes the complete list of login sessions, or says which part is missing. AM cuts a list without a
// sign (at 120 sessions by default) and cannot page: a realm whose list may be cut is asked again identity by identity.
//
// It may import rest and crest. Start with [Inventory.Sessions], then scan.go and realm.go.
package inventory
