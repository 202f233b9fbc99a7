package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// UserQuery selects identities.
type UserQuery struct {
	Realms []string // as in Query
	Names  []string // names as in sessions; nil: all. An empty list that is not nil matches no identity, as in SQL
	Status bool     // whether the status is needed, which makes answers longer
}

// User is an identity of a realm.
type User struct {
	Realm string
	*rest.User
}

// Users yields every identity that matches the query, once for each realm, in no particular order. Realms and names
// have the query's spelling.
//
// An error ends the sequence. If the server truncates its list and also its parts, that is an error after all
// identities that could be listed, or a notice, according to the connection's policy.
func (inv *Inventory) Users(ctx context.Context, q UserQuery) iter.Seq2[User, error] {
	names := crest.Distinct(q.Names)
	if names != nil && len(names) == 0 {
		return func(func(User, error) bool) {}
	}
	return ByRealm(ctx, inv, q.Realms, func(ctx context.Context, realm string) iter.Seq2[User, error] {
		return func(yield func(User, error) bool) {
			if !inv.options.Shard.Has(realm, "") {
				return // only one shard lists the identities of a realm
			}
			users := inv.users(ctx, realm, q.Status)
			if names != nil {
				users = inv.usersNamed(ctx, realm, names, q.Status)
			}
			none := true
			for user, err := range users {
				if none = false; !yield(User{realm, user}, err) || err != nil {
					return
				}
			}
			if err := inv.mayList(ctx, realm, none); err != nil {
				yield(User{}, err)
			}
		}
	})
}

// usersNamed looks up each name, concurrently. If AM may have stopped searching for one, that is a *SlowSearchError, or a
// notice, according to the connection's policy.
func (inv *Inventory) usersNamed(ctx context.Context, realm string, names []string, status bool) iter.Seq2[*rest.User, error] {
	ask := func(ctx context.Context, name string) ([]*rest.User, error) {
		if name == "" {
			return nil, nil // the client would treat it as no filter
		}
		known, err := inv.named.get(namedKey(realm, name, status), func() (known []rest.User, err error) {
			return inv.lookUp(ctx, rest.UserQuery{Realm: realm, ID: name, Status: status})
		})
		if isSlowSearch(err) && inv.options.OnTruncation == Warn {
			inv.options.Notify(fmt.Sprintf("realm %s: %v", realm, err))
			return nil, nil
		}
		found := make([]*rest.User, len(known))
		for i, user := range known {
			user.ID = name
			found[i] = &user
		}
		return found, err
	}
	return func(yield func(*rest.User, error) bool) {
		for found, err := range ParallelMap(ctx, names, inv.client.MaxConcurrency(), ask) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, user := range found {
				if !yield(user, nil) {
					return
				}
			}
		}
	}
}

// identities requests one list of identities, and measures how long AM takes for it.
func (inv *Inventory) identities(ctx context.Context, q rest.UserQuery, took *time.Duration) iter.Seq2[*rest.User, error] {
	return timed(ctx, took, func(ctx context.Context) iter.Seq2[*rest.User, error] { return inv.client.Users(ctx, q) })
}

// lookUp returns the identities with a name or a login name. If AM may have stopped searching before it found all of them,
// it returns a *SlowSearchError. A name belongs to one identity, and IDM's answers are complete.
func (inv *Inventory) lookUp(ctx context.Context, q rest.UserQuery) (found []rest.User, err error) {
	var took time.Duration
	for user, err := range inv.identities(ctx, q, &took) {
		if err != nil {
			return nil, err
		}
		found = append(found, *user)
	}
	if !inv.searchMayBeCut(took) || q.ID != "" && len(found) > 0 {
		return found, nil
	}
	if complete, err := inv.client.ListsAllUsers(ctx, q.Realm); complete || err != nil {
		return found, err
	}
	return nil, &SlowSearchError{Name: cmp.Or(q.ID, q.Login), Took: took}
}

// A SlowSearchError means that AM searched an identity store for so long that it may have stopped before it found an
// identity.
type SlowSearchError struct {
	Name string
	Took time.Duration
}

func (e *SlowSearchError) Error() string {
	return fmt.Sprintf("cannot find out whether the identity %q exists: AM took %s to search for it, and stops searching the identity store "+
		"after its Search Timeout, which is %s unless it has been changed: try again when the identity store is faster (it may lack an index)",
		e.Name, e.Took.Round(time.Second), searchTimeLimit)
}

func isSlowSearch(err error) bool {
	var slow *SlowSearchError
	return errors.As(err, &slow)
}

// namedKey is the key in Inventory.named.
func namedKey(realm, name string, status bool) string {
	return fmt.Sprintf("%s\x00%s\x00%t", crest.Fold(realm), crest.Fold(name), status)
}

// namesPerRequest is how many names are looked up together in IDM: the URL of that many UUIDs is shorter than the 8 KB that
// servers accept.
const namesPerRequest = 50

// lookUpTogether looks up names in IDM, whose filters can contain alternatives, and remembers what it finds for usersNamed.
func (inv *Inventory) lookUpTogether(ctx context.Context, realm string, names []string) error {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, known := inv.named.recent(namedKey(realm, name, false))
		return known || name == ""
	})
	if len(names) > memoSize/2 {
		return nil // usersNamed would find some of them forgotten
	}
	ask := func(ctx context.Context, names []string) (bool, error) {
		at, found := time.Now(), map[string][]rest.User{}
		for user, err := range inv.client.Users(ctx, rest.UserQuery{Realm: realm, IDs: names}) {
			if err != nil {
				return false, err
			}
			found[crest.Fold(user.ID)] = append(found[crest.Fold(user.ID)], *user)
		}
		for _, name := range names {
			inv.named.put(namedKey(realm, name, false), found[crest.Fold(name)], at)
		}
		return true, nil
	}
	for _, err := range ParallelMap(ctx, slices.Collect(slices.Chunk(names, namesPerRequest)), inv.client.MaxConcurrency(), ask) {
		if err != nil {
			return err
		}
	}
	return nil
}

// users lists a realm's identities.
func (inv *Inventory) users(ctx context.Context, realm string, status bool) iter.Seq2[*rest.User, error] {
	return func(yield func(*rest.User, error) bool) {
		type shortage struct {
			limit  int
			reason string
		}
		var short atomic.Pointer[shortage]
		d := directory{inventory: inv, realm: realm, status: status, asking: func() {}, cut: func(limit int, reason string) { short.Store(&shortage{limit, reason}) }}
		seen := map[string]bool{}
		for user, err := range d.users(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			if seen[user.ID] {
				continue
			}
			if seen[user.ID] = true; !yield(user, nil) {
				return
			}
		}
		cut := short.Load()
		if cut == nil {
			return
		}
		list := "the list of identities may be truncated"
		if cut.limit > 0 {
			list = fmt.Sprintf("the list of identities is truncated at %d", cut.limit)
		}
		err := fmt.Errorf("realm %s: %s (%d found): %s: query identities by name, or accept an incomplete list (on_truncation = \"warn\")",
			realm, list, len(seen), cut.reason)
		if inv.options.OnTruncation != Warn {
			yield(nil, err)
			return
		}
		inv.options.Notify(err.Error())
	}
}

// mayList makes sure that an empty list means that there are none: OpenAM returns an empty list to an account that may
// not list identities, but refuses that account's query for the sessions of a user that does not exist.
func (inv *Inventory) mayList(ctx context.Context, realm string, none bool) error {
	if !none {
		return nil
	}
	_, err := inv.listable.get(crest.Fold(realm), func() (bool, error) {
		q := rest.SessionQuery{Realm: realm, Username: "amsql-probe", Fields: []string{rest.FieldUsername}}
		for _, err := range inv.client.Sessions(ctx, q) {
			if err != nil && !rest.IsUnsupported(err) {
				return false, fmt.Errorf("no identity was found, perhaps because the account lacks the right: %w", err)
			}
		}
		return true, nil
	})
	return err
}
