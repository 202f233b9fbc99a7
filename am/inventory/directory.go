package inventory

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// directory is a realm's identities, read to the last: one that may cut its list is taken apart by the beginnings of
// names, and if they do not do by other letters.
type directory struct {
	inventory *Inventory
	realm     string
	status    bool // whether it is wanted
	limit     int  // a list of fewer is complete
	stops     int  // what a list has that is cut

	asking func()                         // before each request
	cut    func(limit int, reason string) // identities are missing; may be called concurrently
	send   Sender[*rest.User]
	group  *errgroup.Group
}

// listsAtOnce is how many parts of a directory are listed concurrently: a list is much work for AM, and asking for the
// identities goes on meanwhile.
const listsAtOnce = 4

// users yields the identities; those of a list that was cut come again.
func (d directory) users(ctx context.Context) iter.Seq2[*rest.User, error] {
	return Stream(ctx, func(ctx context.Context, send Sender[*rest.User]) error {
		d.send = send
		complete, err := d.inventory.client.ListsAllUsers(ctx, d.realm)
		if err != nil {
			return err
		}
		if complete {
			d.asking()
			return d.each(ctx, rest.UserQuery{Status: d.status}, func(user *rest.User) error { return send(ctx, user) })
		}
		d.group, ctx = errgroup.WithContext(ctx)
		d.group.SetLimit(listsAtOnce)
		d.group.Go(func() error { return d.all(ctx) })
		return d.group.Wait()
	})
}

// all sends all identities, in one list if it is complete, and else in parts.
func (d directory) all(ctx context.Context) error {
	names, err := d.list(ctx, rest.UserQuery{})
	if err != nil {
		return err
	}
	d.stops, d.limit = len(names), d.inventory.options.UserListCap
	if d.limit > 0 {
		d.stops = d.limit
	} else if d.limit, err = d.findLimit(ctx, names); err != nil {
		return err
	}
	return d.split(ctx, "", names)
}

const (
	// smallestLimit is below all limits of identity stores that are known: OpenAM lists 100 if LDAP_MAX_RESULTS is not set.
	smallestLimit = 50

	// ownAccounts is more than the accounts that OpenAM lists in the root realm beside those of the store, and its limit.
	ownAccounts = 10
)

// findLimit tells from a list of all identities how many a list has that may be cut; more than this one has if it is
// complete. A store that stops at a limit has more to tell when it is asked for two parts, since each may be as long.
func (d directory) findLimit(ctx context.Context, names []string) (int, error) {
	switch {
	case len(names) < smallestLimit:
		return smallestLimit, nil
	case len(names) == DefaultUserListCap:
		return DefaultUserListCap, nil
	}
	cut := len(names) - len(names)/ownAccounts
	by := halving(names, nil)
	if by == "" {
		return cut, nil
	}
	with, err := d.count(ctx, rest.UserQuery{With: []string{by}})
	without := 0
	if err == nil {
		without, err = d.count(ctx, rest.UserQuery{Without: []string{by}})
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("cannot find out whether a list of %d identities is complete (if you know that it is, set user_list_cap to a greater number): %w", len(names), err)
	case min(with, without) >= ownAccounts && with+without == len(names):
		return len(names) + 1, nil
	}
	return cut, nil
}

// UsersCutAt is how many identities of a realm one list has if it is cut, so that amsql lists them in parts; 0 if it is
// complete.
func (inv *Inventory) UsersCutAt(ctx context.Context, realm string) (int, error) {
	complete, err := inv.client.ListsAllUsers(ctx, realm)
	if err != nil || complete {
		return 0, err
	}
	d := directory{inventory: inv, realm: realm, asking: func() {}, send: func(context.Context, *rest.User) error { return nil }}
	names, err := d.list(ctx, rest.UserQuery{})
	if err != nil {
		return 0, err
	}
	limit := inv.options.UserListCap
	if limit == 0 {
		limit, err = d.findLimit(ctx, names)
	}
	if err != nil || len(names) < limit {
		return 0, err
	}
	return len(names), nil
}

func commonStart(a, b string) string {
	at := 0
	for at < len(a) {
		next := letter(a[at:])
		if !strings.HasPrefix(b[at:], next) {
			break
		}
		at += len(next)
	}
	return a[:at]
}

// letter is the first of a text, which may be of several bytes; "" if there is none.
func letter(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return text[:size]
}

// each asks for one list.
func (d directory) each(ctx context.Context, q rest.UserQuery, do func(*rest.User) error) error {
	q.Realm = d.realm
	d.asking()
	for user, err := range d.inventory.client.Users(ctx, q) {
		if err == nil {
			err = do(user)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// list sends the identities of one list and returns their names.
func (d directory) list(ctx context.Context, q rest.UserQuery) (names []string, err error) {
	q.Status = d.status
	err = d.each(ctx, q, func(user *rest.User) error {
		names = append(names, user.ID)
		return d.send(ctx, user)
	})
	return names, err
}

func (d directory) count(ctx context.Context, q rest.UserQuery) (n int, err error) {
	err = d.each(ctx, q, func(*rest.User) error {
		n++
		return nil
	})
	return n, err
}

// If a filter is longer than these, in bytes as AM gets it, it has no more terms added: a request line of Tomcat has 8,192
// with all headers. What is left out of a list is bounded sooner, so that the remainder can be divided.
const (
	longestExclusion = 3000
	longestFilter    = 6000
)

func sizeOf(q rest.UserQuery) (size int) {
	for _, terms := range [][]string{{q.Prefix}, q.Except, q.With, q.Without} {
		for _, term := range terms {
			size += len(url.QueryEscape(term)) + len("%20and%20%21%28uid%20sw%20%22%22%29")
		}
	}
	return size
}

// split sends all identities that begin with prefix, of which a list has been sent and has these names. If it may be cut,
// it is asked for part by part: those that go on with each letter seen, and again those that go on with none of them, until
// that remainder is not cut. Every name is in a part or in the remainder, whatever its letters and however the directory
// compares them.
func (d directory) split(ctx context.Context, prefix string, names []string) (err error) {
	remainder := rest.UserQuery{Prefix: prefix}
	for len(names) >= d.limit {
		if !obeys(remainder, names) {
			d.cut(d.stops, ignored)
			return nil
		}
		known := len(remainder.Except)
		for _, part := range continuations(prefix, names) {
			if slices.Contains(remainder.Except, part) {
				continue // the directory compares in another way and does not except it
			}
			wider := remainder
			if wider.Except = append(remainder.Except, part); sizeOf(wider) > longestExclusion {
				break
			}
			remainder = wider
			if err := d.fork(func() error { return d.part(ctx, part) }); err != nil {
				return err
			}
		}
		if len(remainder.Except) == known {
			return d.divide(ctx, remainder, names)
		}
		if names, err = d.list(ctx, remainder); err != nil {
			return err
		}
	}
	return nil
}

const ignored = "the directory ignores the filter of the query"

// obeys reports whether names are what a query asks for. A directory that takes letters for others gives some more; one that
// does not filter would be asked for every beginning of every name.
func obeys(q rest.UserQuery, names []string) bool {
	asked := 0
	for _, name := range names {
		begins := func(part string) bool { return strings.HasPrefix(name, part) }
		has := func(part string) bool { return strings.Contains(name, part) }
		hasNot := func(part string) bool { return !has(part) }
		if begins(q.Prefix) && !slices.ContainsFunc(q.Except, begins) && !slices.ContainsFunc(q.With, hasNot) && !slices.ContainsFunc(q.Without, has) {
			asked++
		}
	}
	return 10*asked >= len(names)
}

// fork does something concurrently, or at once if as many are under way as may be.
func (d directory) fork(do func() error) error {
	if d.group.TryGo(do) {
		return nil
	}
	return do()
}

func (d directory) part(ctx context.Context, prefix string) error {
	names, err := d.list(ctx, rest.UserQuery{Prefix: prefix})
	if err != nil {
		return err
	}
	return d.split(ctx, prefix, names)
}

// continuations are the beginnings, longer than prefix by as much as all names share and a letter, that names have: the most
// frequent first.
func continuations(prefix string, names []string) []string {
	var tails []string
	for _, name := range names {
		if tail, ok := strings.CutPrefix(name, prefix); ok && tail != "" {
			tails = append(tails, tail)
		}
	}
	if len(tails) == 0 {
		return nil
	}
	common := commonStart(slices.Min(tails), slices.Max(tails))
	seen := map[string]int{}
	for _, tail := range tails {
		if next := letter(tail[len(common):]); next != "" {
			seen[prefix+common+next]++
		}
	}
	return byFrequency(seen)
}

func byFrequency(seen map[string]int) []string {
	return slices.SortedFunc(maps.Keys(seen), func(a, b string) int {
		return cmp.Or(cmp.Compare(seen[b], seen[a]), strings.Compare(a, b))
	})
}

// divide sends the identities of a list that is cut and has these names, in two: those that have a letter, and those that do
// not have it.
func (d directory) divide(ctx context.Context, q rest.UserQuery, names []string) error {
	with, without := q, q
	by := halving(names, append(slices.Clip(q.With), q.Without...))
	with.With, without.Without = append(slices.Clip(q.With), by), append(slices.Clip(q.Without), by)
	if by == "" || sizeOf(with) > longestFilter {
		d.cut(d.stops, fmt.Sprintf("the identities that begin with %q cannot be listed completely", q.Prefix))
		return nil
	}
	for _, half := range []rest.UserQuery{with, without} {
		err := d.fork(func() error {
			names, err := d.list(ctx, half)
			switch {
			case err != nil || len(names) < d.limit:
				return err
			case !obeys(half, names):
				d.cut(d.stops, ignored)
				return nil
			}
			return d.divide(ctx, half, names)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// halving is the letter or digit that is in nearest to half of the names, of those not used yet; "" if none is in some and
// not in others.
func halving(names, used []string) (by string) {
	in := map[string]int{}
	for _, name := range names {
		letters := map[string]bool{}
		for _, r := range name {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				letters[string(r)] = true
			}
		}
		for l := range letters {
			in[l]++
		}
	}
	best := 0
	for _, l := range byFrequency(in) {
		if smaller := min(in[l], len(names)-in[l]); smaller > best && !slices.Contains(used, l) {
			by, best = l, smaller
		}
	}
	return by
}
