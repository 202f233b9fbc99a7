package workspace

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A DescribedTable is a table in lists of tables: that of a connection or a file, or one that a statement has created,
// which has no schema.
type DescribedTable struct {
	Schema, Name, Description string
	Keys                      []string
	Columns                   []table.Column
}

// Catalog returns all tables: those of the connections, then the user's own.
func (w *Workspace) Catalog(ctx context.Context) (tables []DescribedTable) {
	for _, schema := range w.Schemas {
		for _, t := range schema.Tables {
			described := DescribedTable{Schema: schema.Name, Name: t.Name(), Keys: t.Keys(), Columns: t.Columns()}
			if source, ok := t.(interface{ Description() string }); ok {
				described.Description = source.Description()
			}
			tables = append(tables, described)
		}
	}
	return append(tables, w.ownTables(ctx)...)
}

const ownTablesSQL = `
select t.name, c.name, c.type, iif(t.schema in ('main', 'temp'), '', t.schema) as schema
from pragma_table_list t, pragma_table_info(t.name, t.schema) c
where (t.type in ('table', 'view') or t.schema || ' file' in (select name from pragma_database_list))
  and t.schema not like '% file'
  and t.name not like 'sqlite!_%' escape '!'
order by schema, t.name, c.cid`

// ownTables returns the tables that statements have created, and those of files.
func (w *Workspace) ownTables(ctx context.Context) (tables []DescribedTable) {
	rows, err := w.DB.Query(ctx, ownTablesSQL)
	if err != nil {
		return nil
	}
	return describeTables(rows) //nolint:contextcheck // the rows have theirs
}

func describeTables(rows *engine.Rows) (tables []DescribedTable) {
	defer func() { _ = rows.Close() }() // missing tables are only not offered
	for rows.Next() {
		cell := func(i int) string { text, _ := rows.Values()[i].(string); return text }
		if n := len(tables); n == 0 || tables[n-1].Name != cell(0) || tables[n-1].Schema != cell(3) {
			tables = append(tables, DescribedTable{Schema: cell(3), Name: cell(0)})
		}
		t := &tables[len(tables)-1]
		t.Columns = append(t.Columns, table.Column{Name: cell(1), Type: declaredType(cell(2))})
	}
	return tables
}

func declaredType(declared string) table.Type {
	switch strings.ToUpper(declared) {
	case "INTEGER", "INT":
		return table.Integer
	case "REAL", "DOUBLE":
		return table.Double
	case "BOOLEAN":
		return table.Boolean
	case "TIMESTAMP TEXT":
		return table.Timestamp
	case "JSON TEXT":
		return table.JSON
	}
	return table.Text
}

// Find finds a table by name, with or without its schema.
func (w *Workspace) Find(ctx context.Context, name string) (DescribedTable, bool) {
	schema, table, qualified := strings.Cut(name, ".")
	if !qualified {
		schema, table = "", name
	}
	tables := w.Catalog(ctx)
	for _, wanted := range []string{cmp.Or(schema, w.First), schema} {
		i := slices.IndexFunc(tables, func(t DescribedTable) bool {
			return strings.EqualFold(t.Schema, wanted) && strings.EqualFold(t.Name, table)
		})
		if i >= 0 {
			return tables[i], true
		}
	}
	return DescribedTable{}, false
}
