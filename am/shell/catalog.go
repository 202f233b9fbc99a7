package shell

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// describedTable is a table as the shell tells of it: a connection's or a file's, or one that a statement has made, without
// schema.
type describedTable struct {
	schema, name, description string
	keys                      []string
	columns                   []table.Column
}

// catalog are all tables: the connections', then the user's own.
func (s *shell) catalog(ctx context.Context) (tables []describedTable) {
	for _, schema := range s.Schemas {
		for _, t := range schema.Tables {
			described := describedTable{schema: schema.Name, name: t.Name(), keys: t.Keys(), columns: t.Columns()}
			if source, ok := t.(interface{ Description() string }); ok {
				described.description = source.Description()
			}
			tables = append(tables, described)
		}
	}
	return append(tables, s.ownTables(ctx)...)
}

const ownTablesSQL = `
select t.name, c.name, c.type, iif(t.schema in ('main', 'temp'), '', t.schema) as schema
from pragma_table_list t, pragma_table_info(t.name, t.schema) c
where (t.type in ('table', 'view') or t.schema || ' file' in (select name from pragma_database_list))
  and t.schema not like '% file'
  and t.name not like 'sqlite!_%' escape '!'
order by schema, t.name, c.cid`

// ownTables are those that statements have made and those of files, in the schemas of these.
func (s *shell) ownTables(ctx context.Context) (tables []describedTable) {
	rows, err := s.DB.Query(ctx, ownTablesSQL)
	if err != nil {
		return nil
	}
	return describeTables(rows) //nolint:contextcheck // the rows have theirs
}

func describeTables(rows *engine.Rows) (tables []describedTable) {
	defer func() { _ = rows.Close() }() // what is missing of them is not offered
	for rows.Next() {
		cell := func(i int) string { text, _ := rows.Values()[i].(string); return text }
		if n := len(tables); n == 0 || tables[n-1].name != cell(0) || tables[n-1].schema != cell(3) {
			tables = append(tables, describedTable{schema: cell(3), name: cell(0)})
		}
		t := &tables[len(tables)-1]
		t.columns = append(t.columns, table.Column{Name: cell(1), Type: declaredType(cell(2))})
	}
	return tables
}

func declaredType(declared string) table.Type {
	switch strings.ToUpper(declared) {
	case "INTEGER", "INT":
		return table.Integer
	case "REAL", "DOUBLE":
		return table.Double
	}
	return table.Text
}

// find finds a table by its name, with or without its schema.
func (s *shell) find(ctx context.Context, name string) (describedTable, bool) {
	schema, table, qualified := strings.Cut(name, ".")
	if !qualified {
		schema, table = "", name
	}
	tables := s.catalog(ctx)
	for _, wanted := range []string{cmp.Or(schema, s.First), schema} {
		i := slices.IndexFunc(tables, func(t describedTable) bool {
			return strings.EqualFold(t.schema, wanted) && strings.EqualFold(t.name, table)
		})
		if i >= 0 {
			return tables[i], true
		}
	}
	return describedTable{}, false
}

// realmNames are the realms of connections, each asked once, in the background.
type realmNames struct {
	asked   map[string]chan []string // by schema
	known   map[string][]string
	working sync.WaitGroup
	cancels []context.CancelFunc
}

// patience is how long a press of Tab waits for realms. The next one has them.
const patience = 200 * time.Millisecond

// of are the realms of a schema, none while they are not there.
func (r *realmNames) of(s workspace.Schema) []string {
	if r.asked == nil {
		r.asked, r.known = map[string]chan []string{}, map[string][]string{}
	}
	answer := r.asked[s.Name]
	if answer == nil {
		answer = make(chan []string, 1)
		r.asked[s.Name] = answer
		ctx, cancel := context.WithCancel(connection.Unattended(context.Background())) // while the editor reads
		r.cancels = append(r.cancels, cancel)
		r.working.Go(func() { answer <- listRealms(ctx, s.Members) })
	}
	if names, ok := r.known[s.Name]; ok {
		return names
	}
	select {
	case r.known[s.Name] = <-answer:
	case <-time.After(patience):
	}
	return r.known[s.Name]
}

// listRealms leaves out what cannot be had: a query will say why.
func listRealms(ctx context.Context, connections []*connection.Connection) (names []string) {
	for _, c := range connections {
		for realm, err := range c.Client().Realms(ctx) {
			if err != nil {
				break
			}
			names = append(names, realm.Path())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// stop ends what is under way.
func (r *realmNames) stop() {
	for _, cancel := range r.cancels {
		cancel()
	}
	r.working.Wait()
}
