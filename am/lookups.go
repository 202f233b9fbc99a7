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
	if options := b.connection.Options(); t.lookups != nil && options.Shard.Shards() == 1 && options.Store == nil { // a store finds users by an index
		t.rows = t.lookups(t.rows)
	}
	return (&bound[T]{t, b.connection}).Rows
}

type rowsOf[T any] func(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*T, error]

const (
	// listAfter is how many lookups by user name are made before realms are listed to answer more of them.
	listAfter = 8

	// rowsPerLookup is how many rows of a list are worth a lookup, maxListed how many a statement keeps.
	rowsPerLookup, maxListed = 1000, 1_000_000
)

// byUser answers one statement's lookups by user name. Each takes a request for each realm, so after some of them it lists
// the realms: a list that is complete answers all that follow. If it is not, or a name is one that AM may take for
// another, each name is still asked for. A list can be long and the names few, so it is read only if
// the lookups so far have been worth it, and tried again after eight times as many.
type byUser[T any] struct {
	// longest is the length of the longest list that answers for realms that are not in q.
	lookup func(ctx context.Context, c *connection.Connection, q table.Query, longest int) iter.Seq2[*T, error]
	list   func(ctx context.Context, c *connection.Connection, q table.Query, realm string, most int) (list[T], error)
	name   func(row *T) string
	spell  func(row *T, realm, username string) *T // a copy

	mu      sync.Mutex
	lookups int
	listed  int                      // rows
	realms  map[string]*realmList[T] // those that a query without realms asks, by lower case; nil until they are known
	failed  bool                     // so that only lookups can tell what is wrong
}

// A list is all rows of a realm, or none if it is cut or too long.
type list[T any] struct {
	rows     []*T
	complete bool
	tooLong  bool
}

type realmList[T any] struct {
	path     string
	complete bool
	rows     map[string][]*T // by user name in lower case
	listed   int             // rows
	tryAfter int             // lookups
}

// rows gives what is listed, and looks up the rest.
func (l *byUser[T]) rows(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*T, error] {
	names := q.Texts("username")
	if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return !plain(name) }) {
		return l.lookup(ctx, c, q, 0)
	}
	return func(yield func(*T, error) bool) {
		found, rest, longest := l.find(ctx, c, q, names)
		for _, row := range found {
			if !yield(row, nil) {
				return
			}
		}
		if rest == nil {
			return
		}
		for row, err := range l.lookup(ctx, c, *rest, longest) {
			if !yield(row, err) {
				return
			}
		}
	}
}

// plain reports whether a name is none that AM may take for one in other letters than those of the other case.
func plain(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-@", r) {
			return false
		}
	}
	return name != ""
}

// find returns the rows of the realms that are listed and the longest of their lists, and the query for the others, if there are any.
func (l *byUser[T]) find(ctx context.Context, c *connection.Connection, q table.Query, names []string) (found []*T, rest *table.Query, longest int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lookups += len(names); l.failed || l.lookups < listAfter {
		return nil, &q, 0
	}
	asked, err := l.prepare(ctx, c, q)
	if err != nil {
		l.failed = true
		return nil, &q, 0
	}
	var unlisted []any
	for _, path := range asked {
		realm := l.realms[strings.ToLower(path)]
		if realm == nil || !realm.complete {
			unlisted = append(unlisted, path)
			continue
		}
		longest = max(longest, realm.listed)
		for _, name := range distinct(names) {
			for _, row := range realm.rows[strings.ToLower(name)] {
				found = append(found, l.spell(row, path, name))
			}
		}
	}
	switch len(unlisted) {
	case 0:
		return found, nil, 0
	case len(asked):
		return nil, &q, 0
	}
	q.Quals = slices.DeleteFunc(slices.Clone(q.Quals), func(qual table.Qual) bool { return qual.Column == "realm" })
	q.Quals = append(q.Quals, table.Qual{Column: "realm", Values: unlisted})
	return found, &q, longest
}

// prepare lists the realms that the query asks, if that is due, and returns their paths as the query spells them.
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

// distinct drops what AM cannot tell apart; the first spelling stays.
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
