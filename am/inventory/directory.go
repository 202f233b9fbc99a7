package inventory

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// directory is a realm's identities, read to the last: one that may cut its list is taken apart by the beginnings of
// names.
type directory struct {
	inventory *Inventory
	realm     string
	status    bool // whether it is wanted

	asking func()              // before each request
	cut    func(reason string) // identities are missing
}

// users yields the identities; those of a list that was cut come again.
func (d directory) users(ctx context.Context) iter.Seq2[*rest.User, error] {
	return func(yield func(*rest.User, error) bool) {
		whole, err := d.inventory.client.ListsAllUsers(ctx, d.realm)
		if err != nil {
			yield(nil, err)
			return
		}
		if whole {
			d.part(ctx, "", nil, yield)
			return
		}
		d.split(ctx, "", yield)
	}
}

// part yields the identities that begin with prefix and with none of except. It returns how many came and their names'
// next letters, in lower case; more is false where there was an error or the consumer stopped.
func (d directory) part(ctx context.Context, prefix string, except []string, yield func(*rest.User, error) bool) (total int, next map[string]bool, more bool) {
	d.asking()
	next = map[string]bool{}
	for user, err := range d.inventory.client.Users(ctx, rest.UserQuery{Realm: d.realm, Prefix: prefix, Except: except, Status: d.status}) {
		if err != nil {
			yield(nil, err)
			return 0, nil, false
		}
		total++
		if tail, ok := strings.CutPrefix(user.ID, prefix); ok && tail != "" {
			_, size := utf8.DecodeRuneInString(tail)
			next[tail[:size]] = true
		}
		if !yield(user, nil) {
			return total, nil, false
		}
	}
	return total, next, true
}

// split yields all identities that begin with prefix. Where their list may be cut, it is asked for part by part: those
// that go on with each letter seen, and again those that go on with none of them, until that remainder is not cut.
// Every name is in a part or in the remainder, whatever its letters and however the directory compares them.
func (d directory) split(ctx context.Context, prefix string, yield func(*rest.User, error) bool) bool {
	var parts []string
	for {
		total, next, more := d.part(ctx, prefix, parts, yield)
		if !more {
			return false
		}
		if total < d.inventory.options.UserListCap {
			break
		}
		known := len(parts)
		for letter := range next {
			parts = append(parts, prefix+letter)
		}
		if len(parts) == known {
			d.cut(fmt.Sprintf("the identities that begin with %q cannot be listed completely", prefix))
			break
		}
	}
	for _, part := range parts {
		if !d.split(ctx, part, yield) {
			return false
		}
	}
	return true
}
