package history

import (
	"fmt"
	"slices"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A relation is a table of a store. In addition to its columns, each row has the server and the time of its snapshot.
type relation struct {
	name    string
	columns []table.Column
	key     []string // the columns that identify a row within a snapshot; nil if none do
	once    bool     // if a snapshot has shards, only the first saves it

	// If the relation saves a table of the product: that table. The view of the latest snapshot has its name and its
	// columns; columns that are not saved as they are have an expression in the view.
	of     table.Table
	from   []int // for each column, its index in the table; -1 if the table lacks it
	shown  map[string]string
	beside string   // an additional column of the view
	omits  []string // columns that are neither saved nor in the view

	renamed map[string][]renamed // by column: words that an earlier version of amsql saved

	merged map[string]string // if each shard has its own row: how to combine a column of several shards; other columns come from the first shard
}

// renamed is a value of a column that has a new name.
type renamed struct{ was, is string }

// The first columns of every relation.
var snapshotKey = []table.Column{{Name: "server", Type: table.Text}, {Name: "taken_at", Type: table.Timestamp}}

// The columns of relations in which each shard has its own rows. A snapshot without shards is shard 0 of 1.
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
		{Name: "clock_skew_seconds", Type: table.Integer}, // how far the server's clock was ahead of the one that taken_at comes from
	}),
}

// keptAs contains the relations that save tables of the product, and their additional columns. Tables of tokens are not
// among them, because AM does not list tokens.
var keptAs = map[string]relation{
	"am_session": {
		name: "session", key: []string{"session"}, columns: []table.Column{{Name: "session", Type: table.Text}}, beside: "session",
		shown: map[string]string{"base_url": "server", "title": "username || ' @ ' || realm"}, omits: []string{"login_name"},
	},
	"am_session_scan": {
		name: "session_scan", key: []string{"realm", "shard"}, columns: shardColumns, merged: mergedScan,
		renamed: map[string][]renamed{"completeness": { // since version 3 of the schema
			{"whole", string(inventory.Complete)}, {"by user", string(inventory.ByUser)}, {"cut", string(inventory.Truncated)},
		}},
		shown: map[string]string{"base_url": "server", "title": "realm"},
	},
	"am_realm":           {name: "realm", once: true, shown: map[string]string{"base_url": "server", "title": "path"}},
	"am_session_service": {name: "session_service", once: true, shown: map[string]string{"base_url": "server", "title": "realm"}},
	"am_user":            {name: "identity", shown: map[string]string{"base_url": "server"}},
	"am_server":          {name: "deployment", once: true, shown: map[string]string{"base_url": "server", "title": "server"}},
}

// mergedScan combines the shards' scans of a realm into one. If a shard is missing, its sessions are not known, as if
// the list were truncated.
var mergedScan = map[string]string{
	"sessions": "cast(sum(sessions) as bigint)",
	"completeness": "case when count(*) < max(shards) or min(shards) < max(shards) or count(case when completeness = 'truncated' then 1 end) > 0" +
		" then 'truncated' else min(completeness) end", // 'by_user' sorts before 'complete'
	"identities":     "cast(sum(identities) as bigint)",
	"identities_cut": "cast(sum(identities_cut) as bigint)",
	"reason": "coalesce(min(reason), case when min(shards) < max(shards) then 'its shards are of several numbers' when count(*) < max(shards)" +
		" then 'only ' || cast(count(*) as varchar(20)) || ' of ' || cast(max(shards) as varchar(20)) || ' shards are kept' end)",
	"requests":   "cast(sum(requests) as bigint)",
	"elapsed_ms": "max(elapsed_ms)",
	"error":      "min(error)",
}

// relations returns all tables of a store.
func relations() []relation {
	all := []relation{snapshots}
	for _, t := range am.Tables(nil) {
		if r, kept := keptAs[t.Name()]; kept {
			all = append(all, r.keeping(t))
		}
	}
	return all
}

// keeping adds the columns of a table that are saved.
func (r relation) keeping(t table.Table) relation {
	r.of, r.columns = t, slices.Clone(r.columns)
	for range r.columns {
		r.from = append(r.from, -1)
	}
	for i, c := range t.Columns() {
		if r.shown[c.Name] == "" && r.has(c) {
			r.columns, r.from = append(r.columns, c), append(r.from, i)
		}
	}
	return r
}

// has reports whether a view of the table has the column.
func (r relation) has(c table.Column) bool { return !slices.Contains(r.omits, c.Name) }

// all returns all columns, including those that every relation has.
func (r relation) all() []table.Column { return slices.Concat(snapshotKey, r.columns) }

// withoutShard returns the relation's columns without those that distinguish shards.
func (r relation) withoutShard() []table.Column {
	return slices.DeleteFunc(slices.Clone(r.columns), func(c table.Column) bool { return c.Name == "shard" || c.Name == "shards" })
}

// names returns the names of all columns.
func (r relation) names() []string {
	var names []string
	for _, c := range r.all() {
		names = append(names, c.Name)
	}
	return names
}

// column returns the index of the column with this name.
func (r relation) column(name string) int {
	return slices.IndexFunc(r.columns, func(c table.Column) bool { return c.Name == name })
}

// word returns the present name of a saved value.
func (r relation) word(column, kept string) string {
	for _, w := range r.renamed[column] {
		if kept == w.was {
			return w.is
		}
	}
	return kept
}

// rename returns the statements that update saved values to their present names.
func (r relation) rename() (statements []string) {
	for column, words := range r.renamed {
		for _, w := range words {
			statements = append(statements, fmt.Sprintf("update %s set %s = '%s' where %[2]s = '%[4]s'", r.name, column, w.is, w.was))
		}
	}
	return statements
}

// cells converts a row of the product's table to cells of the relation's columns. Columns that the table lacks are
// NULL.
func (r relation) cells(row any) []any {
	cells := make([]any, len(r.columns))
	for i, from := range r.from {
		if from >= 0 {
			cells[i] = r.of.Cell(row, from)
		}
	}
	return cells
}
