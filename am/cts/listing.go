package cts

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// listing is one pass over the sessions that filters hold of. Where the server refuses a search because of the account's
// limits, it goes on with less at a time: in pages, and by windows of time.
type listing struct {
	store      *Store
	base       string
	filters    []string // each searched for; none means nothing
	attributes []string
	each       func(*ldap.Entry) error // of each entry once

	seen   map[[2]uint64]bool // nil where too many have been seen to remember
	whole  bool               // one search is under way that may find all, and has each once
	listed [][2]uint64        // by that search
}

// remembered is how many entries are remembered in case that the server stops a search and another has to follow.
const remembered = 1 << 20

func (l *listing) run(ctx context.Context) error {
	l.seen = map[[2]uint64]bool{}
	for _, filter := range l.filters {
		if err := l.all(ctx, filter); err != nil {
			return err
		}
	}
	return nil
}

// all is one search where the server allows that, else windows of the time at which the directory may drop an entry: that
// index every token store has. An entry moves only to a later time, when its session is used. As the oldest window comes
// first, it may be seen twice, and is never missed.
func (l *listing) all(ctx context.Context, filter string) error {
	l.whole = len(l.filters) == 1
	err := l.search(ctx, filter)
	if !narrower[code(err)] || l.seen == nil {
		return err
	}
	l.recall()
	return l.windows(ctx, filter, beginning, end)
}

// narrower are the refusals after which a smaller search can succeed.
var narrower = map[uint16]bool{
	ldap.LDAPResultInsufficientAccessRights: true, // unindexed: too many entries for the index
	ldap.LDAPResultAdminLimitExceeded:       true, // too many candidates
	ldap.LDAPResultTimeLimitExceeded:        true,
}

// No session ends before or after: a session that never ends has a time some decades from now.
var (
	beginning = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	end       = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// windows searches what lies from one time to before another, in halves where that is too much.
func (l *listing) windows(ctx context.Context, filter string, from, to time.Time) error {
	err := l.search(ctx, and(filter, window(from, to)))
	if half := to.Sub(from).Truncate(2*time.Second) / 2; narrower[code(err)] && half > 0 {
		middle := from.Add(half)
		if err := l.windows(ctx, filter, from, middle); err != nil {
			return err
		}
		return l.windows(ctx, filter, middle, to)
	}
	return err
}

// window includes the last millisecond: some times have a fraction.
func window(from, to time.Time) string {
	return "(coreTokenExpirationDate>=" + from.Format(generalized) + "Z)(coreTokenExpirationDate<=" + to.Add(-time.Second).Format(generalized) + ".999Z)"
}

// pageSize is below every limit that directories have by default: they count a page's entries.
const pageSize = 500

// search is one search, in pages where a limit on its size is known.
func (l *listing) search(ctx context.Context, filter string) error {
	request := &ldap.SearchRequest{BaseDN: l.base, Scope: ldap.ScopeSingleLevel, Filter: filter, Attributes: l.attributes}
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
				return errors.New("the server ignores that pages are asked for")
			}
			if len(next.Cookie) == 0 {
				return nil
			}
			paging.SetCookie(next.Cookie)
		}
	})
}

var seed = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// once hands on an entry that has not come before.
func (l *listing) once(e *ldap.Entry) error {
	if l.seen == nil {
		return l.each(e)
	}
	key := [2]uint64{maphash.String(seed[0], e.DN), maphash.String(seed[1], e.DN)}
	switch {
	case !l.whole:
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

// recall ends the search that may find all: another may follow.
func (l *listing) recall() {
	l.whole = false
	for _, key := range l.listed {
		l.seen[key] = true
	}
	l.listed = nil
}

// and joins filters, of which some may be empty.
func and(filters ...string) string {
	filters = slices.DeleteFunc(filters, func(f string) bool { return f == "" })
	if len(filters) == 1 && strings.Count(filters[0], "(") == 1 {
		return filters[0]
	}
	return "(&" + strings.Join(filters, "") + ")"
}
