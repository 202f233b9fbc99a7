package inventory

import (
	"sync"
	"sync/atomic"
)

// A Statement is what the queries of one statement share, so that each of its many lookups by name knows what earlier
// ones have found. It is safe for concurrent use. The zero value knows nothing.
type Statement struct {
	agents  sync.Map     // *agentList by realm and fields
	names   atomic.Int64 // number of names that have been looked up to find out whether users have them
	longest atomic.Int64 // length of the longest list of a realm for lookups
	logins  askedLogins
	changes atomic.Bool // see Change
}

// Change records that the sessions which the statement finds will be ended. NoteLogins then sends no notices about login
// names, but keeps them for CheckLogins.
func (s *Statement) Change() { s.changes.Store(true) }

// Saw records the length of the list of a realm that was requested for lookups.
func (s *Statement) Saw(rows int) { raise(&s.longest, int64(rows)) }

// raise makes a number at least as high as another.
func raise(to *atomic.Int64, least int64) {
	for {
		before := to.Load()
		if least <= before || to.CompareAndSwap(before, least) {
			return
		}
	}
}
