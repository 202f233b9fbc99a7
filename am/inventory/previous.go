package inventory

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// Previous is what an earlier scan of the deployment found. If a list lacks one of these sessions, and AM still finds it by
// the name of its user, the list is truncated.
type Previous struct {
	// Sessions yields the sessions of a realm. It is called concurrently for several realms.
	Sessions func(ctx context.Context, realm string) iter.Seq2[PreviousSession, error]

	// Key returns what identifies a session in Sessions, for a handle.
	Key func(handle string) string
}

// A PreviousSession is a session of an earlier scan.
type PreviousSession struct {
	Username, IdentityType string

	Key string
	End time.Time // maximum expiration time; zero if unknown
}

// lacking are sessions of an earlier scan that a list lacks although they have not expired.
type lacking struct {
	previous *Previous
	keys     map[uint64]bool
	users    []string // some of their users, to look up
}

func (l lacking) has(session *rest.Session) bool {
	return len(l.keys) > 0 && l.keys[hash(l.previous.Key(session.Handle))]
}

// compare compares a list with the earlier scan. Half of the users to look up are those whose sessions expire last: they are
// the least likely to have logged out, and the first that a store omits if it returns its oldest entries. The other half is
// random.
func (r *realmScan) compare(ctx context.Context, list *handles) (l lacking, err error) {
	if r.query.Previous == nil {
		return l, nil
	}
	listed := make(map[uint64]bool, len(list.keys))
	for _, key := range list.keys {
		listed[key] = true
	}
	l.previous, l.keys = r.query.Previous, map[uint64]bool{}
	now := r.client.Now()
	last := few{order: func(a, b PreviousSession) int { return b.End.Compare(a.End) }}
	some := few{order: func(a, b PreviousSession) int { return cmp.Compare(hash(a.Key), hash(b.Key)) }}
	for s, err := range l.previous.Sessions(ctx, r.Realm) {
		if err != nil {
			return lacking{}, fmt.Errorf("the previous scan cannot be read: %w", err)
		}
		over := !s.End.IsZero() && !s.End.After(now)
		if over || s.Username == "" || !rest.FoundByName(s.IdentityType) || !r.has(s.Username) || listed[hash(s.Key)] {
			continue
		}
		l.keys[hash(s.Key)] = true
		last.add(s)
		some.add(s)
	}
	users := crest.Distinct(slices.Concat(last.users(probes/2), some.users(probes)))
	l.users = users[:min(len(users), probes)]
	return l, nil
}

// few collects the first sessions in an order, one per user.
type few struct {
	sessions []PreviousSession
	order    func(a, b PreviousSession) int
}

func (f *few) add(s PreviousSession) {
	if len(f.sessions) == probes && f.order(s, f.sessions[probes-1]) >= 0 {
		return
	}
	i := slices.IndexFunc(f.sessions, func(other PreviousSession) bool { return crest.Same(other.Username, s.Username) })
	switch {
	case i < 0:
		f.sessions = append(f.sessions, s)
	case f.order(s, f.sessions[i]) < 0:
		f.sessions[i] = s
	}
	slices.SortStableFunc(f.sessions, f.order)
	f.sessions = f.sessions[:min(len(f.sessions), probes)]
}

// users returns the users of the first n sessions.
func (f *few) users(n int) (names []string) {
	for _, s := range f.sessions[:min(n, len(f.sessions))] {
		names = append(names, s.Username)
	}
	return names
}
