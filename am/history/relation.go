package history

import (
	"fmt"
	"slices"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A relation is a table of a store. Beside its columns, each row has the server and the time of its snapshot.
type relation struct {
	name    string
	columns []table.Column
	key     []string // what tells the rows of a snapshot apart; nil: nothing does
	once    bool     // of a snapshot in shards, the first keeps it

	// Of a relation that keeps a table of the product: that table's name, which the view of the latest snapshot has, and its
	// columns as that view makes them if they are not kept as they are.
	of     table.Table
	from   []int // of each column, which of the table's it is; -1: none of them
	shown  map[string]string
	beside string   // a column that the view has besides
	omits  []string // columns that neither a snapshot keeps nor its view has

	renamed map[string][]renamed // of columns: the words that an earlier amsql has kept

	merged map[string]string // if shards have a row each: how one is made of them; other columns are the first shard's
}

// renamed is a word of a column that was another one.
type renamed struct{ was, is string }

// The columns that every relation has first.
var snapshotKey = []table.Column{{Name: "server", Type: table.Text}, {Name: "taken_at", Type: table.Timestamp}}

// The columns of relations in which each shard has rows of its own. A snapshot without shards is shard 0 of 1.
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
		{Name: "clock_skew_seconds", Type: table.Integer}, // how far the server's clock was ahead of the one that taken_at is by
	}),
}

// keptAs names the relations that keep tables of the product, with the columns that they have besides. Tokens' tables are
// none: nobody lists tokens.
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

// mergedScan makes one scan of a realm of those of its shards. What a shard that is missing would have found is not known,
// as if a list is cut.
var mergedScan = map[string]string{
	"sessions": "cast(sum(sessions) as bigint)",
	"completeness": "case when count(*) < max(shards) or min(shards) < max(shards) or count(case when completeness = 'truncated' then 1 end) > 0" +
		" then 'truncated' else min(completeness) end", // 'by_user' comes before 'complete'
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
			all = append(all, r.keeping(t))
		}
	}
	return all
}

// keeping adds the columns that are kept of a table.
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

// all are the relation's columns with those that every one has.
func (r relation) all() []table.Column { return slices.Concat(snapshotKey, r.columns) }

// withoutShard are the relation's columns except those that tell shards apart.
func (r relation) withoutShard() []table.Column {
	return slices.DeleteFunc(slices.Clone(r.columns), func(c table.Column) bool { return c.Name == "shard" || c.Name == "shards" })
}

// names are those of all columns.
func (r relation) names() []string {
	var names []string
	for _, c := range r.all() {
		names = append(names, c.Name)
	}
	return names
}

// column is where the relation has the column with the name.
func (r relation) column(name string) int {
	return slices.IndexFunc(r.columns, func(c table.Column) bool { return c.Name == name })
}

// word is a kept text of a column as it is written now.
func (r relation) word(column, kept string) string {
	for _, w := range r.renamed[column] {
		if kept == w.was {
			return w.is
		}
	}
	return kept
}

// rename are the statements that make what is kept as it is written now.
func (r relation) rename() (statements []string) {
	for column, words := range r.renamed {
		for _, w := range words {
			statements = append(statements, fmt.Sprintf("update %s set %s = '%s' where %[2]s = '%[4]s'", r.name, column, w.is, w.was))
		}
	}
	return statements
}

// cells are those of the relation's columns of a row of the product's table; those of columns that the table lacks are NULL.
func (r relation) cells(row any) []any {
	cells := make([]any, len(r.columns))
	for i, from := range r.from {
		if from >= 0 {
			cells[i] = r.of.Cell(row, from)
		}
	}
	return cells
}
