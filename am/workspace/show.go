package workspace

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// show answers SHOW and DESCRIBE like the shell's dot commands.
func (w *Workspace) show(ctx context.Context, show engine.Show) (engine.Result, error) {
	switch show.What {
	case engine.ShownTables:
		return w.ListTables(ctx, show.Of)
	case engine.ShownMethods:
		return w.listMethods(ctx, show.Of)
	}
	_, result, err := w.Describe(ctx, show.Of)
	return result, err
}

// ListTables lists the tables of a schema, or of all schemas if its name is "".
func (w *Workspace) ListTables(ctx context.Context, schema string) (engine.Result, error) {
	result := engine.Result{Columns: []table.Column{{Name: "connection"}, {Name: "table"}, {Name: "description"}}}
	for _, t := range w.Catalog(ctx) {
		if schema == "" || strings.EqualFold(t.Schema, schema) {
			result.Rows = append(result.Rows, []any{t.Schema, t.Name, t.Description})
		}
	}
	if result.Rows == nil {
		return result, w.NoConnection(schema)
	}
	return result, nil
}

// NoConnection returns the error for a connection that does not exist.
func (w *Workspace) NoConnection(name string) error {
	if len(w.Schemas) == 0 {
		return ErrNoConnection
	}
	var names []string
	for _, schema := range w.Schemas {
		names = append(names, schema.Name)
	}
	return fmt.Errorf("there is no connection %s, only %s", name, strings.Join(names, ", "))
}

// Describe lists the columns of a table.
func (w *Workspace) Describe(ctx context.Context, name string) (DescribedTable, engine.Result, error) {
	t, ok := w.Find(ctx, name)
	if !ok {
		return t, engine.Result{}, fmt.Errorf("no table %s; SHOW TABLES lists them", name)
	}
	return t, ListColumns(t.Columns, t.Keys), nil
}

// ListColumns lists columns, and marks those that are keys.
func ListColumns(columns []table.Column, keys []string) engine.Result {
	result := engine.Result{Columns: []table.Column{{Name: "column"}, {Name: "type"}, {Name: "key"}, {Name: "description"}}}
	for _, c := range columns {
		key := ""
		if slices.Contains(keys, c.Name) {
			key = "=, in"
		}
		result.Rows = append(result.Rows, []any{c.Name, c.Type.String(), key, c.Description})
	}
	return result
}

// listMethods lists the methods. They do not depend on the table, which must belong to a connection.
func (w *Workspace) listMethods(ctx context.Context, of string) (engine.Result, error) {
	if of != "" {
		if _, _, err := w.Describe(ctx, of); err != nil {
			return engine.Result{}, err
		}
	}
	return engine.Result{Columns: methods.ListColumns, Rows: methods.ListRows()}, nil
}
