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

	"github.com/dustin/go-humanize/english"
	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// scan is one run of an inventory.
type scan struct {
	inventory *Inventory
	client    *rest.Client
	query     Query

	inStatement bool // other queries of the statement share Query.Statement

	rows     chan []*rest.Session
	mu       sync.Mutex
	evidence []*RealmScan
	failed   []*RealmScan
	progress progress
	longest  Longest

	unreadable unreadable
}

// named reports whether the query names users.
func (q Query) named() bool { return q.Usernames != nil || q.Logins != nil }

type progress struct {
	realms, realmsDone                   atomic.Int64
	identities, identitiesDone, sessions atomic.Int64
	requests                             atomic.Int64
}

func newScan(inv *Inventory, q Query) *scan {
	q.Usernames, q.Logins, q.Realms = crest.Distinct(q.Usernames), crest.Distinct(q.Logins), crest.Distinct(q.Realms)
	s := &scan{inventory: inv, client: inv.client, query: q, inStatement: q.Statement != nil, rows: make(chan []*rest.Session, 8)}
	if s.query.Statement == nil {
		s.query.Statement = &Statement{}
	}
	s.longest.Saw(int(s.query.Statement.Longest.rows.Load()))
	return s
}

// run lists all realms concurrently and yields their sessions, up to the limit.
func (s *scan) run(ctx context.Context) iter.Seq2[*rest.Session, error] {
	return func(yield func(*rest.Session, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		group, groupCtx := errgroup.WithContext(ctx)
		group.Go(func() error { return s.scanRealms(groupCtx) })
		failure := make(chan error, 1)
		go func() {
			failure <- group.Wait()
			close(s.rows)
		}()
		stopReporting := s.reportProgress()
		defer stopReporting()
		defer func() { // wait until everything has ended, even if it was stopped early
			cancel()
			for range s.rows {
			}
		}()
		var sent int64
		for batch := range s.rows {
			for _, session := range batch {
				if !yield(session, nil) {
					return
				}
				if sent++; sent == s.query.Limit {
					return
				}
			}
		}
		if err := <-failure; err != nil {
			yield(nil, err)
		}
	}
}

// scanRealms lists each realm of the query.
func (s *scan) scanRealms(ctx context.Context) error {
	if s.query.named() && len(s.query.Usernames)+len(s.query.Logins) == 0 {
		return nil
	}
	if s.inventory.options.Store != nil {
		return s.scanStore(ctx)
	}
	realms, err := s.realms(ctx)
	if err != nil || len(realms) == 0 {
		return err
	}
	limit, err := s.inventory.listCap(ctx)
	if err != nil {
		return err
	}
	s.progress.realms.Store(int64(len(realms)))
	scans := make([]*realmScan, len(realms))
	for i, realm := range realms {
		scans[i] = &realmScan{scan: s, RealmScan: &RealmScan{Realm: realm.path, Source: FromAM, Cap: limit.rows, CapKnown: limit.known, Completeness: Complete}, limit: limit}
	}
	err = s.each(ctx, realms, func(ctx context.Context, i int) error {
		err := scans[i].run(ctx)
		if err == nil && scans[i].later != nil {
			return nil
		}
		return s.settle(ctx, realms[i], err, scans[i])
	})
	if err != nil {
		return err
	}
	return s.each(ctx, realms, func(ctx context.Context, i int) error {
		if scans[i].later == nil {
			return nil
		}
		return s.settle(ctx, realms[i], scans[i].later(ctx), scans[i])
	})
}

// each calls a function for each realm, some of them concurrently.
func (s *scan) each(ctx context.Context, realms []target, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.client.MaxConcurrency())
	for i := range realms {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

// settle stores the evidence of a realm and decides what its error means.
func (s *scan) settle(ctx context.Context, realm target, err error, r *realmScan) error {
	if ctx.Err() != nil {
		return cmp.Or(context.Cause(ctx), ctx.Err())
	}
	r.Elapsed, r.Err = time.Since(r.Started), err
	r.Rows, r.Identities = r.rows.Load(), r.identities.Load()
	s.progress.realmsDone.Add(1)
	if err == nil {
		s.file(r.RealmScan, false)
		s.note(realm)
		return nil
	}
	if err = s.fault(ctx, realm, err); err == nil {
		return nil // a realm that does not exist has no evidence
	}
	r.truncate("it failed")
	tolerated := !s.query.Tolerant && s.tolerates(err, "sessions")
	s.file(r.RealmScan, tolerated)
	if tolerated || s.query.Tolerant {
		return nil
	}
	return err
}

// file stores the evidence of a realm; failed means that its failure has been reported.
func (s *scan) file(r *RealmScan, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evidence = append(s.evidence, r)
	if failed {
		s.failed = append(s.failed, r)
	}
}

// verdict reports, after all rows, what is missing: as an error, or as a notice if that is the policy.
func (s *scan) verdict() error {
	s.unreadable.note(s.inventory.options.Notify)
	if s.query.Limit > 0 && s.progress.sessions.Load() >= s.query.Limit {
		return nil // the limit was reached, so the rest does not matter
	}
	var cut, byUser, unproven []*RealmScan
	for _, r := range s.evidence {
		switch {
		case slices.Contains(s.failed, r):
		case r.Completeness == Truncated:
			cut = append(cut, r)
		case r.Completeness == ByUser && r.unproven:
			unproven = append(unproven, r)
		case r.Completeness == ByUser:
			byUser = append(byUser, r)
		}
	}
	options := s.inventory.options
	if options.OnTruncation == Strict {
		cut = slices.Concat(cut, byUser, unproven)
		byUser, unproven = nil, nil
	}
	if len(unproven) > 0 {
		options.NotifyUnproven(unprovenNotice(unproven))
	}
	if len(byUser) > 0 {
		options.NotifyByUser(byUserNotice(byUser))
	}
	if len(cut) == 0 {
		return nil
	}
	err := &TruncatedError{Realms: cut}
	if options.OnTruncation == Warn {
		options.Notify(err.Error())
		return nil
	}
	return err
}

// batchSize is how many rows are passed on together. The last batch of an answer is smaller.
const batchSize = 256

// unreadable counts sessions with times that could not be read.
type unreadable struct {
	count atomic.Int64
	first atomic.Pointer[string]
}

func (u *unreadable) add(session *rest.Session) {
	if session.Unreadable != "" {
		u.count.Add(1)
		text := fmt.Sprintf("%s in realm %s", session.Unreadable, session.Realm)
		u.first.CompareAndSwap(nil, &text)
	}
}

// note sends the notice about them, if there are any.
func (u *unreadable) note(notify func(notice string)) {
	if n := u.count.Load(); n > 0 {
		notify(fmt.Sprintf("%s with a time that cannot be read, such as %s: the time is NULL", english.Plural(int(n), "session", "sessions"), *u.first.Load()))
	}
}

// NoteUnreadable sends the notice that Sessions sends if sessions have times that cannot be read.
func (inv *Inventory) NoteUnreadable(sessions iter.Seq[*rest.Session]) {
	var u unreadable
	for session := range sessions {
		u.add(session)
	}
	u.note(inv.options.Notify)
}

// emit passes rows to the consumer.
func (s *scan) emit(ctx context.Context, batch []*rest.Session) error {
	if len(batch) == 0 {
		return nil
	}
	s.progress.sessions.Add(int64(len(batch)))
	for _, session := range batch {
		s.unreadable.add(session)
	}
	select {
	case s.rows <- batch:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

const progressInterval = 100 * time.Millisecond

// reportProgress calls the callback from time to time until it is stopped, and then once more.
func (s *scan) reportProgress() (stop func()) {
	if s.inventory.options.Progress == nil {
		return func() {}
	}
	report := func(done bool) {
		p := &s.progress
		now := Progress{
			Realms: int(p.realms.Load()), RealmsDone: int(p.realmsDone.Load()),
			Identities: p.identities.Load(), IdentitiesDone: p.identitiesDone.Load(),
			Sessions: p.sessions.Load(), Requests: p.requests.Load(), Done: done,
		}
		if done {
			now.Completeness = s.completeness()
		}
		s.inventory.options.Progress(now)
	}
	ticker, ended, gone := time.NewTicker(progressInterval), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-ticker.C:
				report(false)
			case <-ended:
				report(true)
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(ended)
		<-gone
	}
}

func (s *scan) completeness() map[Completeness]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	realms := map[Completeness]int{}
	for _, r := range s.evidence {
		realms[r.Completeness]++
	}
	return realms
}
