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
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// directory lists the identities of a realm completely. If a list may be truncated, it lists parts of it, by the
// beginnings of names or, if these do not divide them, by other letters.
type directory struct {
	inventory *Inventory
	realm     string
	status    bool // whether the status is needed
	limit     int  // a shorter list is complete
	stops     int  // the length of a truncated list

	asking func()                         // called before each request
	cut    func(limit int, reason string) // called if identities are missing; may be called concurrently
	send   Sender[*rest.User]
	group  *errgroup.Group
}

// listsAtOnce is how many parts of a directory are listed concurrently. A list is much work for AM, and the identities
// are looked up at the same time.
const listsAtOnce = 4

// users yields the identities. Those of a truncated list occur again.
func (d directory) users(ctx context.Context) iter.Seq2[*rest.User, error] {
	return Stream(ctx, func(ctx context.Context, send Sender[*rest.User]) error {
		d.send = send
		complete, err := d.inventory.client.ListsAllUsers(ctx, d.realm)
		if err != nil {
			return err
		}
		if complete {
			_, err := d.each(ctx, rest.UserQuery{Status: d.status}, func(user *rest.User) error { return send(ctx, user) })
			return err
		}
		d.group, ctx = errgroup.WithContext(ctx)
		d.group.SetLimit(listsAtOnce)
		d.group.Go(func() error { return d.all(ctx) })
		return d.group.Wait()
	})
}

// all sends all identities, from one list if it is complete, otherwise in parts.
func (d directory) all(ctx context.Context) error {
	names, took, err := d.list(ctx, rest.UserQuery{})
	if err != nil {
		return err
	}
	d.stops, d.limit = len(names), d.inventory.options.UserListCap
	addsUp := false
	if d.limit > 0 {
		d.stops = d.limit
	} else if d.limit, addsUp, err = d.findLimit(ctx, names); err != nil {
		return err
	}
	if !addsUp && len(names) < d.limit && d.inventory.searchMayBeCut(took) {
		if addsUp, err = d.addsUp(ctx, names); err != nil {
			return err
		}
		if !addsUp {
			d.doubt(took)
		}
	}
	return d.split(ctx, "", names)
}

// doubt records that a list may be truncated because AM took so long for it.
func (d directory) doubt(took time.Duration) {
	d.cut(0, fmt.Sprintf("AM took %s for a list of them, and stops searching the identity store after its Search Timeout, which is %s unless it has been changed",
		took.Round(time.Second), searchTimeLimit))
}

// searchMayBeCut reports whether AM may have stopped searching the identity store before it found everything.
func (inv *Inventory) searchMayBeCut(took time.Duration) bool { return took >= inv.searchTimeLimit }

const (
	// smallestLimit is lower than all known limits of identity stores: OpenAM lists 100 if LDAP_MAX_RESULTS is not set.
	smallestLimit = 50

	// ownAccounts is higher than the number of accounts that OpenAM lists in the root realm in addition to those of the
	// store, and to its limit.
	ownAccounts = 10
)

// findLimit determines from a list of all identities at which length a list may be truncated; if the list is complete,
// that is more than its length. A store with a limit returns more identities for two parts of the list, because each
// part may be as long as the limit. addsUp reports whether they have been compared, and the list is complete.
func (d directory) findLimit(ctx context.Context, names []string) (limit int, addsUp bool, err error) {
	switch {
	case len(names) < smallestLimit:
		return smallestLimit, false, nil
	case len(names) == DefaultUserListCap:
		return DefaultUserListCap, false, nil
	}
	addsUp, err = d.addsUp(ctx, names)
	switch {
	case err != nil:
		return 0, false, fmt.Errorf("cannot find out whether a list of %d identities is complete (if you know that it is, set user_list_cap to a greater number): %w", len(names), err)
	case addsUp:
		return len(names) + 1, true, nil
	}
	return len(names) - len(names)/ownAccounts, false, nil
}

// addsUp reports whether two parts of a list of all identities, neither of which can be much shorter than it is because of
// a limit, have as many identities as the list.
func (d directory) addsUp(ctx context.Context, names []string) (bool, error) {
	by := halving(names, nil)
	if by == "" {
		return false, nil
	}
	total := 0
	for _, half := range []rest.UserQuery{{With: []string{by}}, {Without: []string{by}}} {
		n := 0
		took, err := d.each(ctx, half, func(*rest.User) error {
			n++
			return nil
		})
		if err != nil || n < ownAccounts || d.inventory.searchMayBeCut(took) {
			return false, err
		}
		total += n
	}
	return total == len(names), nil
}

// UsersCutAt returns how many identities of a realm a truncated list has, so that amsql lists them in parts; 0 if the
// list is complete.
func (inv *Inventory) UsersCutAt(ctx context.Context, realm string) (int, error) {
	complete, err := inv.client.ListsAllUsers(ctx, realm)
	if err != nil || complete {
		return 0, err
	}
	d := directory{inventory: inv, realm: realm, asking: func() {}, send: func(context.Context, *rest.User) error { return nil }}
	names, _, err := d.list(ctx, rest.UserQuery{})
	if err != nil {
		return 0, err
	}
	limit := inv.options.UserListCap
	if limit == 0 {
		limit, _, err = d.findLimit(ctx, names)
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

// letter returns the first letter of a text, which may have several bytes; "" if there is none.
func letter(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return text[:size]
}

// each calls a function for each identity of one list, and measures how long AM takes for the list.
func (d directory) each(ctx context.Context, q rest.UserQuery, do func(*rest.User) error) (took time.Duration, err error) {
	q.Realm = d.realm
	d.asking()
	for user, err := range d.inventory.identities(ctx, q, &took) {
		if err == nil {
			err = do(user)
		}
		if err != nil {
			return took, err
		}
	}
	return took, nil
}

// list sends the identities of one list, and returns their names and how long AM took for it.
func (d directory) list(ctx context.Context, q rest.UserQuery) (names []string, took time.Duration, err error) {
	q.Status = d.status
	took, err = d.each(ctx, q, func(user *rest.User) error {
		names = append(names, user.ID)
		return d.send(ctx, user)
	})
	return names, took, err
}

// listPart does the same as list for a part, which is in doubt if it is not divided further and took too long.
func (d directory) listPart(ctx context.Context, q rest.UserQuery) (names []string, err error) {
	names, took, err := d.list(ctx, q)
	if err == nil && len(names) < d.limit && d.inventory.searchMayBeCut(took) {
		d.doubt(took)
	}
	return names, err
}

// If a filter is longer than this, in bytes as AM receives it, no terms are added: Tomcat limits the request line with
// all headers to 8,192 bytes. The limit for terms that exclude names is lower, so that the remainder can still be
// divided.
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

// split sends all identities whose names begin with prefix. A list of them has been sent, with these names. If it may
// be truncated, split lists them in parts: those that continue with each letter in the names, and then those that
// continue with none of these, repeatedly until that remainder is complete. Every name is in a part or in the
// remainder, regardless of its letters and of how the directory compares them.
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
				continue // the directory compares differently, and does not exclude it
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
		if names, err = d.listPart(ctx, remainder); err != nil {
			return err
		}
	}
	return nil
}

const ignored = "the directory ignores the filter of the query"

// obeys reports whether the names match the query. A directory that treats letters as equal returns some additional
// names; one that ignores the filter must be recognized, or split would list every beginning of every name.
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

// fork runs a function concurrently, or immediately if the maximum is already running.
func (d directory) fork(do func() error) error {
	if d.group.TryGo(do) {
		return nil
	}
	return do()
}

func (d directory) part(ctx context.Context, prefix string) error {
	names, err := d.listPart(ctx, rest.UserQuery{Prefix: prefix})
	if err != nil {
		return err
	}
	return d.split(ctx, prefix, names)
}

// continuations returns the beginnings of the names that are longer than prefix: by what all names share, and one
// letter. The most frequent come first.
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

// divide sends the identities of a truncated list with these names in two parts: those that contain a letter, and those
// that do not.
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
			names, err := d.listPart(ctx, half)
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

// halving returns the unused letter or digit that divides the names most evenly; "" if none divides them.
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
