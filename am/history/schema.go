package history

import (
	_ "embed" // views
	"fmt"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am"
)

// schemaVersion is raised when tables or views change, so that stores are brought up to them: tables get the columns that
// they lack, views are made anew.
const schemaVersion = 1

var (
	//go:embed views.sql
	views string
	//go:embed views_sqlite.sql
	viewsSQLite string
	//go:embed views_postgres.sql
	viewsPostgres string
)

// A dialect is what stores write differently.
type dialect struct {
	types  map[am.Type]string
	suffix func(r relation) string // of CREATE TABLE
}

// createTable is the statement that makes the relation.
func (d dialect) createTable(r relation) string {
	var parts []string
	for _, c := range r.all() {
		parts = append(parts, c.Name+" "+d.types[c.Type])
	}
	parts[0] += " not null"
	parts[1] += " not null"
	if r.key != nil {
		parts = append(parts, "primary key ("+strings.Join(append([]string{"server", "taken_at"}, r.key...), ", ")+")")
	}
	return fmt.Sprintf("create table if not exists %s (%s)%s", r.name, strings.Join(parts, ", "), d.suffix(r))
}

// createIndex is the statement that makes a relation without a key quick to read by snapshot, "" for those with one.
func (r relation) createIndex() string {
	if r.key != nil {
		return ""
	}
	return fmt.Sprintf("create index if not exists %s_snapshot on %[1]s (server, taken_at)", r.name)
}

// latest are the snapshots that the views of the product's tables show.
const latest = "create view am_latest as select server as base_url, max(taken_at) as taken_at from snapshot group by server"

// createView is the statement that makes the view with the name and the columns of the product's table.
func (r relation) createView() string {
	var columns []string
	for _, c := range r.of.Columns() {
		if how := r.shown[c.Name]; how != "" {
			columns = append(columns, how+" as "+c.Name)
		} else {
			columns = append(columns, c.Name)
		}
	}
	if r.beside != "" {
		columns = append(columns, r.beside)
	}
	return fmt.Sprintf("create view %s as select %s from (select r.* from %s r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r",
		r.of.Name(), strings.Join(columns, ", "), r.name)
}

// createViews are the statements that make all views that do not depend on the dialect.
func createViews() string {
	statements := []string{latest}
	for _, r := range relations() {
		if r.of != nil {
			statements = append(statements, r.createView())
		}
	}
	return strings.Join(append(statements, views), ";\n")
}
