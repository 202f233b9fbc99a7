package inventory

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// directory is a realm's identities, read to the last: one that may cut its list is taken apart by the beginnings of
// names.
type directory struct {
	inventory *Inventory
	realm     string
	status    bool // whether it is wanted

	asking func()              // before each request
	cut    func(reason string) // identities are missing; may be called side by side
}

// listsAtOnce is how many parts of a directory are listed side by side: a list is much work for AM, and asking for the
// identities goes on meanwhile.
const listsAtOnce = 4

// users yields the identities; those of a list that was cut come again.
func (d directory) users(ctx context.Context) iter.Seq2[*rest.User, error] {
	return pushed(ctx, func(ctx context.Context, send sender[*rest.User]) error {
		whole, err := d.inventory.client.ListsAllUsers(ctx, d.realm)
		if err != nil {
			return err
		}
		if whole {
			_, _, err = d.part(ctx, "", nil, send)
			return err
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(listsAtOnce)
		group.Go(func() error { return d.split(ctx, group, "", send) })
		return group.Wait()
	})
}

// part sends the identities that begin with prefix and with none of except. It returns how many came and their names'
// next letters.
func (d directory) part(ctx context.Context, prefix string, except []string, send sender[*rest.User]) (total int, next map[string]bool, err error) {
	d.asking()
	next = map[string]bool{}
	for user, err := range d.inventory.client.Users(ctx, rest.UserQuery{Realm: d.realm, Prefix: prefix, Except: except, Status: d.status}) {
		if err == nil {
			err = send(ctx, user)
		}
		if err != nil {
			return 0, nil, err
		}
		total++
		if tail, ok := strings.CutPrefix(user.ID, prefix); ok && tail != "" {
			_, size := utf8.DecodeRuneInString(tail)
			next[tail[:size]] = true
		}
	}
	return total, next, nil
}

// split sends all identities that begin with prefix. Where their list may be cut, it is asked for part by part: those
// that go on with each letter seen, and again those that go on with none of them, until that remainder is not cut.
// Every name is in a part or in the remainder, whatever its letters and however the directory compares them.
func (d directory) split(ctx context.Context, group *errgroup.Group, prefix string, send sender[*rest.User]) error {
	var parts []string
	for {
		total, next, err := d.part(ctx, prefix, parts, send)
		if err != nil || total < d.inventory.options.UserListCap {
			return err
		}
		known := len(parts)
		for letter := range next {
			part := prefix + letter
			if slices.Contains(parts, part) {
				continue // the directory compares in another way and does not except it
			}
			parts = append(parts, part)
			list := func() error { return d.split(ctx, group, part, send) }
			if !group.TryGo(list) { // as many as may are under way
				if err := list(); err != nil {
					return err
				}
			}
		}
		if len(parts) == known {
			d.cut(fmt.Sprintf("the identities that begin with %q cannot be listed completely", prefix))
			return nil
		}
	}
}
