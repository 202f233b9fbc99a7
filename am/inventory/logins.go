package inventory

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// HasOtherLogin reports whether users can log in with a name other than this one in their sessions. If IDM manages
// identities, as in Advanced Identity Cloud, sessions have UUIDs.
func HasOtherLogin(username string) bool { return uuid.MatchString(username) }

// LoginNames returns the login names of users of a realm, by the Folds of their names in sessions. If the account may
// not look them up, or AM does not respond and a token store can do without it, it sends a notice and returns none.
func (inv *Inventory) LoginNames(ctx context.Context, realm string, usernames []string) (logins map[string]string, err error) {
	answered, err := inv.AskAM(ctx, func(ctx context.Context) (err error) {
		logins, err = inv.loginNames(ctx, realm, usernames)
		return err
	})
	switch {
	case rest.IsRefused(err), isSlowSearch(err):
		inv.options.Notify(fmt.Sprintf("realm %s: login names are missing: %v", realm, err))
		return nil, nil
	case !answered:
		inv.options.Notify(fmt.Sprintf("realm %s: login names are missing: AM does not respond", realm))
		return nil, nil
	}
	return logins, err
}

func (inv *Inventory) loginNames(ctx context.Context, realm string, usernames []string) (map[string]string, error) {
	logins := map[string]string{}
	differ, err := inv.client.LoginsDiffer(ctx, realm)
	if err != nil {
		return nil, err
	}
	if !differ {
		for _, name := range usernames {
			logins[crest.Fold(name)] = name
		}
		return logins, nil
	}
	managed, err := inv.client.HasManagedUsers(ctx, realm)
	if err == nil && managed {
		err = inv.lookUpTogether(ctx, realm, usernames)
	}
	if err != nil {
		return nil, err
	}
	for user, err := range inv.usersNamed(ctx, realm, usernames, false) {
		if err != nil {
			return nil, err
		}
		logins[crest.Fold(user.ID)] = user.Login
	}
	return logins, nil
}

// UsersByLogin returns the users of a realm who log in with this name and have another name in lists of sessions. Names
// are compared case-insensitively.
func (inv *Inventory) UsersByLogin(ctx context.Context, realm, login string) (users []*rest.User, err error) {
	differ, err := inv.client.LoginsDiffer(ctx, realm)
	if err != nil || !differ || login == "" {
		return nil, err
	}
	found, err := inv.lookUp(ctx, rest.UserQuery{Realm: realm, Login: login})
	for _, user := range found {
		if crest.Same(user.Login, login) && !crest.Same(user.ID, login) {
			users = append(users, &user)
		}
	}
	return users, err
}

// namesOf returns the names that the sessions of users with these login names may have in a realm: the login names, and
// those of the users who have another one. If several users have one login name, it sends a notice.
func (inv *Inventory) namesOf(ctx context.Context, realm string, logins []string) (names []string, err error) {
	ask := func(ctx context.Context, login string) ([]string, error) {
		users, err := inv.UsersByLogin(ctx, realm, login)
		if rest.IsNotFound(err) {
			return []string{login}, nil // a realm that does not exist, or has no identities
		}
		if err != nil {
			return nil, fmt.Errorf("cannot find out whose login name %q is: %w", login, err)
		}
		names := []string{login}
		for _, user := range users {
			names = append(names, user.ID)
		}
		if ids := names[1:]; len(ids) > 1 {
			inv.options.Notify(fmt.Sprintf("realm %s: %q is the login name of %d users: their sessions have the user names %s",
				realm, login, len(ids), english.OxfordWordSeries(ids, "and")))
		}
		return names, nil
	}
	for some, err := range ParallelMap(ctx, logins, inv.client.MaxConcurrency(), ask) {
		if err != nil {
			return nil, err
		}
		names = append(names, some...)
	}
	return crest.Distinct(names), nil
}

// FindLogin does the same as UsersByLogin for callers that also look for sessions with the name itself: if the account may
// not look up users, that is an error only if sessions in the realm have UUIDs. A UUID is no login name of theirs.
func (inv *Inventory) FindLogin(ctx context.Context, realm, name string) ([]*rest.User, error) {
	users, refused := inv.UsersByLogin(ctx, realm, name)
	switch {
	case refused == nil:
		return users, nil
	case !rest.IsRefused(refused):
		return nil, fmt.Errorf("cannot find out whose login name %q is in realm %s: %w", name, realm, refused)
	case rest.IsNotFound(refused) || HasOtherLogin(name):
		return nil, nil
	}
	list, err := inv.List(ctx, rest.SessionQuery{Realm: realm, Fields: []string{rest.FieldUsername}})
	if rest.IsRefused(err) {
		return nil, nil // nothing is silent: the caller cannot list sessions, either
	}
	if err != nil {
		return nil, fmt.Errorf("realm %s: %w", realm, err)
	}
	if slices.ContainsFunc(list.Sessions, func(s *rest.Session) bool { return HasOtherLogin(s.Username) }) {
		return nil, fmt.Errorf("sessions in realm %s have UUIDs, and amsql cannot find out whose login name %q is: %w; choose another realm, or a UUID", realm, name, refused)
	}
	return nil, nil
}

// LogsIn reports whether somebody logs in with a name and has another one in sessions, in one of the realms; nil means
// any realm. See FindLogin.
func (inv *Inventory) LogsIn(ctx context.Context, realms []string, name string) (bool, error) {
	if realms == nil {
		var err error
		if realms, _, err = inv.RealmPaths(ctx); err != nil {
			return false, err
		}
	}
	for _, realm := range realms {
		users, err := inv.FindLogin(ctx, realm, name)
		if len(users) > 0 || err != nil {
			return len(users) > 0, err
		}
	}
	return false, nil
}

// A LoginNameError means that a condition on user names contains the login name of a user whose sessions have another
// name.
type LoginNameError struct{ Realm, Login, Username string }

func (e *LoginNameError) Error() string {
	return fmt.Sprintf("realm %s: %q is a login name, but sessions have the user name %s: use login_name = '%s' instead of username",
		e.Realm, e.Login, e.Username, strings.ReplaceAll(e.Login, "'", "''"))
}

// askedLogins contains the names, by realm, that have been looked up as login names.
type askedLogins struct {
	mu    sync.Mutex
	names map[string]map[string]bool
	found map[string][]*LoginNameError // by the Fold of the name; only for a statement that ends sessions
}

func (a *askedLogins) keep(e *LoginNameError) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found == nil {
		a.found = map[string][]*LoginNameError{}
	}
	a.found[crest.Fold(e.Login)] = append(a.found[crest.Fold(e.Login)], e)
}

// next returns the names of a realm that have not been looked up yet, and how many of them to look up: a statement looks up
// at most this number. It records one name more, so that the notice about the others is sent only once.
func (a *askedLogins) next(realm string, names []string, most int) (unasked []string, few int) {
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
		if key := crest.Fold(name); !asked[key] && !HasOtherLogin(name) && before <= most {
			unasked = append(unasked, name)
			if len(asked) <= most {
				asked[key] = true
			}
		}
	}
	return unasked, max(0, min(len(unasked), most-before))
}

// triedNames is how many names a statement looks up as login names in a realm where both names of a user are probably the
// same: AM's own list of users could have two, but does only if they are those of IDM.
const triedNames = 10

// NoteLogins sends a notice for each of the names, which have no sessions in a realm, that is a login name of users, whose
// sessions have other names. If there are more names than are worth looking up, it sends a notice that they may be login
// names. The queries of a statement share the Statement, so that each notice is sent once.
func (inv *Inventory) NoteLogins(ctx context.Context, statement *Statement, realm string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	differ, err := inv.client.LoginsDiffer(ctx, realm)
	if !differ || err != nil {
		return unlessRefused(err)
	}
	managed, err := inv.client.HasManagedUsers(ctx, realm)
	if err != nil {
		return unlessRefused(err)
	}
	most := triedNames
	if managed || statement.changes.Load() {
		most = fewNames
	}
	names, few := statement.logins.next(realm, names, most)
	found := 0
	for _, name := range names[:few] {
		users, err := inv.UsersByLogin(ctx, realm, name)
		if isSlowSearch(err) {
			inv.options.Notify(fmt.Sprintf("realm %s: %v", realm, err))
			return nil
		}
		if err != nil {
			return unlessRefused(err)
		}
		for _, user := range users {
			if e := (&LoginNameError{realm, name, user.ID}); statement.changes.Load() {
				statement.logins.keep(e)
			} else {
				inv.options.Notify(e.Error())
			}
		}
		if found += len(users); found >= namedUsers && !statement.changes.Load() {
			return nil
		}
	}
	if more := len(names) - few; more > 0 && (managed || found > 0) {
		inv.options.Notify(fmt.Sprintf("realm %s has no sessions of %s such as %q: if users log in with them, use login_name instead of username",
			realm, english.Plural(more, "user name", ""), names[few]))
	}
	return nil
}

// CheckLogins returns a *LoginNameError if one of a query's user names, whose sessions will be ended, is a login name: the
// query has found no session with the name, and does not contain the user's other name, either. If sessions also have the
// name, it sends the notice. found contains the Folds of the names of the sessions found.
func (inv *Inventory) CheckLogins(statement *Statement, names []string, found map[string]bool) error {
	statement.logins.mu.Lock()
	defer statement.logins.mu.Unlock()
	for _, name := range slices.Sorted(slices.Values(names)) {
		for _, e := range statement.logins.found[crest.Fold(name)] {
			also := slices.ContainsFunc(names, func(other string) bool { return crest.Same(other, e.Username) })
			switch {
			case also:
			case found[crest.Fold(name)]:
				inv.options.Notify(e.Error())
			default:
				return fmt.Errorf("%w; nothing was ended", e)
			}
		}
	}
	return nil
}

// unlessRefused returns the error, unless it means that the account may not ask.
func unlessRefused(err error) error {
	if rest.IsRefused(err) {
		return nil
	}
	return err
}
