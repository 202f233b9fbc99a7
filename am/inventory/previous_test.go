package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// scanned returns an earlier scan that found these sessions, identified by their handles.
func scanned(sessions []inventory.PreviousSession, err error) *inventory.Previous {
	return &inventory.Previous{
		Key: keyOf,
		Sessions: func(_ context.Context, realm string) iter.Seq2[inventory.PreviousSession, error] {
			return func(yield func(inventory.PreviousSession, error) bool) {
				if err != nil {
					yield(inventory.PreviousSession{}, err)
					return
				}
				for _, s := range sessions {
					if realm != "/alpha" || !yield(s, nil) {
						return
					}
				}
			}
		},
	}
}

func keyOf(handle string) string { return "key of " + handle }

func earlier(s simulator.Session) inventory.PreviousSession {
	return inventory.PreviousSession{Username: strings.ToLower(s.Username), IdentityType: "user", Key: keyOf(s.Handle), End: s.End}
}

// ended returns n sessions, each of another user, that AM no longer has.
func ended(n int, end time.Time, of string) (sessions []inventory.PreviousSession) {
	for i := range n {
		name := fmt.Sprintf("%s%d", of, i)
		sessions = append(sessions, inventory.PreviousSession{Username: name, IdentityType: "user", Key: "ended " + name, End: end})
	}
	return sessions
}

// A list that may be truncated is compared with an earlier scan: some of the users whose sessions it lacks are looked
// up.
func TestAListThatMayBeCutIsComparedWithAnEarlierScan(t *testing.T) {
	const sessions, stops = 150, 137
	soon := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		store
		earlier   func(listed, hidden []inventory.PreviousSession) []inventory.PreviousSession
		err       error
		confirmed int
		again     bool // whether a missing user has logged in again before being looked up

		cut      bool
		requests int64 // number of requests if the list is not truncated
		reason   string
	}{
		"the same sessions": {
			earlier:  func(listed, _ []inventory.PreviousSession) []inventory.PreviousSession { return listed },
			requests: 1 + 8,
		},
		"others, which have ended": {
			earlier: func(listed, _ []inventory.PreviousSession) []inventory.PreviousSession {
				return append(ended(1000, soon, "gone-"), listed...)
			},
			requests: 1 + 8 + 8,
		},
		"others, whose time is over": {
			earlier: func(listed, _ []inventory.PreviousSession) []inventory.PreviousSession {
				return append(ended(1000, time.Now().Add(-time.Minute), "gone-"), listed...)
			},
			requests: 1 + 8,
		},
		"agents, whom no name finds": {
			earlier: func(listed, _ []inventory.PreviousSession) []inventory.PreviousSession {
				agents := ended(20, soon, "agent-")
				for i := range agents {
					agents[i].IdentityType = "agent"
				}
				return append(agents, listed...)
			},
			requests: 1 + 8,
		},
		"others, and the users have logged in again": {
			earlier: func(listed, _ []inventory.PreviousSession) []inventory.PreviousSession {
				return append(ended(10, soon, "alpha-4"), listed...)
			},
			requests: 1 + 8 + 8,
		},
		"others, and one logs in again just now": {
			earlier: func(listed, _ []inventory.PreviousSession) []inventory.PreviousSession {
				return append(ended(1, soon, "alpha-4"), listed...)
			},
			again:    true,
			requests: 1 + 8 + 1 + 1,
		},
		"some that are hidden": {
			store:   store{stops: stops},
			earlier: func(_, hidden []inventory.PreviousSession) []inventory.PreviousSession { return hidden },
			cut:     true,
		},
		"one that is hidden, and nobody else has a session that lasts as long": {
			store: store{stops: stops},
			earlier: func(_, hidden []inventory.PreviousSession) []inventory.PreviousSession {
				return append(ended(1000, hidden[0].End.Add(-time.Minute), "gone-"), hidden[0])
			},
			cut: true,
		},
		"some that are hidden, and seven that have ended and would have lasted longer": {
			store: store{stops: stops},
			earlier: func(_, hidden []inventory.PreviousSession) []inventory.PreviousSession {
				return append(ended(7, hidden[0].End.Add(time.Minute), "gone-"), hidden...)
			},
			cut: true,
		},
		"some that a search hides that took too long": {
			store:   store{late: 90, slow: true},
			earlier: func(_, hidden []inventory.PreviousSession) []inventory.PreviousSession { return hidden },
			cut:     true,
		},
		"nothing, because it cannot be read": {
			err:      errors.New("the disk is gone"),
			requests: 1 + 8,
			reason:   ", and the previous scan cannot be read: the disk is gone",
		},
		"some that are hidden by the cap that is configured": {
			store:     store{stops: stops},
			earlier:   func(_, hidden []inventory.PreviousSession) []inventory.PreviousSession { return hidden },
			confirmed: 5000,
			requests:  1,
		},
	} {
		c.server = populated(t, 5000, 1, map[string]int{"/alpha": sessions})
		var before []inventory.PreviousSession
		for _, s := range c.server.Sessions() {
			if s.Realm == "/alpha" {
				before = append(before, earlier(s))
			}
		}
		q := inventory.Query{Realms: []string{"/alpha"}, Previous: scanned(nil, c.err)}
		if c.err == nil {
			q.Previous = scanned(c.earlier(before[:stops], before[stops:]), nil)
		}
		if c.again {
			c.asked = sync.OnceFunc(func() {
				_, err := c.server.Login("/alpha", "alpha-40")
				must(t, err)
			})
		}
		realms, err := evidenceOf(t, c.store, inventory.Options{ListCap: c.confirmed}, q)
		must(t, err)
		r := realms["/alpha"]
		if cut := strings.Contains(r.Reason, ", and it is truncated"); cut != c.cut || cut != (r.Rows == sessions && r.Identities >= sessions) && c.stops > 0 {
			t.Errorf("%s: %d sessions, %s, %q, want it cut: %t", name, r.Rows, r.Completeness, r.Reason, c.cut)
		}
		if !c.cut && r.Requests != c.requests || !strings.HasSuffix(r.Reason, c.reason) || (r.Completeness == inventory.Complete) != (c.confirmed > 0) {
			t.Errorf("%s: %s, %q after %d requests, want %d", name, r.Completeness, r.Reason, r.Requests, c.requests)
		}
	}
}

// Each shard compares its own users.
func TestAShardIsComparedWithItsPartOfAnEarlierScan(t *testing.T) {
	s := store{server: populated(t, 5000, 1, map[string]int{"/alpha": 150}), stops: 137}
	var before []inventory.PreviousSession
	for _, session := range s.server.Sessions() {
		if session.Realm == "/alpha" {
			before = append(before, earlier(session))
		}
	}
	found := int64(0)
	for i := range 2 {
		shard := inventory.Shard{Index: i, Count: 2}
		others := slices.DeleteFunc(slices.Clone(before), func(p inventory.PreviousSession) bool { return shard.Has("/alpha", p.Username) })
		realms, err := evidenceOf(t, s, inventory.Options{Shard: shard}, inventory.Query{Realms: []string{"/alpha"}, Previous: scanned(others, nil)})
		must(t, err)
		if r := realms["/alpha"]; r.Requests != 1+8 {
			t.Errorf("shard %s asks %d times for what others are to ask for", shard, r.Requests)
		}
		realms, err = evidenceOf(t, s, inventory.Options{Shard: shard}, inventory.Query{Realms: []string{"/alpha"}, Previous: scanned(before, nil)})
		must(t, err)
		found += realms["/alpha"].Rows
	}
	if found != 150 {
		t.Errorf("the shards have %d sessions of 150", found)
	}
}
