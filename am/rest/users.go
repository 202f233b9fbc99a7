package rest

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// User contains what is needed of an identity.
type User struct {
	ID     string // the name in lists of sessions: in lower case, or the UUID on Advanced Identity Cloud
	Login  string // the name that the user logs in with, in any case
	Status string // Active or Inactive; in lower case on Advanced Identity Cloud; "" if it was not requested or is not reported
}

// UserQuery selects identities of a realm. It ignores case.
type UserQuery struct {
	Realm   string
	ID      string   // one identity by its name
	IDs     []string // several by their names; only IDM is known to accept alternatives
	Login   string   // one identity by the name that it logs in with
	Prefix  string   // names that begin with this
	Except  []string // but not with any of these
	With    []string // and that contain each of these
	Without []string // and none of these
	Status  bool     // whether the status is needed
}

// directory is a place where identities are stored, and how it lists them.
type directory struct {
	name     string
	path     func(realm string) string
	version  string
	id       string   // the attribute to search identities by
	fields   []string // the attributes with the name in sessions, the login name and the status
	paged    bool     // lists page by page
	complete bool     // lists all identities; otherwise a list may be silently truncated
}

// managedUsers are the users of IDM, whose lists are complete.
//
// Source: PingOne Advanced Identity Cloud, Authenticate to the REST API with an access token.
var managedUsers = directory{
	name: "managed users", path: managedUsersPath, id: "_id", fields: []string{"_id", "userName", "accountStatus"}, paged: true, complete: true,
}

// amUsers are the versions of AM's own user resource, in the order in which they are tried.
//
// Sources: AM's admin console (4.0, paged); OpenAM 16.0.5 measured (3.0, not paged, and not complete beyond 1,000).
var amUsers = []directory{
	{name: "users 4.0", path: usersPath, version: "4.0", id: "_id", fields: []string{"_id", "username", "inetUserStatus"}, paged: true},
	{name: "users 3.0", path: usersPath, version: "3.0", id: "uid", fields: []string{"username", "uid", "inetUserStatus"}},
}

// directories is what is known about where a deployment stores its identities.
type directories struct {
	users   *lazy[directory] // the version of AM's own resource, the same for all realms
	managed sync.Map         // by realm, a *lazy[bool]: whether it has managed users; the root of Advanced Identity Cloud has none
}

func (d *directories) forget() {
	d.users.forget()
	d.managed.Clear()
}

func usersPath(realm string) string { return realmPath(realm) + "/users" }

// managedUsersPath is the path of IDM's resource, next to AM: /openidm/managed/alpha_user.
func managedUsersPath(realm string) string {
	return siblingPath + "/openidm/managed/" + escape(strings.Trim(realm, "/")) + "_user"
}

const userPageSize = 1000

// ListsAllUsers reports whether Users certainly lists all identities, as with IDM. OpenAM silently truncates a list at
// 1,000. Whether AM's pages go beyond what its identity store returns at once is not documented.
func (c *Client) ListsAllUsers(ctx context.Context, realm string) (bool, error) {
	d, err := c.directory(ctx, realm)
	return d.complete, err
}

// LoginsDiffer reports whether users of a realm may log in with a name other than the one that their sessions have.
func (c *Client) LoginsDiffer(ctx context.Context, realm string) (bool, error) {
	d, err := c.directory(ctx, realm)
	return err == nil && d.id != d.fields[1], err
}

// Users lists identities. Needs an administrator; OpenAM returns an empty list to others.
func (c *Client) Users(ctx context.Context, q UserQuery) iter.Seq2[*User, error] {
	return func(yield func(*User, error) bool) {
		d, err := c.directory(ctx, q.Realm)
		if err != nil {
			yield(nil, err)
			return
		}
		r := d.call(q)
		begun := map[string]bool{} // the first name of each page so far
		for cookie, offset := "", 0; ; {
			users, next, err := c.userPage(ctx, d, r.page(d, cookie, offset))
			if err == nil && (next != "" && next == cookie || len(users) > 0 && begun[users[0].ID]) {
				err = fmt.Errorf("%s failed: the server repeats page %d instead of continuing", r.what, len(begun))
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, user := range users {
				if !yield(user, nil) {
					return
				}
			}
			if !d.paged || next == "" && len(users) < userPageSize {
				return
			}
			if len(users) > 0 {
				begun[users[0].ID] = true
			}
			cookie, offset = next, offset+len(users)
		}
	}
}

// directory finds, once, where the realm stores its identities.
func (c *Client) directory(ctx context.Context, realm string) (directory, error) {
	if managed, err := c.HasManagedUsers(ctx, realm); managed || err != nil {
		return managedUsers, err
	}
	return c.directories.users.get(ctx, func() (directory, error) {
		var refused error
		for _, d := range amUsers {
			has, err := c.serves(ctx, d, realm)
			if has {
				return d, nil
			}
			if !notServed(err) {
				return directory{}, err
			}
			refused = err
		}
		if isKeptFrom(refused) {
			return directory{}, refused
		}
		return directory{}, fmt.Errorf("the account may not list identities anywhere: %w", refused)
	})
}

// HasManagedUsers reports whether there is an IDM next to AM that accepts the account and knows the realm.
func (c *Client) HasManagedUsers(ctx context.Context, realm string) (bool, error) {
	if !c.config.Credentials.bearer() {
		return false, nil // IDM does not accept AM's sessions
	}
	known, _ := c.directories.managed.LoadOrStore(crest.Fold(realmName(realm)), newLazy[bool]())
	return known.(*lazy[bool]).get(ctx, func() (bool, error) {
		has, err := c.serves(ctx, managedUsers, realm)
		if notServed(err) {
			err = nil
		}
		return has, err
	})
}

// serves tests a directory with a query for a user that does not exist.
func (c *Client) serves(ctx context.Context, d directory, realm string) (bool, error) {
	r := d.call(UserQuery{Realm: realm, ID: "amsql-probe"})
	r.what = "probing for identities (" + d.name + ")"
	err := c.send(ctx, r.page(d, "", 0), nil)
	c.log.Debug("directory probed", "directory", d.name, "realm", realmName(realm), "error", err)
	return err == nil, err
}

// notServed reports whether an error means that the directory does not exist, or that the account may not use it.
func notServed(err error) bool {
	return !signInFailed(err) && (IsNotFound(err) || IsForbidden(err) || IsUnauthorized(err))
}

func (d directory) call(q UserQuery) call {
	var terms []crest.Filter
	if q.ID != "" {
		terms = append(terms, crest.Eq(d.id, q.ID))
	}
	if len(q.IDs) > 0 {
		alternatives := crest.Filter{Op: crest.OpOr}
		for _, id := range q.IDs {
			alternatives.Terms = append(alternatives.Terms, crest.Eq(d.id, id))
		}
		terms = append(terms, alternatives)
	}
	if q.Login != "" {
		terms = append(terms, crest.Eq(d.fields[1], q.Login))
	}
	if q.Prefix != "" {
		terms = append(terms, crest.StartsWith(d.id, q.Prefix))
	}
	for _, prefix := range q.Except {
		terms = append(terms, crest.Not(crest.StartsWith(d.id, prefix)))
	}
	for _, part := range q.With {
		terms = append(terms, d.contains(part))
	}
	for _, part := range q.Without {
		terms = append(terms, crest.Not(d.contains(part)))
	}
	query := param("_queryFilter", crest.And(terms...).String())
	switch {
	case !q.Status:
		query = append(query, param("_fields", strings.Join(d.fields[:2], ","))...)
	case d.paged: // AM accepts either spelling of the status; OpenAM, which does not page, sometimes one and sometimes the other
		query = append(query, param("_fields", strings.Join(append(d.fields[:3:3], strings.ToLower(d.fields[2])), ","))...)
	}
	return call{
		what: "the list of identities of realm " + realmName(q.Realm), method: http.MethodGet, path: d.path(q.Realm), version: d.version, safe: true,
		query: query,
		hints: map[int]string{http.StatusNotFound: "the realm does not exist or has no identities"},
	}
}

func (d directory) contains(part string) crest.Filter {
	return crest.Filter{Op: crest.OpContains, Field: d.id, Value: part}
}

// page returns the request for a page: by cookie if the server returned one, otherwise by offset.
func (r call) page(d directory, cookie string, offset int) call {
	if !d.paged {
		return r
	}
	query := append(r.query[:len(r.query):len(r.query)], param("_pageSize", strconv.Itoa(userPageSize))...)
	switch {
	case cookie != "":
		query = append(query, param("_pagedResultsCookie", cookie)...)
	case offset > 0:
		query = append(query, param("_pagedResultsOffset", strconv.Itoa(offset))...)
	}
	r.query = query
	return r
}

// userPage reads one page. A page may be short although another follows: if there is a cookie, it decides.
func (c *Client) userPage(ctx context.Context, d directory, r call) (users []*User, cookie string, err error) {
	answer, err := c.exchange(ctx, r)
	if err != nil {
		return nil, "", err
	}
	defer answer.Close()
	cookie = streamResult(answer, func(row *map[string]any, failure error) bool {
		if err = failure; err == nil {
			users = append(users, d.user(*row))
		}
		return err == nil
	})
	return users, cookie, err
}

func (d directory) user(row map[string]any) *User {
	u := &User{}
	for name, value := range row {
		switch {
		case strings.EqualFold(name, d.fields[0]):
			u.ID = first(value)
		case strings.EqualFold(name, d.fields[1]):
			u.Login = first(value)
		case strings.EqualFold(name, d.fields[2]):
			u.Status = first(value)
		}
	}
	u.Login = cmp.Or(u.Login, u.ID)
	u.ID = crest.Lower(u.ID) // as in lists of sessions
	return u
}

// first returns the text of an attribute, which AM sends as a string or as a list with one string.
func first(value any) string {
	if list, ok := value.([]any); ok && len(list) > 0 {
		value = list[0]
	}
	text, _ := value.(string)
	return text
}
