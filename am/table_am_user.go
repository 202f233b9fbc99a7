package am

import (
	"context"
	"iter"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var userTable = tableOf[user]{
	name:        "am_user",
	description: "An identity of a realm: the name that its sessions have, and whether it may log in.",
	keys:        []string{"realm", "username"},
	columns: []column[user]{
		{"username", table.Text, "Name of the user in sessions: in lower case, or as spelled in the query's condition; in Advanced Identity Cloud, the user's UUID.", func(u *user) any { return text(u.ID) }},
		{"realm", table.Text, "Full path of the realm, with a leading slash; / is the root. Realms that share an identity store each list all of its identities.", func(u *user) any { return u.Realm }},
		{"login_name", table.Text, "Name that the user logs in with, spelled as in the directory.", func(u *user) any { return text(u.Login) }},
		{"status", table.Text, "Status of the identity in the directory: Active or Inactive (inetUserStatus; accountStatus in Advanced Identity Cloud, in lower case). NULL if it has none.", func(u *user) any { return text(u.Status) }},
		{"is_active", table.Boolean, "Whether the status allows the user to log in. A disabled identity keeps its sessions. NULL if there is no status.", (*user).active},
		{"title", table.Text, "The login name and the realm.", func(u *user) any { return u.Login + " @ " + u.Realm }},
		{"base_url", table.Text, "Address of the deployment.", func(u *user) any { return u.baseURL }},
	},
	rows: func(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*user, error] {
		return func(yield func(*user, error) bool) {
			for u, err := range c.Inventory().Users(ctx, userQuery(q)) {
				if err != nil {
					yield(nil, err)
					return
				}
				if !yield(&user{u, c.BaseURL()}, nil) {
					return
				}
			}
		}
	},
	lookups: func(rows rowsOf[user]) rowsOf[user] {
		l := byUser[user]{lookup: rows, list: listUsers, of: func(u *user) (realm, name string) { return u.Realm, u.ID }, spell: (*user).spelled}
		return l.rows
	},
}

// listUsers lists a realm for lookups by user name. If the server truncates the list, that is an error. AM's list is not
// known to contain every identity that AM finds by name, and IDM's is.
func listUsers(ctx context.Context, c *connection.Connection, q table.Query, realm string, most int) (l list[user], err error) {
	asked := userQuery(q)
	asked.Realms, asked.Names = []string{realm}, nil
	for u, err := range c.Inventory().Strict().Users(ctx, asked) {
		if err != nil {
			return list[user]{}, err
		}
		if len(l.rows) == most {
			return list[user]{tooLong: true}, nil
		}
		l.rows = append(l.rows, &user{u, c.BaseURL()})
	}
	all, err := c.Client().ListsAllUsers(ctx, realm)
	l.complete, l.open = true, !all
	return l, err
}

func (u *user) spelled(realm, username string) *user {
	copied := *u.User.User
	copied.ID = username
	return &user{inventory.User{Realm: realm, User: &copied}, u.baseURL}
}

// user is a row of am_user.
type user struct {
	inventory.User
	baseURL string
}

func userQuery(q table.Query) inventory.UserQuery {
	realms, _ := names(q, "realm")
	usernames, known := names(q, "username")
	if !known {
		usernames = nil
	}
	return inventory.UserQuery{Realms: realms, Names: usernames, Status: q.Wants("status") || q.Wants("is_active")}
}

func (u *user) active() any {
	if u.Status == "" {
		return nil
	}
	return strings.EqualFold(u.Status, "active")
}
