package inventory

import (
	"fmt"
	"hash/maphash"
	"sync"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// A fingerprint identifies a session in lists that overlap. It has only eight bytes, because a list may have a million
// rows.
type fingerprint uint64

// fingerprints returns a function that returns the fingerprints of the sessions of one list, which must be called for each
// of them, in order. Sessions without handles, which are equal in all that identifies them, are numbered: lists agree on
// how many a user has.
func fingerprints() func(*rest.Session) fingerprint {
	without := map[string]int{} // number of sessions without handles so far, by the Folds of user names
	return func(session *rest.Session) fingerprint {
		if session.Handle != "" {
			return fingerprint(hash(session.Handle))
		}
		user := crest.Fold(session.Username)
		without[user]++
		return fingerprint(hash(fmt.Sprintf("%d\x00%s", without[user], user)))
	}
}

var handleSeed = maphash.MakeSeed()

func hash(text string) uint64 { return maphash.String(handleSeed, text) }

// seen collects the sessions of a realm's list.
type seen struct {
	previous *Previous // may be nil
	identify func(*rest.Session) fingerprint
	sessions []fingerprint
	keys     []uint64 // fingerprints of the keys of previous
}

// add adds a session. It stores the key only for lists that may be probed, which are slow or short, because that takes
// longer.
func (s *seen) add(session *rest.Session, slow bool) {
	s.sessions = append(s.sessions, s.identify(session))
	if s.previous != nil && (slow || len(s.keys) < largestStoreLimit) {
		s.keys = append(s.keys, hash(s.previous.Key(session.Handle)))
	}
}

func (s *seen) handles() *handles {
	h := &handles{sent: make(map[fingerprint]bool, len(s.sessions)), keys: s.keys}
	for _, listed := range s.sessions {
		h.sent[listed] = false
	}
	return h
}

// handles contains the sessions that have been sent, and whether the list of their user contains them.
type handles struct {
	mu   sync.Mutex
	sent map[fingerprint]bool
	keys []uint64 // fingerprints of the keys of those in the list
}

// first reports whether a session in the list of its user has not been sent before.
func (h *handles) first(session fingerprint) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, before := h.sent[session]
	h.sent[session] = true
	return !before
}

// unfound reports whether the session is in the realm's list but not in its user's.
func (h *handles) unfound(session fingerprint) bool {
	found, listed := h.sent[session]
	return listed && !found
}

func (h *handles) anyUnfound() bool {
	for _, found := range h.sent {
		if !found {
			return true
		}
	}
	return false
}
