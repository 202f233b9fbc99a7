package history

import (
	_ "embed" // views
	"fmt"
	"regexp"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// schemaVersion must be increased when tables or views change. Stores are then updated: missing columns are added to
// tables, and views are created again.
const schemaVersion = 4

var (
	//go:embed views.sql
	views string
	//go:embed views_sqlite.sql
	viewsSQLite string
	//go:embed views_postgres.sql
	viewsPostgres string

	// SessionAt is the query behind am_session_at(moment), over an SQLite file that is attached as history; in
	// PostgreSQL it is a function. It returns the rows of am_session_seen that are valid at that time, from the
	// snapshots since each realm was last listed completely.
	//go:embed session_at.sql
	SessionAt string
)

// KnownAt is the query for what an answer of am_session_at(moment) is based on: for each server, the last snapshot
// before that time (NULL if there is none), the first snapshot, and the time.
const KnownAt = `select server, max(case when taken_at <= t then taken_at end), min(taken_at), t
from "history file".snapshot, (select coalesce(utc(:moment), now()) as t) group by server order by server`

// Ahead is the query for servers with snapshots ahead of the clock, and the latest of these snapshots.
const Ahead = `select server, max(taken_at) from "history file".snapshot where taken_at > strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 minute') group by server`

// A dialect contains what differs between stores.
type dialect struct {
	types  map[table.Type]string
	suffix func(r relation) string // at the end of CREATE TABLE
	soon   string                  // the current time plus [Tolerance]: snapshots after it are ahead of the store's clock
	views  string                  // additional views of this dialect
}

// createTables returns the statements that create missing tables and indexes.
func (d dialect) createTables() string {
	var statements []string
	for _, r := range relations() {
		statements = append(statements, d.createTable(r))
		if r.key == nil {
			statements = append(statements, r.createIndex())
		}
	}
	return strings.Join(statements, ";\n")
}

// createTable returns the statement that creates the relation.
func (d dialect) createTable(r relation) string {
	var parts []string
	for _, c := range snapshotKey {
		parts = append(parts, c.Name+" "+d.types[c.Type]+" not null")
	}
	for _, c := range r.columns {
		parts = append(parts, c.Name+" "+d.types[c.Type])
	}
	if r.key != nil {
		parts = append(parts, "primary key ("+strings.Join(append([]string{"server", "taken_at"}, r.key...), ", ")+")")
	}
	return fmt.Sprintf("create table if not exists %s (%s)%s", r.name, strings.Join(parts, ", "), d.suffix(r))
}

// createIndex returns the statement that makes reading by snapshot fast in a relation without a key.
func (r relation) createIndex() string {
	return fmt.Sprintf("create index if not exists %s_snapshot on %[1]s (server, taken_at)", r.name)
}

// latest is the view of the snapshots that the views of the product's tables show. It contains a snapshot with missing
// shards, or one ahead of the store's clock (SOON), only if there is no other. It groups the table itself, because
// PostgreSQL can estimate the number of groups only then.
const latest = `create view am_latest as
select
  server as base_url,
  coalesce(
    max(case when s.taken_at <= SOON and (s.shards = 1 or s.shards = (
      select case when min(o.shards) = max(o.shards) then count(*) end
      from snapshot o
      where o.server = s.server and o.taken_at = s.taken_at
    )) then s.taken_at end),
    max(case when s.taken_at <= SOON then s.taken_at end),
    max(s.taken_at)
  ) as taken_at
from snapshot s
group by server`

// mergedView returns the name of the view that combines the rows of shards.
func (r relation) mergedView() string {
	if r.merged == nil {
		return r.name
	}
	return "merged_" + r.name
}

// createMerged returns the statement that creates that view. It reads rows that need no combining directly from the
// table, by its index.
func (r relation) createMerged() string {
	const ofShards = "from %s o where o.server = c.server and o.taken_at = c.taken_at and o.realm = c.realm)"
	columns := []string{"c.server", "c.taken_at"}
	for _, c := range r.withoutShard() {
		if how := r.merged[c.Name]; how != "" {
			columns = append(columns, fmt.Sprintf("case when c.shards = 1 then c.%[1]s else (select %s "+ofShards+" end as %[1]s", c.Name, how, r.name))
		} else {
			columns = append(columns, "c."+c.Name)
		}
	}
	return fmt.Sprintf("create view %s as\nselect\n  %s\nfrom %s c\nwhere c.shards = 1 or c.shard = (select min(o.shard) "+ofShards,
		r.mergedView(), strings.Join(columns, ",\n  "), r.name, r.name)
}

// createView returns the statement that creates the view with the name and the columns of the product's table.
func (r relation) createView() string {
	var columns []string
	for _, c := range r.of.Columns() {
		switch how := r.shown[c.Name]; {
		case how != "":
			columns = append(columns, how+" as "+c.Name)
		case r.has(c):
			columns = append(columns, c.Name)
		}
	}
	if r.beside != "" {
		columns = append(columns, r.beside)
	}
	return fmt.Sprintf("create view %s as select %s from (select r.* from %s r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r",
		r.of.Name(), strings.Join(columns, ", "), r.mergedView())
}

// createViews returns the statements that create all views.
func (d dialect) createViews() string {
	statements := []string{strings.ReplaceAll(latest, "SOON", d.soon)}
	for _, r := range relations() {
		if r.merged != nil {
			statements = append(statements, r.createMerged())
		}
		if r.of != nil {
			statements = append(statements, r.createView())
		}
	}
	return strings.Join(append(statements, views), ";\n") + d.views
}

// createdView matches the name of a view in the statement that creates it.
var createdView = regexp.MustCompile(`(?m)^create view (\w+)`)

// viewNames returns the names of all views.
func (d dialect) viewNames() (names []string) {
	for _, found := range createdView.FindAllStringSubmatch(d.createViews(), -1) {
		names = append(names, found[1])
	}
	return names
}

// tableNames returns the names of all relations.
func tableNames() (names []string) {
	for _, r := range relations() {
		names = append(names, r.name)
	}
	return names
}

// shardTexts is the beginning of a query for the shards of a snapshot.
const shardTexts = "select shard || '/' || shards from snapshot where "

func parseShards(texts []string, err error) (shards []inventory.Shard, _ error) {
	for _, text := range texts {
		shard, err := inventory.ParseShard(text)
		if err != nil {
			return nil, err
		}
		shards = append(shards, shard)
	}
	return shards, err
}
