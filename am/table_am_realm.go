package am

import (
	"context"
	"iter"
	"path"
	"sync"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var realmTable = tableOf[realm]{
	name:        "am_realm",
	description: "A realm: the unit that sessions, identities and limits belong to.",
	keys:        []string{"path"},
	columns: []column[realm]{
		{"path", table.Text, "Full path with a leading slash; / is the root.", func(r *realm) any { return r.path }},
		{"name", table.Text, "The last element of the path; / for the root.", func(r *realm) any { return path.Base(r.path) }},
		{"parent_path", table.Text, "Full path of the parent realm. NULL for the root.", (*realm).parent},
		{"active", table.Boolean, "Whether users can log in. Sessions of an inactive realm are not ended. NULL, like the following two columns, if the account may not list realms.", (*realm).active},
		{"aliases", table.JSON, "Other names of the realm, such as host names that lead to it: an array of strings.", (*realm).aliases},
		{"id", table.Text, "Identifier of the realm in AM's configuration (_id).", func(r *realm) any { return text(r.ID) }},
		{"title", table.Text, "The path.", func(r *realm) any { return r.path }},
		{"akas", table.JSON, "Addresses of the realm: an array with the URL of its REST resources.", func(r *realm) any { return []string{r.url} }},
		{"base_url", table.Text, "Address of the deployment.", func(r *realm) any { return r.baseURL }},
	},
	rows:    realms,
	lookups: func(rowsOf[realm]) rowsOf[realm] { return new(realmLookups).rows },
}

// realm is a row of am_realm.
type realm struct {
	rest.Realm // zero unless AM listed the realm
	path       string
	listed     bool
	url        string
	baseURL    string
}

func realms(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*realm, error] {
	return func(yield func(*realm, error) bool) {
		for r, err := range c.Inventory().Realms(ctx, q.Texts("path")) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(newRealm(c, r), nil) {
				return
			}
		}
	}
}

// realmLookups answers the lookups by path of one statement. Each would list all realms, so they are listed once.
type realmLookups struct {
	mu     sync.Mutex
	listed map[string]inventory.Realm // by the Fold of the path
}

func (l *realmLookups) rows(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*realm, error] {
	return func(yield func(*realm, error) bool) {
		listed, err := l.list(ctx, c)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, path := range crest.Distinct(q.Texts("path")) {
			r, ok := listed[crest.Fold(path)]
			if r.Path = path; ok && !yield(newRealm(c, r), nil) {
				return
			}
		}
	}
}

func (l *realmLookups) list(ctx context.Context, c *connection.Connection) (map[string]inventory.Realm, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listed != nil {
		return l.listed, nil
	}
	listed := map[string]inventory.Realm{}
	for r, err := range c.Inventory().Realms(ctx, nil) {
		if err != nil {
			return nil, err
		}
		listed[crest.Fold(r.Path)] = r
	}
	l.listed = listed
	return listed, nil
}

func newRealm(c *connection.Connection, r inventory.Realm) *realm {
	row := &realm{path: r.Path, listed: r.Listed != nil, url: c.Client().RealmURL(r.Path), baseURL: c.BaseURL()}
	if r.Listed != nil {
		row.Realm = *r.Listed
	}
	return row
}

func (r *realm) parent() any {
	if r.path == "/" {
		return nil
	}
	return path.Dir(r.path)
}

func (r *realm) active() any {
	if !r.listed {
		return nil
	}
	return r.Active
}

func (r *realm) aliases() any {
	if r.Aliases == nil {
		return nil
	}
	return r.Aliases
}
