package inventory

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"sync"

	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// HasOtherLogin reports whether users can log in by another name than this, by which sessions know them. If identities are
// managed by IDM, as in Advanced Identity Cloud, sessions have UUIDs.
func HasOtherLogin(username string) bool { return uuid.MatchString(username) }

// LoginNames are the names that users of a realm log in with, by the Folds of those that their sessions have. If the account
// may not ask, that is a notice, and there are none.
func (inv *Inventory) LoginNames(ctx context.Context, realm string, usernames []string) (map[string]string, error) {
	logins := map[string]string{}
	for user, err := range inv.usersNamed(ctx, realm, usernames, false) {
		if rest.IsRefused(err) {
			inv.options.Notify(fmt.Sprintf("realm %s: login names are missing: %v", realm, err))
			return logins, nil
		}
		if err != nil {
			return nil, err
		}
		logins[crest.Fold(user.ID)] = user.Login
	}
	return logins, nil
}

// UsersByLogin are the users of a realm who log in with a name and are called otherwise in lists of sessions. Names are compared
// without regard to case.
func (inv *Inventory) UsersByLogin(ctx context.Context, realm, login string) (users []*rest.User, err error) {
	differ, err := inv.client.LoginsDiffer(ctx, realm)
	if err != nil || !differ || login == "" {
		return nil, err
	}
	for user, err := range inv.client.Users(ctx, rest.UserQuery{Realm: realm, Login: login}) {
		if err != nil {
			return nil, err
		}
		if crest.Same(user.Login, login) && !crest.Same(user.ID, login) {
			users = append(users, user)
		}
	}
	return users, nil
}

// LogsIn reports whether somebody logs in with a name whose sessions have another, in one of the realms; nil: in any. An account
// or a server that does not tell knows none.
func (inv *Inventory) LogsIn(ctx context.Context, realms []string, name string) (bool, error) {
	if realms == nil {
		var err error
		if realms, err = inv.RealmPaths(ctx); err != nil {
			return false, err
		}
	}
	for _, realm := range realms {
		users, err := inv.UsersByLogin(ctx, realm, name)
		if len(users) > 0 {
			return true, nil
		}
		if err := unlessRefused(err); err != nil {
			return false, fmt.Errorf("find out whose login name %q is in realm %s: %w", name, realm, err)
		}
	}
	return false, nil
}

// askedLogins are the names, by realm, of which has been asked whether users log in with them.
type askedLogins struct {
	mu    sync.Mutex
	names map[string]map[string]bool
}

// next are the names of a realm that have not been asked about yet, and how many of them are to be: after fewNames, a statement
// asks no more. One more is taken note of, so that it is said once.
func (a *askedLogins) next(realm string, names []string) (unasked []string, few int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	realm = crest.Fold(realm)
	if a.names == nil {
		a.names = map[string]map[string]bool{}
	}
	if a.names[realm] == nil {
		a.names[realm] = map[string]bool{}
	}
	asked := a.names[realm]
	before := len(asked)
	for _, name := range slices.Sorted(slices.Values(names)) {
		if key := crest.Fold(name); !asked[key] && !HasOtherLogin(name) && before <= fewNames {
			unasked = append(unasked, name)
			if len(asked) <= fewNames {
				asked[key] = true
			}
		}
	}
	return unasked, max(0, min(len(unasked), fewNames-before))
}

// NoteLogins says which of the names that lead to no session are those that users log in with: their sessions have others. A few
// say it of all; of more names than are worth looking up, it says that they may be. It says so once in each realm (nil: in all) to
// the queries of a statement, which have Agents in common.
func (inv *Inventory) NoteLogins(ctx context.Context, statement *Agents, realms, names []string) error {
	if len(names) == 0 || inv.client.HasSession() {
		return nil // what an account without an access token lists has no other login names
	}
	if realms == nil {
		var err error
		if realms, err = inv.RealmPaths(ctx); err != nil {
			return err
		}
	}
	for _, realm := range realms {
		if err := inv.noteLogins(ctx, statement, realm, names); err != nil {
			return err
		}
	}
	return nil
}

func (inv *Inventory) noteLogins(ctx context.Context, statement *Agents, realm string, names []string) error {
	differ, err := inv.client.LoginsDiffer(ctx, realm)
	if !differ || err != nil {
		return unlessRefused(err)
	}
	names, few := statement.logins.next(realm, names)
	found := 0
	for _, name := range names[:few] {
		users, err := inv.UsersByLogin(ctx, realm, name)
		if err != nil {
			return unlessRefused(err)
		}
		for _, user := range users {
			inv.options.Notify(fmt.Sprintf("realm %s: %q is a login name, but sessions have the user name %s: use login_name = '%s' instead of username",
				realm, name, user.ID, name))
		}
		if found += len(users); found >= namedUsers {
			return nil
		}
	}
	if more := len(names) - few; more > 0 {
		inv.options.Notify(fmt.Sprintf("realm %s has no sessions of %s such as %q: if users log in with them, use login_name instead of username",
			realm, english.Plural(more, "user name", ""), names[few]))
	}
	return nil
}

// unlessRefused is an error, unless it says that the account may not ask.
func unlessRefused(err error) error {
	if rest.IsRefused(err) {
		return nil
	}
	return err
}
