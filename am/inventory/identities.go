package inventory

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// namesAhead is how many names may wait to be looked up while the directory is read.
const namesAhead = 10_000

// expand looks up the sessions of each identity of a realm whose list is truncated.
func (r *realmScan) expand(ctx context.Context, listed listedUsers, sent *handles) error {
	group, ctx := errgroup.WithContext(ctx)
	names := make(chan string, namesAhead)
	group.Go(func() error {
		defer close(names)
		return r.name(ctx, listed, names)
	})
	group.Go(func() error {
		fields := r.fields(true)
		return r.askAll(ctx, names, func(ctx context.Context, name string) error {
			identify := fingerprints()
			rows, err := r.askUser(ctx, name, fields, func(session *rest.Session) bool {
				r.spelled(session, "")
				return r.expected(session, name) && sent.first(identify(session))
			})
			if doubt := r.doubt(rows); doubt != "" {
				r.cutSafely(fmt.Sprintf("of user %q %s", name, doubt))
			}
			if r.limit.unproven(rows) != "" && int64(rows) == r.longest.rows.Load() {
				r.cutSafely(fmt.Sprintf("the list of user %q has %d sessions, too", name, rows))
			}
			return err
		})
	})
	return group.Wait()
}

// expected reports whether a session that was found with a name in the shard also belongs to the shard. AM's directory
// treats more names as equal than those that differ in case. If a name finds the sessions of another user, the shard of
// that user may not know of it.
func (r *realmScan) expected(session *rest.Session, name string) bool {
	if r.has(session.Username) {
		return true
	}
	r.cutSafely(fmt.Sprintf("AM treats %q as %q, which another shard may not know", name, session.Username))
	return false
}

// name sends the name of each identity once: those that the realm's directory lists, and those in the truncated list
// that no directory lists (deleted users, administrators). If the account may not read the directory, the scan stays
// truncated.
func (r *realmScan) name(ctx context.Context, listed listedUsers, to chan<- string) error {
	sent := make(map[string]bool, len(listed))
	send := func(name string) error {
		key := crest.Fold(name)
		if sent[key] || !r.has(name) {
			return nil
		}
		sent[key] = true
		r.progress.identities.Add(1)
		select {
		case to <- name:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	d := directory{inventory: r.inventory, realm: r.Realm, asking: func() { r.progress.requests.Add(1) }, cut: func(_ int, reason string) { r.cutSafely(reason) }}
	for user, err := range d.users(ctx) {
		if rest.IsRefused(err) {
			r.cutSafely(fmt.Sprintf("identities cannot be listed (%v)", err))
			break
		}
		if err == nil {
			err = send(user.ID)
		}
		if err != nil {
			return err
		}
	}
	for _, user := range listed {
		if err := send(user.name); err != nil {
			return err
		}
	}
	return nil
}

// cutSafely records why sessions may be missing while identities are looked up concurrently.
func (r *realmScan) cutSafely(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.truncate(reason)
}
