package history

import "testing"

// stores are one of each kind, empty.
func stores(t testing.TB) []kept { return []kept{newSQLite(t)} }
