package inventory

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// realmScan is the part of a scan for one realm.
type realmScan struct {
	*scan
	*RealmScan
	limit listCap
	later func(context.Context) error // settles a doubt after all realms have been listed

	rows       atomic.Int64
	identities atomic.Int64
	mu         sync.Mutex // guards RealmScan while identities are looked up concurrently
}

func (r *realmScan) run(ctx context.Context) error {
	r.Started = time.Now()
	if r.query.named() {
		return r.named(ctx)
	}
	if narrow(r.query.Fields) && r.limit.rows > tallyFrom && r.inventory.options.Shard.Shards() == 1 {
		if complete, err := r.tally(ctx); complete || err != nil {
			return err
		}
	}
	return r.list(ctx)
}

// tallyFrom is the cap from which rows that contain only a name are counted before they are sent, so that a long list
// need not contain handles. Requesting a shorter list again costs little.
const tallyFrom = 1000

// narrow reports whether rows with the same user name are equal.
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

// has reports whether a user belongs to the scan's shard.
func (r *realmScan) has(username string) bool {
	return r.inventory.options.Shard.Has(r.Realm, username)
}

// tally lists the realm with only names. If the list is truncated, it sends nothing, and complete is false.
func (r *realmScan) tally(ctx context.Context) (complete bool, err error) {
	counts := map[string]int{}
	total := 0
	var took time.Duration
	for session, err := range r.ask(ctx, "", []string{rest.FieldUsername}, &took) {
		if err != nil {
			return false, err
		}
		counts[session.Username]++
		if total++; r.query.Limit > 0 && int64(total) == r.query.Limit {
			break
		}
	}
	doubtful := r.limit.reached(total) || r.limit.suspicious(total) || took >= r.inventory.timeLimit
	if enough := r.query.Limit > 0 && int64(total) == r.query.Limit; doubtful && !enough {
		return false, nil
	}
	r.longest.Saw(total)
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

// list sends the realm's list as it arrives. If it is truncated, it continues with the realm's identities.
func (r *realmScan) list(ctx context.Context) error {
	names, seen := listedUsers{}, &seen{previous: r.query.Previous, identify: fingerprints()}
	out := r.batch()
	total := 0
	var took time.Duration
	for session, err := range r.ask(ctx, "", r.fields(true), &took) {
		if err != nil {
			return err
		}
		if total++; !r.has(session.Username) {
			continue
		}
		names.add(session.Username)
		seen.add(session, took >= r.inventory.timeLimit)
		if err := out.add(ctx, r.spelled(session, "")); err != nil {
			return err
		}
	}
	if err := out.flush(ctx); err != nil {
		return err
	}
	r.longest.Saw(total)
	delete(names, "") // a session whose user has no name cannot be looked up
	if r.limit.reached(total) {
		return r.byUser(ctx, fmt.Sprintf("the list is truncated at %d", r.limit.rows), names, seen.handles())
	}
	if slow := took >= r.inventory.timeLimit; slow || r.limit.suspicious(total) {
		r.later = func(ctx context.Context) error { return r.settleList(ctx, total, took, names, seen.handles()) }
	}
	return nil
}

// settleList finds out whether a list below the cap is complete.
func (r *realmScan) settleList(ctx context.Context, total int, took time.Duration, listed listedUsers, sent *handles) (err error) {
	if r.doubted = r.doubt(total); r.doubted != "" {
		return r.byUser(ctx, r.doubted, listed, sent)
	}
	if r.doubted = cmp.Or(r.inventory.slow(total, took), r.unproven(total)); r.doubted == "" {
		return nil
	}
	cut := total == 0 // there is nobody to look up
	if !cut {
		cut, err = r.probe(ctx, listed, sent)
	}
	if err == nil && cut {
		r.doubted += ", and it is truncated"
		return r.byUser(ctx, r.doubted, listed, sent)
	}
	r.suspect(r.doubted)
	return err
}

// byUser completes a list that is or may be truncated for this reason by looking up each identity.
func (r *realmScan) byUser(ctx context.Context, reason string, listed listedUsers, sent *handles) error {
	r.Completeness, r.Reason = ByUser, reason
	if err := r.expand(ctx, listed, sent); err != nil {
		return err
	}
	return r.unfound(ctx, sent)
}

// ask sends a session query, counts it, and measures how long its search takes.
func (r *realmScan) ask(ctx context.Context, username string, fields []string, took *time.Duration) iter.Seq2[*rest.Session, error] {
	r.progress.requests.Add(1)
	atomic.AddInt64(&r.Requests, 1)
	return r.inventory.list(ctx, rest.SessionQuery{Realm: r.Realm, Username: username, Fields: fields}, took)
}

// fields returns the fields to request. The realm is known, and properties are returned only if all fields are
// requested. A row must contain at least one field, or AM refuses the query. If lists may overlap, the handle
// distinguishes sessions.
func (r *realmScan) fields(overlapping bool) []string {
	if r.query.Fields == nil || slices.Contains(r.query.Fields, rest.FieldProperties) {
		return nil
	}
	fields := slices.DeleteFunc(slices.Clone(r.query.Fields), func(field string) bool {
		return field == rest.FieldRealm || rest.IsStored(field)
	})
	if overlapping {
		fields = append(fields, rest.FieldUsername, rest.FieldHandle)
	}
	if len(fields) == 0 {
		fields = []string{rest.FieldUsername}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// spelled changes a row to the query's spelling.
func (r *realmScan) spelled(session *rest.Session, username string) *rest.Session {
	session.Realm = r.Realm
	if username != "" {
		session.Username = username
	}
	return session
}

// askAll calls a function for each name concurrently, until the channel is closed.
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

// named lists the sessions of the users and agents that the query names.
func (r *realmScan) named(ctx context.Context) error {
	r.byName = true
	byLogin := r.query.Usernames == nil // rows then have AM's own spelling
	names := slices.Clone(r.query.Usernames)
	if byLogin {
		var err error
		if names, err = r.inventory.namesOf(ctx, r.Realm, r.query.Logins); err != nil {
			return err
		}
	}
	// AM treats an empty name as a match for every user.
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" || !r.has(name) })
	if len(names) == 0 {
		return nil
	}
	queue := make(chan string, len(names))
	for _, name := range names {
		r.progress.identities.Add(1)
		queue <- name
	}
	close(queue)
	var doubtful []listedUser
	var none []string
	sent := &handles{sent: map[fingerprint]bool{}}
	err := r.askAll(ctx, queue, func(ctx context.Context, name string) error {
		identify := fingerprints()
		rows, err := r.askUser(ctx, name, r.fields(true), func(session *rest.Session) bool {
			first := sent.first(identify(session))
			if r.spelled(session, ""); !byLogin {
				r.spelled(session, name)
			}
			return first
		})
		r.longest.Saw(rows)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.limit.suspicious(rows) {
			doubtful = append(doubtful, listedUser{name, rows})
		}
		if rows == 0 {
			none = append(none, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	if doubtful != nil {
		r.settleLater(func(ctx context.Context) error { return r.doubtUsers(ctx, doubtful) })
	}
	if byLogin {
		return nil
	}
	if err := r.inventory.NoteLogins(ctx, r.query.Statement, r.Realm, none); err != nil {
		return err
	}
	return r.agents(ctx, names, none, sent)
}

// settleLater settles a doubt after all realms have been listed.
func (r *realmScan) settleLater(settle func(context.Context) error) {
	before := r.later
	r.later = func(ctx context.Context) error {
		if before != nil {
			if err := before(ctx); err != nil {
				return err
			}
		}
		return settle(ctx)
	}
}

// askUser lists a user's sessions, sends those that are wanted, and returns how many there are.
func (r *realmScan) askUser(ctx context.Context, name string, fields []string, wanted func(*rest.Session) bool) (rows int, err error) {
	out := r.batch()
	var took time.Duration
	for session, err := range r.ask(ctx, name, fields, &took) {
		if err != nil {
			return 0, err
		}
		rows++
		if wanted(session) {
			if err := out.add(ctx, session); err != nil {
				return 0, err
			}
		}
	}
	if err := out.flush(ctx); err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.limit.reached(rows):
		r.cutUser(name)
	case r.byName && took >= r.inventory.timeLimit: // what is not by name has a notice already
		r.suspect(fmt.Sprintf("AM took %s or longer to list a user's sessions, and stops searching the token store after that time", r.inventory.timeLimit))
	}
	return rows, nil
}

// batch collects rows of one list before they go to the consumer.
type batch struct {
	realm *realmScan
	rows  []*rest.Session
}

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
