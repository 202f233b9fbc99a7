package methods

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// Mentioned contains the users, realms and handles that a condition names. If there are realms, the users and handles
// are in these realms.
type Mentioned struct {
	Realms  []string
	Users   []string // names as in sessions
	Logins  []string // or login names
	Handles []string
}

// FindMentioned returns an error if no connection has something that a condition names, because the condition is then
// probably wrong. If only some connections lack it, it sends a notice. found contains the sessions that meet the
// condition, by connection.
func (all Terminators) FindMentioned(ctx context.Context, mentioned []Mentioned, found map[string][]Session) error {
	var whats []string
	where := map[string][]string{}
	for _, e := range all {
		absent, err := e.absent(ctx, mentioned, found[e.Connection])
		if isLoginName(err) || err != nil && len(found[e.Connection]) == 0 {
			return err
		}
		if err != nil {
			e.notify("%v", err)
		}
		for _, what := range absent {
			if where[what] == nil {
				whats = append(whats, what)
			}
			where[what] = append(where[what], e.place())
		}
	}
	var nowhere []string
	for _, what := range whats {
		if len(where[what]) == len(all) {
			nowhere = append(nowhere, what)
		}
	}
	if len(nowhere) > 0 {
		return &NotFoundError{What: strings.Join(nowhere, ", "), Where: where[nowhere[0]]}
	}
	for _, what := range whats {
		all[0].announce("%s not found in %s", what, strings.Join(where[what], ", "))
	}
	return nil
}

// absent returns what the server does not have of everything that is named. An error means that this cannot be found
// out.
func (e *Terminator) absent(ctx context.Context, mentioned []Mentioned, found []Session) (absent []string, err error) {
	add := func(format string, args ...any) {
		if what := fmt.Sprintf(format, args...); !slices.Contains(absent, what) {
			absent = append(absent, what)
		}
	}
	for _, n := range mentioned {
		realms, missing, failure := e.split(ctx, n.Realms)
		in := ""
		if len(realms) > 0 {
			in = fmt.Sprintf(" in %s %s", english.PluralWord(len(realms), "realm", ""), strings.Join(realms, ", "))
		}
		err = cmp.Or(err, failure)
		for _, realm := range missing {
			add("realm %s", realm)
		}
		if len(n.Realms) > 0 && len(realms) == 0 {
			continue
		}
		for _, user := range slices.Concat(n.Users, n.Logins) {
			there, failure := e.has(ctx, realms, user, slices.Contains(n.Logins, user), found)
			if isLoginName(failure) {
				return nil, failure
			}
			if err = cmp.Or(err, failure); !there && failure == nil {
				add("user %q%s", user, in)
			}
		}
		unknown, failure := e.unknownHandles(ctx, n.Handles, found)
		err = cmp.Or(err, failure)
		for _, handle := range unknown {
			add("session handle %s", Fingerprint(handle))
		}
	}
	return absent, err
}

// split divides realms into those that the server has and those that it lacks.
func (e *Terminator) split(ctx context.Context, named []string) (there, missing []string, err error) {
	for _, name := range named {
		realm := inventory.RealmPath(name)
		switch err := e.findRealm(ctx, realm); {
		case err == nil:
			there = append(there, realm)
		case isNotFound(err):
			missing = append(missing, realm)
		default:
			return there, missing, fmt.Errorf("find realm %s: %w", realm, err)
		}
	}
	return there, missing, nil
}

// has reports whether somebody of that name exists in one of the realms, or in any realm if none is given: a user, or
// an agent or other identity that has a session. If it is only a login name, that is an *inventory.LoginNameError.
func (e *Terminator) has(ctx context.Context, realms []string, name string, login bool, found []Session) (bool, error) {
	if slices.ContainsFunc(found, func(s Session) bool { return crest.Same(s.Username, name) }) {
		return true, nil
	}
	if login {
		if there, err := e.Inventory.LogsIn(ctx, realms, name); there || err != nil {
			return there, err
		}
	}
	if err := e.findUser(ctx, realms, name); !isNotFound(err) {
		return err == nil, err
	}
	if name == "" {
		return false, nil
	}
	var statement inventory.Statement
	statement.Change() // a login name is an error rather than a notice
	for _, err := range e.Inventory.Sessions(ctx, inventory.Query{Realms: realms, Usernames: []string{name}, Fields: []string{rest.FieldUsername}, Statement: &statement}) {
		return err == nil, err
	}
	if err := e.Inventory.CheckLogins(&statement, []string{name}, nil); err != nil {
		return false, fmt.Errorf("%s%w", e.Label, err)
	}
	return false, nil
}

func isLoginName(err error) bool {
	var e *inventory.LoginNameError
	return errors.As(err, &e)
}

// unknownHandles returns the handles for which the server lists no session.
func (e *Terminator) unknownHandles(ctx context.Context, handles []string, found []Session) (unknown []string, err error) {
	var targets []*target
	for _, handle := range handles {
		if !slices.ContainsFunc(found, func(s Session) bool { return s.Handle == handle }) {
			targets = append(targets, &target{Session: Session{Handle: handle}})
		}
	}
	if err := e.search(ctx, targets); err != nil {
		return nil, err
	}
	for _, t := range targets {
		switch {
		case t.state == Unknown:
			err = errors.New(t.reason)
		case t.found == nil:
			unknown = append(unknown, t.Handle)
		}
	}
	return unknown, err
}
