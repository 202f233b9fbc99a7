package history

import (
	"slices"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A relation is a table of a store. Beside its columns, each row has the server and the time of its snapshot.
type relation struct {
	name    string
	columns []table.Column
	key     []string // what tells the rows of a snapshot apart; nil: nothing does
	once    bool     // of a snapshot in shards, the first keeps it

	// Of a relation that keeps a table of the product: that table's name, which the view of the latest snapshot has, and its
	// columns as that view makes them where they are not kept as they are.
	of     table.Table
	shown  map[string]string
	beside string // a column that the view has besides

	merged map[string]string // where shards have a row each: how one is made of them; other columns are the first shard's
}

// The columns that every relation has first.
var snapshotKey = []table.Column{{Name: "server", Type: table.Text}, {Name: "taken_at", Type: table.Timestamp}}

// The columns of relations of which each shard has rows of its own. A snapshot that is whole is shard 0 of 1.
var shardColumns = []table.Column{{Name: "shard", Type: table.Integer}, {Name: "shards", Type: table.Integer}}

var snapshots = relation{
	name: "snapshot",
	key:  []string{"shard"},
	columns: slices.Concat(shardColumns, []table.Column{
		{Name: "connection", Type: table.Text},
		{Name: "amsql_version", Type: table.Text},
		{Name: "elapsed_ms", Type: table.Double},
		{Name: "fingerprint_key", Type: table.Text},
		{Name: "missing", Type: table.Text},
	}),
}

// keptAs names the relations that keep tables of the product, with the columns that they have besides. Tokens' tables are
// none: nobody lists tokens.
var keptAs = map[string]relation{
	"am_session": {
		name: "session", key: []string{"session"}, columns: []table.Column{{Name: "session", Type: table.Text}}, beside: "session",
		shown: map[string]string{"base_url": "server", "title": "username || ' @ ' || realm"},
	},
	"am_session_scan": {
		name: "session_scan", key: []string{"realm", "shard"}, columns: shardColumns, merged: mergedScan,
		shown: map[string]string{"base_url": "server", "title": "realm"},
	},
	"am_realm":           {name: "realm", once: true, shown: map[string]string{"base_url": "server", "title": "path"}},
	"am_session_service": {name: "session_service", once: true, shown: map[string]string{"base_url": "server", "title": "realm"}},
	"am_user":            {name: "identity", shown: map[string]string{"base_url": "server"}},
	"am_server":          {name: "deployment", once: true, shown: map[string]string{"base_url": "server", "title": "server"}},
}

// mergedScan makes one scan of a realm of those of its shards. What a shard that is missing would have found is not known,
// as where a list is cut.
var mergedScan = map[string]string{
	"sessions": "cast(sum(sessions) as bigint)",
	"completeness": "case when count(*) < max(shards) or min(shards) < max(shards) or count(case when completeness = 'cut' then 1 end) > 0" +
		" then 'cut' else min(completeness) end", // 'by user' comes before 'whole'
	"identities":     "cast(sum(identities) as bigint)",
	"identities_cut": "cast(sum(identities_cut) as bigint)",
	"reason": "coalesce(min(reason), case when min(shards) < max(shards) then 'its shards are of several numbers' when count(*) < max(shards)" +
		" then 'only ' || cast(count(*) as varchar(20)) || ' of ' || cast(max(shards) as varchar(20)) || ' shards are kept' end)",
	"requests":   "cast(sum(requests) as bigint)",
	"elapsed_ms": "max(elapsed_ms)",
	"error":      "min(error)",
}

// relations are all tables of a store.
func relations() []relation {
	all := []relation{snapshots}
	for _, t := range am.Tables(nil) {
		if r, kept := keptAs[t.Name()]; kept {
			r.of = t
			r.columns = slices.Concat(r.columns, slices.DeleteFunc(t.Columns(), func(c table.Column) bool { return r.shown[c.Name] != "" }))
			all = append(all, r)
		}
	}
	return all
}

// all are the relation's columns with those that every one has.
func (r relation) all() []table.Column { return slices.Concat(snapshotKey, r.columns) }

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
