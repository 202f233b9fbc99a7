package am

import (
	"context"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// Lookups answers the lookups of one statement.
func (b *bound[T]) Lookups() func(context.Context, table.Query) iter.Seq2[any, error] {
	t := b.tableOf
	if t.lookups != nil && b.connection.Options().Shard.Shards() == 1 {
		t.rows = t.lookups(t.rows)
	}
	return (&bound[T]{t, b.connection}).Rows
}

type rowsOf[T any] func(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*T, error]

const (
	// listAfter is the number of lookups by user name after which realms are listed instead.
	listAfter = 8

	// rowsPerLookup is how many rows of a list cost as much as one lookup; maxListed is how many rows a statement
	// keeps.
	rowsPerLookup, maxListed = 1000, 1_000_000
)

// byUser answers one statement's lookups by user name. Each needs a request for each realm, so after some lookups it
// lists the realms: a complete list answers all that follow. If a list is not complete, or AM may mistake a name for
// another, the name is still looked up. A list may be long and the names few, so it is read only when the lookups so
// far have cost as much, and, if that fails, again after eight times as many.
type byUser[T any] struct {
	// longest is the length of the longest list that answers for realms that are not in q.
	lookup func(ctx context.Context, c *connection.Connection, q table.Query, longest int) iter.Seq2[*T, error]
	list   func(ctx context.Context, c *connection.Connection, q table.Query, realm string, most int) (list[T], error)
	name   func(row *T) string
	spell  func(row *T, realm, username string) *T                                                 // returns a copy
	absent func(ctx context.Context, c *connection.Connection, realm string, names []string) error // is called for names without rows in a list; may be nil

	mu      sync.Mutex
	lookups int
	listed  int                      // number of rows
	realms  map[string]*realmList[T] // the realms of a query that names none, in lower case; nil until they are known
	failed  bool                     // only lookups can then report what is wrong
}

// A list contains all rows of a realm, or none if it is truncated or too long.
type list[T any] struct {
	rows     []*T
	complete bool
	tooLong  bool
}

type realmList[T any] struct {
	path     string
	complete bool
	rows     map[string][]*T // by user name in lower case
	listed   int             // number of rows
	tryAfter int             // number of lookups
}

// rows yields the rows of lists, and looks up the rest.
func (l *byUser[T]) rows(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*T, error] {
	names := q.Texts("username")
	if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return !plain(name) }) {
		return l.lookup(ctx, c, q, 0)
	}
	return func(yield func(*T, error) bool) {
		found, rest := l.find(ctx, c, q, names)
		for _, row := range found.rows {
			if !yield(row, nil) {
				return
			}
		}
		for realm, names := range found.absent {
			if err := l.absent(ctx, c, realm, names); err != nil {
				yield(nil, err)
				return
			}
		}
		if rest == nil {
			return
		}
		for row, err := range l.lookup(ctx, c, *rest, found.longest) {
			if !yield(row, err) {
				return
			}
		}
	}
}

// plain reports whether AM can only mistake a name for one that differs in the case of its letters.
func plain(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-@", r) {
			return false
		}
	}
	return name != ""
}

// found is what lists of realms contain.
type found[T any] struct {
	rows    []*T
	absent  map[string][]string // names without rows, by realm
	longest int                 // length of the longest list
}

// find returns what is in the lists of realms, and the query for the other realms, if there are any.
func (l *byUser[T]) find(ctx context.Context, c *connection.Connection, q table.Query, names []string) (f found[T], rest *table.Query) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lookups += len(names); l.failed || l.lookups < listAfter {
		return f, &q
	}
	asked, err := l.prepare(ctx, c, q)
	if err != nil {
		l.failed = true
		return f, &q
	}
	var unlisted []any
	for _, path := range asked {
		realm := l.realms[strings.ToLower(path)]
		if realm == nil || !realm.complete {
			unlisted = append(unlisted, path)
			continue
		}
		f.longest = max(f.longest, realm.listed)
		for _, name := range distinct(names) {
			rows := realm.rows[strings.ToLower(name)]
			for _, row := range rows {
				f.rows = append(f.rows, l.spell(row, path, name))
			}
			if rows == nil && l.absent != nil {
				if f.absent == nil {
					f.absent = map[string][]string{}
				}
				f.absent[path] = append(f.absent[path], name)
			}
		}
	}
	switch len(unlisted) {
	case 0:
		return f, nil
	case len(asked):
		return f, &q
	}
	q.Quals = slices.DeleteFunc(slices.Clone(q.Quals), func(qual table.Qual) bool { return qual.Column == "realm" })
	q.Quals = append(q.Quals, table.Qual{Column: "realm", Values: unlisted})
	return f, &q
}

// prepare lists the query's realms, if that is due, and returns their paths in the query's spelling.
func (l *byUser[T]) prepare(ctx context.Context, c *connection.Connection, q table.Query) (asked []string, err error) {
	if l.realms == nil {
		paths, err := c.Inventory().RealmPaths(ctx)
		if err != nil {
			return nil, err
		}
		l.realms = map[string]*realmList[T]{}
		for _, path := range paths {
			l.realms[strings.ToLower(path)] = &realmList[T]{path: path}
		}
	}
	if asked = distinct(q.Texts("realm")); asked == nil {
		for _, realm := range l.realms {
			asked = append(asked, realm.path)
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(c.Client().MaxConcurrency())
	most := min(l.lookups*rowsPerLookup, maxListed-l.listed)
	for _, path := range asked {
		realm := l.realms[strings.ToLower(path)]
		if realm == nil || realm.complete || l.lookups < realm.tryAfter {
			continue
		}
		realm.tryAfter = math.MaxInt
		group.Go(func() error {
			list, err := l.list(groupCtx, c, q, realm.path, most)
			if err != nil {
				return err
			}
			if list.tooLong && most < maxListed {
				realm.tryAfter = 8 * l.lookups
			}
			realm.complete, realm.listed, realm.rows = list.complete, len(list.rows), map[string][]*T{}
			for _, row := range list.rows {
				name := strings.ToLower(l.name(row))
				realm.rows[name] = append(realm.rows[name], row)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	l.listed = 0
	for _, realm := range l.realms {
		l.listed += realm.listed
	}
	return asked, nil
}

// distinct removes names that AM treats as equal to an earlier one.
func distinct(names []string) (kept []string) {
	seen := map[string]bool{}
	for _, name := range names {
		if key := strings.ToLower(name); !seen[key] {
			seen[key] = true
			kept = append(kept, name)
		}
	}
	return kept
}
