package cts

import (
	"context"
	"errors"
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// listing is one pass over sessions. If the server refuses a search because of the account's limits, the listing
// continues with smaller searches: in pages, and by windows of time.
type listing struct {
	store      *Store
	base       string
	attributes []string
	sample     int                     // stop after this number of entries; 0 means all
	each       func(*ldap.Entry) error // called once for each entry

	found  int                // number of entries so far; some may count twice
	seen   map[[2]uint64]bool // nil if there are too many to remember
	single bool               // a single search is running that may return all entries, each once
	listed [][2]uint64        // entries returned by that search
}

// remembered is the maximum number of entries to remember, in case the server stops a search and another has to follow.
const remembered = 1 << 20

// run lists the entries that match one of the filters.
func (l *listing) run(ctx context.Context, filters ...string) error {
	l.seen = map[[2]uint64]bool{}
	for _, filter := range filters {
		l.single = len(filters) == 1
		if err := l.all(ctx, filter); err != nil {
			return err
		}
	}
	return nil
}

// all uses one search if the server allows it, otherwise windows of the time at which the directory may drop an entry,
// for which every token store has an index. That time changes only when a session is used, and then it becomes later.
// Because the oldest window comes first, an entry may be seen twice but is never missed.
func (l *listing) all(ctx context.Context, filter string) error {
	err := l.search(ctx, filter)
	if !narrower[code(err)] || l.seen == nil {
		return err
	}
	l.recall()
	for from, to := range spans(l.store.config.Now().Truncate(time.Second)) {
		if err := l.windows(ctx, expiration, filter, from, to); err != nil {
			return err
		}
	}
	return nil
}

// narrower are the result codes after which a smaller search may succeed.
var narrower = map[uint16]bool{
	ldap.LDAPResultInsufficientAccessRights: true, // too many entries to use the index
	ldap.LDAPResultAdminLimitExceeded:       true, // too many candidates
	ldap.LDAPResultTimeLimitExceeded:        true,
}

// No session ends before the beginning, and hardly any after the end: a session that never ends has a time some decades
// from now.
var (
	beginning = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	end       = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// spanEnds are the ends of the spans, relative to now. Most sessions end within the hour, and nearly all within a
// month.
var spanEnds = []time.Duration{0, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 30 * 24 * time.Hour}

// spans yields windows that cover all time, shorter ones closer to now. Simply halving all time would be slow: the
// server would use its full time limit to refuse each half.
func spans(now time.Time) iter.Seq2[time.Time, time.Time] {
	return func(yield func(from, to time.Time) bool) {
		from := beginning
		for _, ahead := range spanEnds {
			if !yield(from, now.Add(ahead)) {
				return
			}
			from = now.Add(ahead)
		}
		yield(from, end)
	}
}

// windows searches the entries from one time until just before another. If that is too much, it searches each half.
func (l *listing) windows(ctx context.Context, attribute, filter string, from, to time.Time) error {
	err := l.search(ctx, and(filter, window(attribute, from, to)))
	if !narrower[code(err)] || l.seen == nil {
		return err
	}
	l.recall()
	half := to.Sub(from).Truncate(2*time.Second) / 2
	if half == 0 {
		return err
	}
	middle := from.Add(half)
	if err := l.windows(ctx, attribute, filter, from, middle); err != nil {
		return err
	}
	return l.windows(ctx, attribute, filter, middle, to)
}

// window returns a filter for a window. It includes the last millisecond, because some times have a fraction, and the
// last window includes everything after it.
func window(attribute string, from, to time.Time) string {
	filter := "(" + attribute + ">=" + from.Format(generalized) + "Z)"
	if !to.Before(end) {
		return filter
	}
	return filter + "(" + attribute + "<=" + to.Add(-time.Second).Format(generalized) + ".999Z)"
}

// pageSize is below the default limits of all directories, which count the entries of a page.
const pageSize = 500

// search runs one search, in pages if it is known that the server limits its size.
func (l *listing) search(ctx context.Context, filter string) error {
	request := &ldap.SearchRequest{BaseDN: l.base, Scope: ldap.ScopeSingleLevel, Filter: filter, Attributes: l.attributes, SizeLimit: l.sample}
	if l.sample > 0 {
		_, err := l.store.search(ctx, request, func(e *ldap.Entry) error {
			if l.found >= l.sample {
				return errEnough // the server ignores the limit
			}
			return l.once(e)
		})
		if l.found > 0 && (err == nil || code(err) == ldap.LDAPResultSizeLimitExceeded) {
			return errEnough
		}
		return err
	}
	if !l.store.paged.Load() {
		_, err := l.store.search(ctx, request, l.once)
		if code(err) != ldap.LDAPResultSizeLimitExceeded || l.seen == nil {
			return err
		}
		l.store.paged.Store(true)
	}
	l.recall()
	paging := ldap.NewControlPaging(pageSize)
	request.Controls = []ldap.Control{paging}
	return l.store.using(ctx, func(c *connection) error {
		for {
			controls, err := l.store.searchOn(ctx, c, request, l.once)
			if err != nil {
				return err
			}
			next, ok := ldap.FindControl(controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
			if !ok {
				return errors.New("the server ignores the request for pages")
			}
			if len(next.Cookie) == 0 {
				return nil
			}
			paging.SetCookie(next.Cookie)
		}
	})
}

var seed = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// once passes on an entry that has not been seen before.
func (l *listing) once(e *ldap.Entry) error {
	l.found++
	if l.seen == nil {
		return l.each(e)
	}
	key := [2]uint64{maphash.String(seed[0], e.DN), maphash.String(seed[1], e.DN)}
	switch {
	case !l.single:
		if l.seen[key] {
			return nil
		}
		l.seen[key] = true
	case len(l.listed) == remembered:
		l.seen, l.listed = nil, nil
	default:
		l.listed = append(l.listed, key)
	}
	return l.each(e)
}

// recall ends the search that may return all entries, because another may follow.
func (l *listing) recall() {
	l.single = false
	for _, key := range l.listed {
		l.seen[key] = true
	}
	l.listed = nil
}

// and combines filters, some of which may be empty.
func and(filters ...string) string {
	filters = slices.DeleteFunc(filters, func(f string) bool { return f == "" })
	if len(filters) == 1 && strings.Count(filters[0], "(") == 1 {
		return filters[0]
	}
	return "(&" + strings.Join(filters, "") + ")"
}
