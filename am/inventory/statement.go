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
	logins  askedLogins
	changes atomic.Bool // see Change

	Longest Longest // of the lists of realms for lookups
}

// Change records that the sessions which the statement finds will be ended. NoteLogins then sends no notices about login
// names, but keeps them for CheckLogins.
func (s *Statement) Change() { s.changes.Store(true) }

// Longest is the length of the longest list so far. Caps and limits apply to the whole deployment, so no shorter list has
// reached one. It is safe for concurrent use.
type Longest struct{ rows atomic.Int64 }

// Saw records the length of a list, and reports whether an earlier one was longer.
func (l *Longest) Saw(rows int) (shorter bool) {
	for {
		before := l.rows.Load()
		if shorter = int64(rows) < before; shorter || l.rows.CompareAndSwap(before, int64(rows)) {
			return shorter
		}
	}
}

func (l *Longest) exceeds(rows int) bool { return int64(rows) < l.rows.Load() }
