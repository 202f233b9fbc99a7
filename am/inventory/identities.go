package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// namesAhead is how many names may wait to be asked for, so that the directory can be read meanwhile.
const namesAhead = 10_000

// expand asks for the sessions of each identity of a realm whose list is cut.
func (r *realmScan) expand(ctx context.Context, listed map[string]string, sent *handles) error {
	group, ctx := errgroup.WithContext(ctx)
	names := make(chan string, namesAhead)
	group.Go(func() error {
		defer close(names)
		return r.name(ctx, listed, names)
	})
	group.Go(func() error {
		fields := r.fields(true)
		return r.askAll(ctx, names, func(ctx context.Context, name string) error {
			return r.askUser(ctx, name, fields, func(session *rest.Session) bool {
				r.spelled(session, "")
				return sent.first(session)
			})
		})
	})
	return group.Wait()
}

// name sends each identity's name once: those that the realm's directory lists, and those that the cut list names and
// no directory does (deleted users, administrators). A directory that the account may not read leaves the scan cut.
func (r *realmScan) name(ctx context.Context, listed map[string]string, to chan<- string) error {
	var mu sync.Mutex // parts of a directory are listed side by side
	sent := make(map[string]bool, len(listed))
	first := func(name string) bool {
		mu.Lock()
		defer mu.Unlock()
		key := strings.ToLower(name)
		before := sent[key]
		sent[key] = true
		return !before
	}
	send := func(ctx context.Context, name string) error {
		if !first(name) {
			return nil
		}
		r.progress.identities.Add(1)
		select {
		case to <- name:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := r.directory(ctx, send)
	if rest.IsForbidden(err) || rest.IsUnsupported(err) || rest.IsNotFound(err) {
		r.cutBecause(fmt.Sprintf("identities cannot be listed (%v)", err))
		err = nil
	}
	if err != nil {
		return err
	}
	for _, name := range listed {
		if err := send(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (r *realmScan) cutBecause(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut(reason)
}

// directory sends the names of a realm's identities, some of them more than once. A directory that may cut its list is
// taken apart by the beginnings of names.
func (r *realmScan) directory(ctx context.Context, send func(context.Context, string) error) error {
	whole, err := r.client.ListsAllUsers(ctx, r.Realm)
	if err != nil {
		return err
	}
	if whole {
		_, _, err = r.part(ctx, "", nil, send)
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(listsAtOnce)
	group.Go(func() error { return r.split(ctx, group, "", send) })
	return group.Wait()
}

// listsAtOnce is how many parts of a directory are listed side by side: a list is much work for AM, and asking for the
// identities goes on meanwhile.
const listsAtOnce = 4

// part sends the identities that begin with prefix and with none of except. It returns how many came and their names'
// next letters, in lower case.
func (r *realmScan) part(ctx context.Context, prefix string, except []string, send func(context.Context, string) error) (total int, next map[string]bool, err error) {
	r.progress.requests.Add(1)
	next = map[string]bool{}
	for user, err := range r.client.Users(ctx, rest.UserQuery{Realm: r.Realm, Prefix: prefix, Except: except}) {
		if err == nil {
			err = send(ctx, user.ID)
		}
		if err != nil {
			return 0, nil, err
		}
		total++
		if rest, ok := strings.CutPrefix(strings.ToLower(user.ID), prefix); ok && rest != "" {
			_, size := utf8.DecodeRuneInString(rest)
			next[rest[:size]] = true
		}
	}
	return total, next, nil
}

// split sends all identities that begin with prefix. Where their list may be cut, it is asked for part by part: those
// that go on with each letter seen, and again those that go on with none of them, until that remainder is not cut.
// Every name is in a part or in the remainder, whatever its letters and however the directory compares them.
func (r *realmScan) split(ctx context.Context, group *errgroup.Group, prefix string, send func(context.Context, string) error) error {
	var parts []string
	for {
		total, next, err := r.part(ctx, prefix, parts, send)
		if err != nil || total < r.inventory.options.UserListCap {
			return err
		}
		known := len(parts)
		for letter := range next {
			part := prefix + letter
			if slices.Contains(parts, part) {
				continue // the directory compares in another way and does not except it
			}
			parts = append(parts, part)
			list := func() error { return r.split(ctx, group, part, send) }
			if !group.TryGo(list) { // as many as may are under way
				if err := list(); err != nil {
					return err
				}
			}
		}
		if len(parts) == known {
			r.cutBecause(fmt.Sprintf("the identities that begin with %q cannot be listed completely", prefix))
			return nil
		}
	}
}
