package inventory

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// realmScan is one realm's part of a scan.
type realmScan struct {
	*scan
	*RealmScan
	limit listCap

	rows       atomic.Int64
	identities atomic.Int64
	mu         sync.Mutex // guards RealmScan while identities are asked side by side
}

func (r *realmScan) run(ctx context.Context) error {
	r.Started = time.Now()
	defer func() {
		r.Rows, r.Identities = r.rows.Load(), r.identities.Load()
	}()
	if r.query.Usernames != nil {
		names := make(chan string, len(r.query.Usernames))
		for _, name := range r.query.Usernames {
			if r.has(name) {
				r.progress.identities.Add(1)
				names <- name
			}
		}
		close(names)
		return r.askAll(ctx, names, r.askNamed)
	}
	if narrow(r.query.Fields) && r.limit.rows > tallyFrom && r.inventory.options.Shard.Shards() == 1 {
		if whole, err := r.tally(ctx); whole || err != nil {
			return err
		}
	}
	return r.list(ctx)
}

// tallyFrom is the cap from which rows that hold only a name are counted before they are sent on, so that a large
// list need not carry handles. A shorter list costs nothing to fetch again.
const tallyFrom = 1000

// narrow reports whether rows with the same user name are the same.
func narrow(fields []string) bool {
	if fields == nil {
		return false
	}
	for _, field := range fields {
		if field != rest.FieldUsername && field != rest.FieldRealm {
			return false
		}
	}
	return true
}

// has reports whether a user is in the scan's shard.
func (r *realmScan) has(username string) bool {
	return r.inventory.options.Shard.Has(r.Realm, username)
}

// tally lists the realm by names alone. Where the list is cut, nothing of it has been sent, and whole is false.
func (r *realmScan) tally(ctx context.Context) (whole bool, err error) {
	counts := map[string]int{}
	total := 0
	for session, err := range r.ask(ctx, "", []string{rest.FieldUsername}) {
		if err != nil {
			return false, err
		}
		counts[session.Username]++
		if total++; r.query.Limit > 0 && int64(total) == r.query.Limit {
			break
		}
	}
	if r.limit.reached(total) && int64(total) != r.query.Limit {
		return false, nil
	}
	out := r.batch()
	for name, n := range counts {
		session := &rest.Session{Username: name, Realm: r.Realm}
		for range n {
			if err := out.add(ctx, session); err != nil {
				return true, err
			}
		}
	}
	return true, out.flush(ctx)
}

// list sends the realm's list on as it comes, and where it is cut goes on with the realm's identities.
func (r *realmScan) list(ctx context.Context) error {
	names := map[string]string{} // by their Fold; as the list spells them
	out := r.batch()
	total := 0
	for session, err := range r.ask(ctx, "", r.fields(true)) {
		if err != nil {
			return err
		}
		if total++; !r.has(session.Username) {
			continue
		}
		if total <= r.limit.rows { // beyond, the names no longer matter: the cap is not what it seems
			names[crest.Fold(session.Username)] = session.Username
		}
		out.remember(session)
		if err := out.add(ctx, r.spelled(session, "")); err != nil {
			return err
		}
	}
	if err := out.flush(ctx); err != nil || !r.limit.reached(total) {
		return err
	}
	r.Completeness = ByUser
	delete(names, "") // a session whose user has no name cannot be asked for
	return r.expand(ctx, names, out.seen())
}

// ask is one session query, counted.
func (r *realmScan) ask(ctx context.Context, username string, fields []string) func(func(*rest.Session, error) bool) {
	r.progress.requests.Add(1)
	atomic.AddInt64(&r.Requests, 1)
	return r.client.Sessions(ctx, rest.SessionQuery{Realm: r.Realm, Username: username, Fields: fields})
}

// fields are those to ask for. The realm is known, and properties come only where nothing is left out. A row must hold
// something, or AM refuses; the handle tells sessions apart where lists may overlap.
func (r *realmScan) fields(overlapping bool) []string {
	if r.query.Fields == nil || slices.Contains(r.query.Fields, rest.FieldProperties) {
		return nil
	}
	fields := slices.DeleteFunc(slices.Clone(r.query.Fields), func(field string) bool { return field == rest.FieldRealm })
	if overlapping {
		fields = append(fields, rest.FieldUsername, rest.FieldHandle)
	}
	if len(fields) == 0 {
		fields = []string{rest.FieldUsername}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// spelled gives a row the query's spelling.
func (r *realmScan) spelled(session *rest.Session, username string) *rest.Session {
	session.Realm = r.Realm
	if username != "" {
		session.Username = username
	}
	return session
}

// askAll asks for each name, side by side, until the names are closed.
func (r *realmScan) askAll(ctx context.Context, names <-chan string, one func(context.Context, string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for range r.client.MaxConcurrency() {
		group.Go(func() error {
			for name := range names {
				r.identities.Add(1)
				if err := one(ctx, name); err != nil {
					return err
				}
				r.progress.identitiesDone.Add(1)
			}
			return nil
		})
	}
	return group.Wait()
}

// askNamed lists the sessions of a user that the query names.
func (r *realmScan) askNamed(ctx context.Context, name string) error {
	if name == "" {
		return nil // AM takes an empty name for every user
	}
	return r.askUser(ctx, name, r.fields(false), func(session *rest.Session) bool {
		r.spelled(session, name)
		return true
	})
}

// askUser lists a user's sessions and sends on those that are wanted.
func (r *realmScan) askUser(ctx context.Context, name string, fields []string, wanted func(*rest.Session) bool) error {
	out := r.batch()
	total := 0
	for session, err := range r.ask(ctx, name, fields) {
		if err != nil {
			return err
		}
		total++
		if wanted(session) {
			if err := out.add(ctx, session); err != nil {
				return err
			}
		}
	}
	if r.limit.reached(total) {
		r.mu.Lock()
		r.UsersCut++
		r.cut(fmt.Sprintf("the list of user %q is cut, too", name))
		r.mu.Unlock()
	}
	return out.flush(ctx)
}

// batch collects rows of one list on their way to the consumer.
type batch struct {
	realm   *realmScan
	rows    []*rest.Session
	handles []uint64
}

var handleSeed = maphash.MakeSeed()

func (r *realmScan) batch() *batch { return &batch{realm: r} }

func (b *batch) add(ctx context.Context, session *rest.Session) error {
	if b.rows = append(b.rows, session); len(b.rows) < batchSize {
		return nil
	}
	return b.flush(ctx)
}

func (b *batch) flush(ctx context.Context) error {
	rows := b.rows
	b.rows = nil
	b.realm.rows.Add(int64(len(rows)))
	return b.realm.emit(ctx, rows)
}

// remember keeps a fingerprint of the session's handle: eight bytes, for lists of a million.
func (b *batch) remember(session *rest.Session) {
	b.handles = append(b.handles, maphash.String(handleSeed, session.Handle))
}

func (b *batch) seen() *handles {
	h := &handles{seen: make(map[uint64]struct{}, len(b.handles))}
	for _, fingerprint := range b.handles {
		h.seen[fingerprint] = struct{}{}
	}
	return h
}

// handles are the sessions that have been sent on.
type handles struct {
	mu   sync.Mutex
	seen map[uint64]struct{}
}

// first reports whether the session has not come before.
func (h *handles) first(session *rest.Session) bool {
	fingerprint := maphash.String(handleSeed, session.Handle)
	h.mu.Lock()
	defer h.mu.Unlock()
	_, before := h.seen[fingerprint]
	h.seen[fingerprint] = struct{}{}
	return !before
}
