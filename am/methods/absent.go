package methods

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// A NotFoundError means that the servers do not have a user or a realm. No request that changes anything has been sent.
type NotFoundError struct {
	What  string   // user "bjensen"
	Where []string // the connections with their servers
	Reads bool     // the operation only reads, so nothing would have been ended
}

func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("%s not found in %s", e.What, strings.Join(e.Where, ", "))
	if !e.Reads {
		text += ": nothing was ended"
	}
	return text
}

// place returns the name of the connection and its server.
func (e *Terminator) place() string { return place(e.Connection, e.Client.BaseURL()) }

func place(connection, baseURL string) string { return fmt.Sprintf("%s (%s)", connection, baseURL) }

func (e *Terminator) notFound(format string, args ...any) error {
	return &NotFoundError{What: fmt.Sprintf(format, args...), Where: []string{e.place()}}
}

// findRealm returns an error if the server does not have the realm. If the account may not list realms, that is not
// known, and there is no error.
func (e *Terminator) findRealm(ctx context.Context, path string) error {
	listed := false
	for realm, err := range e.Inventory.Realms(ctx, nil) {
		if err != nil {
			return err
		}
		if crest.Fold(realm.Path) == crest.Fold(path) {
			return nil
		}
		listed = listed || realm.Listed != nil
	}
	if !listed {
		return nil
	}
	return e.notFound("realm %s", path)
}

// findUser returns an error if the server has no user and no agent of that name. It is called if no session shows that
// one exists.
func (e *Terminator) findUser(ctx context.Context, realms []string, username string) error {
	for _, err := range e.Inventory.Users(ctx, inventory.UserQuery{Realms: realms, Names: []string{username}}) {
		if err != nil {
			return fmt.Errorf("AM lists no sessions of %q, and amsql cannot find out whether the user exists: %w", username, err)
		}
		return nil
	}
	for _, realm := range realms {
		if agent, _, err := e.Inventory.IsAgent(ctx, realm, username); agent || err != nil {
			return err
		}
	}
	if len(realms) == 1 {
		return e.notFound("user %q in realm %s", username, realms[0])
	}
	return e.notFound("user %q", username)
}

// person returns the user that a name means, and the realms: the user whose sessions have it, in all realms, or else the
// one who logs in with it. If several users have the name, in different ways or realms, that is an error.
func (e *Terminator) person(ctx context.Context, realms []string, name string) (in []string, id string, err error) {
	var whose []string
	for _, realm := range realms {
		users, err := e.Inventory.FindLogin(ctx, realm, name)
		if err != nil {
			return nil, "", guarded("%v; nothing was ended", err)
		}
		for _, user := range users {
			in, id = []string{realm}, user.ID
			whose = append(whose, fmt.Sprintf("%s in realm %s", user.ID, realm))
		}
	}
	if len(whose) == 0 {
		return realms, name, nil
	}
	if len(whose) > 1 {
		return nil, "", guarded("%q is the login name of %s: choose one of them, or a realm; nothing was ended", name, strings.Join(whose, " and of "))
	}
	for _, realm := range realms {
		named, err := e.isNamed(ctx, realm, name)
		if err != nil {
			return nil, "", err
		}
		if named {
			return nil, "", guarded("%q is the login name of %s, and in realm %s it is a user name: choose a realm, or %s, or the condition username = '%s'; nothing was ended",
				name, whose[0], realm, id, strings.ReplaceAll(name, "'", "''"))
		}
	}
	e.notify("%q is the login name of %s", name, whose[0])
	return in, id, nil
}

// isNamed reports whether a realm has sessions with this user name, or such a user or agent, who may have sessions that AM
// does not list.
func (e *Terminator) isNamed(ctx context.Context, realm, name string) (bool, error) {
	list, err := e.Inventory.List(ctx, rest.SessionQuery{Realm: realm, Username: name, Fields: []string{rest.FieldUsername}})
	if len(list.Sessions) > 0 || err != nil {
		return len(list.Sessions) > 0, err
	}
	if agent, _, err := e.Inventory.IsAgent(ctx, realm, name); agent || err != nil {
		return agent, err
	}
	for _, err := range e.Inventory.Users(ctx, inventory.UserQuery{Realms: []string{realm}, Names: []string{name}}) {
		return err == nil, err
	}
	return false, nil
}

func isNotFound(err error) bool {
	var e *NotFoundError
	return errors.As(err, &e)
}
