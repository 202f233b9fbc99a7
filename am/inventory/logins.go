package inventory

import (
	"context"
	"fmt"
	"regexp"

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

// noteLogins says which of the names that lead to no session are those that users log in with: their sessions have others.
func (r *realmScan) noteLogins(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	differ, err := r.client.LoginsDiffer(ctx, r.Realm)
	if !differ || err != nil {
		return unlessRefused(err)
	}
	if r.query.Agents.names.Add(int64(len(names))) > fewNames {
		return nil
	}
	for _, name := range names {
		users, err := r.inventory.UsersByLogin(ctx, r.Realm, name)
		if err != nil {
			return unlessRefused(err)
		}
		for _, user := range users {
			r.inventory.options.Notify(fmt.Sprintf("realm %s: %q is a login name, but sessions have the user name %s: use login_name = '%s' instead of username",
				r.Realm, name, user.ID, name))
		}
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
