package am

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
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

	// mostUnlisted is how many names that an open list lacks are looked up, unless one of them has rows.
	mostUnlisted = 1000
)

// byUser answers one statement's lookups by user name. Each needs a request for each realm, so after some lookups it
// lists the realms: a complete list answers all that follow. If a list is not complete, or lacks a name that AM may
// find nevertheless, or AM may mistake a name for another, the name is still looked up. A list may be long and the
// names few, so it is read only when the lookups so far have cost as much, and, if that fails, again after eight times
// as many.
type byUser[T any] struct {
	lookup rowsOf[T]
	list   func(ctx context.Context, c *connection.Connection, q table.Query, realm string, most int) (list[T], error)
	of     func(row *T) (realm, username string)
	spell  func(row *T, realm, username string) *T                                // returns a copy
	note   func(ctx context.Context, c *connection.Connection, a answer[T]) error // sends notices that lookups send; nil: none

	mu      sync.Mutex
	lookups int
	listed  int                      // number of rows
	realms  map[string]*realmList[T] // the realms of a query that names none, by Fold; nil until they are known
	notice  string                   // what a query that names no realm leaves out
	failed  bool                     // only lookups can then report what is wrong
}

// A list contains all rows of a realm, or none if it is truncated or too long.
type list[T any] struct {
	rows     []*T
	complete bool
	tooLong  bool
	open     bool // a name that it lacks may have rows nevertheless
}

type realmList[T any] struct {
	path     string
	complete bool
	open     bool
	rows     map[string][]*T // by the Fold of the user name
	listed   int             // number of rows
	tryAfter int             // number of lookups

	unlisted int  // number of names that an open list lacked
	short    bool // one of them has rows
}

// rows yields the rows of lists, and looks up the rest.
func (l *byUser[T]) rows(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*T, error] {
	usernames, _ := names(q, "username")
	if len(usernames) == 0 || slices.ContainsFunc(usernames, func(name string) bool { return !plain(name) }) {
		return l.lookup(ctx, c, q)
	}
	return func(yield func(*T, error) bool) {
		answers, rest := l.find(ctx, c, q, crest.Distinct(usernames))
		for _, a := range answers {
			for _, row := range a.rows {
				if !yield(row, nil) {
					return
				}
			}
			if l.note == nil {
				continue
			}
			if err := l.note(ctx, c, a); err != nil {
				yield(nil, err)
				return
			}
		}
		for _, q := range rest {
			for row, err := range l.lookup(ctx, c, q) {
				if err == nil {
					l.remember(row)
				}
				if !yield(row, err) || err != nil {
					return
				}
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

// An answer is what the list of a realm contains, in the query's spelling.
type answer[T any] struct {
	realm  string
	rows   []*T
	absent []string // names that certainly have no rows, or are not worth a lookup
}

// find returns the answers of the lists, and the queries for what these do not answer.
func (l *byUser[T]) find(ctx context.Context, c *connection.Connection, q table.Query, usernames []string) (answers []answer[T], rest []table.Query) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lookups += len(usernames); l.failed || l.lookups < listAfter {
		return nil, []table.Query{q}
	}
	asked, err := l.prepare(ctx, c, q)
	if err != nil {
		l.failed = true
		return nil, []table.Query{q}
	}
	realmsOf := map[string][]string{} // those whose lists do not answer the same names
	for _, path := range asked {
		a, unanswered := l.answer(c, path, usernames)
		answers = append(answers, a)
		if len(unanswered) > 0 {
			key := strings.Join(unanswered, " ")
			realmsOf[key] = append(realmsOf[key], path)
		}
	}
	for usernames, realms := range realmsOf {
		rest = append(rest, narrowed(narrowed(q, "username", strings.Split(usernames, " ")), "realm", realms))
	}
	return answers, rest
}

// answer returns what a realm's list contains for the names, and the names that it does not answer.
func (l *byUser[T]) answer(c *connection.Connection, path string, usernames []string) (a answer[T], unanswered []string) {
	a.realm = path
	realm := l.realms[crest.Fold(path)]
	if realm == nil || !realm.complete {
		return a, usernames
	}
	for _, name := range usernames {
		rows := realm.rows[crest.Fold(name)]
		for _, row := range rows {
			a.rows = append(a.rows, l.spell(row, path, name))
		}
		switch {
		case len(rows) > 0:
		case realm.mayHave(c):
			unanswered = append(unanswered, name)
		default:
			a.absent = append(a.absent, name)
		}
	}
	return a, unanswered
}

// mayHave reports whether another name that the list lacks is worth a lookup. A store may list fewer identities than it
// finds by name; but where users need no identity, no name is found, and each lookup takes as long as a long list.
func (r *realmList[T]) mayHave(c *connection.Connection) bool {
	if !r.open {
		return false
	}
	r.unlisted++
	if r.short || r.unlisted <= mostUnlisted || c.Options().OnTruncation == inventory.Strict {
		return true
	}
	if r.unlisted == mostUnlisted+1 {
		c.Options().Notify(fmt.Sprintf("realm %s: the list of identities lacks more than %s of the user names; the first %[2]s do not exist, so amsql assumes the same of the others (with on_truncation = \"strict\" it looks up each)",
			r.path, humanize.Comma(mostUnlisted)))
	}
	return false
}

// remember records that a lookup has found a row, and so the list of its realm is short.
func (l *byUser[T]) remember(row *T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	path, _ := l.of(row)
	if realm := l.realms[crest.Fold(path)]; realm != nil && realm.complete {
		realm.short = true
	}
}

// narrowed returns the query with these values of a column.
func narrowed(q table.Query, column string, values []string) table.Query {
	qual := table.Qual{Column: column}
	for _, value := range values {
		qual.Values = append(qual.Values, value)
	}
	others := slices.DeleteFunc(slices.Clone(q.Quals), func(qual table.Qual) bool { return qual.Column == column })
	q.Quals = append(others, qual)
	return q
}

// prepare lists the query's realms, if that is due, and returns their paths in the query's spelling.
func (l *byUser[T]) prepare(ctx context.Context, c *connection.Connection, q table.Query) (asked []string, err error) {
	if l.realms == nil {
		paths, notice, err := c.Inventory().RealmPaths(ctx)
		if err != nil {
			return nil, err
		}
		l.notice = notice
		l.realms = map[string]*realmList[T]{}
		for _, path := range paths {
			l.realms[crest.Fold(path)] = &realmList[T]{path: path}
		}
	}
	if asked, _ = names(q, "realm"); asked == nil {
		if l.notice != "" {
			c.Options().Notify(l.notice)
		}
		for _, realm := range l.realms {
			asked = append(asked, realm.path)
		}
	}
	asked = crest.Distinct(asked)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(c.Client().MaxConcurrency())
	most := min(l.lookups*rowsPerLookup, maxListed-l.listed)
	for _, path := range asked {
		realm := l.realms[crest.Fold(path)]
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
			realm.keep(list, l.of)
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

func (r *realmList[T]) keep(list list[T], of func(*T) (realm, username string)) {
	r.complete, r.open, r.listed, r.rows = list.complete, list.open, len(list.rows), map[string][]*T{}
	for _, row := range list.rows {
		_, username := of(row)
		r.rows[crest.Fold(username)] = append(r.rows[crest.Fold(username)], row)
	}
}
