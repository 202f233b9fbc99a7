package history

import (
	"slices"

	"github.com/amsql/steampipe-plugin-am/am"
)

// A relation is a table of a store. Beside its columns, each row has the server and the time of its snapshot.
type relation struct {
	name    string
	columns []am.Column
	key     []string // what tells the rows of a snapshot apart; nil: nothing does

	// Of a relation that keeps a table of the product: that table's name, which the view of the latest snapshot has, and its
	// columns as that view makes them where they are not kept as they are.
	of     am.Table
	shown  map[string]string
	beside string // a column that the view has besides
}

// The columns that every relation has first.
var snapshotKey = []am.Column{{Name: "server", Type: am.Text}, {Name: "taken_at", Type: am.Timestamp}}

var snapshots = relation{
	name: "snapshot",
	key:  []string{},
	columns: []am.Column{
		{Name: "connection", Type: am.Text},
		{Name: "amsql_version", Type: am.Text},
		{Name: "elapsed_ms", Type: am.Double},
		{Name: "fingerprint_key", Type: am.Text},
		{Name: "missing", Type: am.Text},
	},
}

// keptAs names the relations that keep tables of the product. Tokens' tables are none: nobody lists tokens.
var keptAs = map[string]relation{
	"am_session": {
		name: "session", key: []string{"session"}, beside: "session",
		shown: map[string]string{"base_url": "server", "title": "username || ' @ ' || realm"},
	},
	"am_session_scan":    {name: "session_scan", key: []string{"realm"}, shown: map[string]string{"base_url": "server", "title": "realm"}},
	"am_realm":           {name: "realm", shown: map[string]string{"base_url": "server", "title": "path"}},
	"am_session_service": {name: "session_service", shown: map[string]string{"base_url": "server", "title": "realm"}},
	"am_user":            {name: "identity", shown: map[string]string{"base_url": "server"}},
	"am_server":          {name: "deployment", shown: map[string]string{"base_url": "server", "title": "server"}},
}

// relations are all tables of a store.
func relations() []relation {
	all := []relation{snapshots}
	for _, t := range (*am.Connection)(nil).Tables() {
		if r, kept := keptAs[t.Name()]; kept {
			r.of = t
			if r.beside != "" {
				r.columns = append(r.columns, am.Column{Name: r.beside, Type: am.Text})
			}
			r.columns = append(r.columns, slices.DeleteFunc(t.Columns(), func(c am.Column) bool { return r.shown[c.Name] != "" })...)
			all = append(all, r)
		}
	}
	return all
}

// all are the relation's columns with those that every one has.
func (r relation) all() []am.Column { return slices.Concat(snapshotKey, r.columns) }

// names are those of all columns.
func (r relation) names() []string {
	var names []string
	for _, c := range r.all() {
		names = append(names, c.Name)
	}
	return names
}

// cells are a row's of the product's table that the relation keeps, in the order of its columns.
func (r relation) cells(row any) []any {
	var cells []any
	for i, c := range r.of.Columns() {
		if r.shown[c.Name] == "" {
			cells = append(cells, r.of.Cell(row, i))
		}
	}
	return cells
}
