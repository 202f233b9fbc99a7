package inventory

import (
	"context"
	"fmt"
	"iter"
	"strings"
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
		return r.askAll(ctx, received(names), func(ctx context.Context, name string) error {
			return r.askUser(ctx, name, fields, func(session *rest.Session) bool {
				r.spelled(session, "")
				return sent.first(session)
			})
		})
	})
	return group.Wait()
}

func received(names <-chan string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range names {
			if !yield(name) {
				return
			}
		}
	}
}

// name sends each identity's name once: those that the realm's directory lists, and those that the cut list names and
// no directory does (deleted users, administrators). A directory that the account may not read leaves the scan cut.
func (r *realmScan) name(ctx context.Context, listed map[string]string, to chan<- string) error {
	sent := make(map[string]bool, len(listed))
	send := func(name string) error {
		key := strings.ToLower(name)
		if sent[key] {
			return nil
		}
		sent[key] = true
		r.progress.identities.Add(1)
		select {
		case to <- name:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for name, err := range r.directory(ctx) {
		if rest.IsForbidden(err) || rest.IsUnsupported(err) || rest.IsNotFound(err) {
			r.mu.Lock()
			r.cut(fmt.Sprintf("identities cannot be listed (%v)", err))
			r.mu.Unlock()
			break
		}
		if err == nil {
			err = send(name)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range listed {
		if err := send(name); err != nil {
			return err
		}
	}
	return nil
}

// directory yields the names of a realm's identities. A directory that may cut its list is taken apart by the beginnings
// of names.
func (r *realmScan) directory(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		whole, err := r.client.ListsAllUsers(ctx, r.Realm)
		if err != nil {
			yield("", err)
			return
		}
		if whole {
			r.part(ctx, "", nil, yield)
			return
		}
		r.split(ctx, "", yield)
	}
}

// part yields the identities that begin with prefix and with none of except. It returns how many came and their names'
// next letters, in lower case; more is false where there was an error or the consumer stopped.
func (r *realmScan) part(ctx context.Context, prefix string, except []string, yield func(string, error) bool) (total int, next map[string]bool, more bool) {
	r.progress.requests.Add(1)
	next = map[string]bool{}
	for user, err := range r.client.Users(ctx, rest.UserQuery{Realm: r.Realm, Prefix: prefix, Except: except}) {
		if err != nil {
			yield("", err)
			return 0, nil, false
		}
		total++
		if rest, ok := strings.CutPrefix(strings.ToLower(user.ID), prefix); ok && rest != "" {
			_, size := utf8.DecodeRuneInString(rest)
			next[rest[:size]] = true
		}
		if !yield(user.ID, nil) {
			return total, nil, false
		}
	}
	return total, next, true
}

// split yields all identities that begin with prefix. Where their list may be cut, it is asked for part by part: those
// that go on with each letter seen, and again those that go on with none of them, until that remainder is not cut.
// Every name is in a part or in the remainder, whatever its letters and however the directory compares them.
func (r *realmScan) split(ctx context.Context, prefix string, yield func(string, error) bool) bool {
	var parts []string
	for {
		total, next, more := r.part(ctx, prefix, parts, yield)
		if !more {
			return false
		}
		if total < r.inventory.options.UserListCap {
			break
		}
		known := len(parts)
		for letter := range next {
			parts = append(parts, prefix+letter)
		}
		if len(parts) == known {
			r.mu.Lock()
			r.cut(fmt.Sprintf("the identities that begin with %q cannot be listed completely", prefix))
			r.mu.Unlock()
			break
		}
	}
	for _, part := range parts {
		if !r.split(ctx, part, yield) {
			return false
		}
	}
	return true
}
