package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/methods"
)

// errReadOnly is what statements that write are told unless they may.
var errReadOnly = &usageError{"statements only read unless amsql query has --allow-writes"}

// writables make the tables that statements can write to.
var writables = map[string]func(connectionTable, *workspace, *am.Connection) engine.Table{
	"am_session":          func(t connectionTable, w *workspace, c *am.Connection) engine.Table { return sessionWriter{t, w, c} },
	"am_session_property": func(t connectionTable, w *workspace, c *am.Connection) engine.Table { return propertyWriter{t, w, c} },
}

// tables are the connection's as the engine wants them.
func (w *workspace) tables(c *am.Connection) []engine.Table {
	tables := Adapt(c.Tables())
	for i, t := range tables {
		if make := writables[t.Name()]; make != nil {
			tables[i] = make(t.(connectionTable), w, c)
		}
	}
	return tables
}

// aggregate are an aggregator's tables.
func aggregate(members []*am.Connection) []engine.Table {
	tables := Adapt(am.Union(members))
	for i, t := range tables {
		if t.Name() == "am_session" {
			tables[i] = aggregateWriter{t.(connectionTable)}
		}
	}
	return tables
}

// cell is a row's cell as text, "" for NULL.
func (t connectionTable) cell(row any, column string) string {
	i := slices.IndexFunc(t.columns, func(c engine.Column) bool { return c.Name == column })
	text, _ := t.Cell(row, i).(string)
	return text
}

// A sessionWriter ends the sessions that are deleted.
type sessionWriter struct {
	connectionTable
	workspace  *workspace
	connection *am.Connection
}

func (sessionWriter) PrimaryKey() []string { return []string{"session_handle"} }
func (sessionWriter) Needs() []string      { return []string{"username", "realm"} }

func (t sessionWriter) Accept(c engine.Change) error {
	switch {
	case t.workspace.ends == nil:
		return errReadOnly
	case c.Set != nil:
		return errors.New("rows can only be deleted: a session begins when somebody signs in, and has its properties in am_session_property")
	case t.cell(c.Row, "session_handle") == "":
		return errors.New("the session has no handle, by which it could be ended")
	}
	return nil
}

// An aggregateWriter says where an aggregator's sessions are ended: its rows do not tell their connections.
type aggregateWriter struct{ connectionTable }

func (aggregateWriter) PrimaryKey() []string { return []string{"session_handle"} }
func (aggregateWriter) Needs() []string      { return nil }

func (aggregateWriter) Accept(engine.Change) error {
	return errors.New("an aggregator's tables only read: name the connection that the sessions belong to, as in east.am_session")
}

func (aggregateWriter) Apply(context.Context, []engine.Change) error { return nil } // nothing was accepted

func (t sessionWriter) Apply(ctx context.Context, changes []engine.Change) error {
	sessions := make([]methods.Session, len(changes))
	for i, c := range changes {
		sessions[i] = methods.Session{Handle: t.cell(c.Row, "session_handle"), Username: t.cell(c.Row, "username"), Realm: t.cell(c.Row, "realm"), Listed: true}
	}
	ending := t.workspace.ends[t.connection.Name()]
	outcomes, err := ending.Sessions(ctx, sessions)
	switch {
	case err == nil && ending.DryRun:
		t.workspace.notices.add(fmt.Sprintf("%s would be ended", methods.PlanOf(outcomes)))
	case len(outcomes) > 0:
		t.workspace.notices.add(methods.Tally(outcomes))
	}
	return firstError(err, methods.Remaining(outcomes))
}

// A propertyWriter sets session properties.
type propertyWriter struct {
	connectionTable
	workspace  *workspace
	connection *am.Connection
}

func (propertyWriter) PrimaryKey() []string { return []string{"token_id", "name"} }
func (propertyWriter) Needs() []string      { return []string{"value"} }

func (t propertyWriter) Accept(c engine.Change) error {
	if t.workspace.ends == nil {
		return errReadOnly
	}
	if c.Set == nil {
		return errors.New("AM deletes no property: set its value to ''")
	}
	for column := range c.Set {
		if column != "value" && (c.Row != nil || column != "token_id" && column != "name") {
			return fmt.Errorf("column %s cannot be set", column)
		}
	}
	if _, ok := c.Set["value"].(string); !ok {
		return fmt.Errorf("a property's value is text, not %v; '' unsets it", c.Set["value"])
	}
	if name, _ := t.key(c); name == "" {
		return errors.New("a property needs a name")
	}
	return nil
}

// key is the property's name and the token of its session, "" for amsql's own.
func (t propertyWriter) key(c engine.Change) (name, token string) {
	if c.Row != nil {
		return t.cell(c.Row, "name"), t.cell(c.Row, "token_id")
	}
	name, _ = c.Set["name"].(string)
	token, _ = c.Set["token_id"].(string)
	return name, token
}

// Apply sets the properties of each session at once, in the order in which the sessions come.
func (t propertyWriter) Apply(ctx context.Context, changes []engine.Change) error {
	var tokens []string
	byToken := map[string]map[string]string{}
	for _, c := range changes {
		name, token := t.key(c)
		if byToken[token] == nil {
			byToken[token] = map[string]string{}
			tokens = append(tokens, token)
		}
		byToken[token][name] = c.Set["value"].(string)
	}
	if t.workspace.ends[t.connection.Name()].DryRun {
		t.workspace.notices.add(fmt.Sprintf("%d properties of %d sessions planned", len(changes), len(tokens)))
		return nil
	}
	for i, token := range tokens {
		_, err := methods.SetProperties(ctx, t.connection.Client(), token, byToken[token])
		switch {
		case err != nil && i > 0:
			return fmt.Errorf("session %d of %d, those before it are changed: %w", i+1, len(tokens), err)
		case err != nil:
			return err
		}
	}
	return nil
}

// exec runs the methods that EXEC names.
func (w *workspace) exec(ctx context.Context, call engine.Call) (result engine.Result, err error) {
	method, err := methods.Named(call.Method)
	if err != nil {
		return result, err
	}
	name := cmp.Or(call.Schema, w.first)
	i := slices.IndexFunc(w.connections, func(c *am.Connection) bool { return c.Name() == name })
	switch {
	case len(w.connections) == 0:
		return result, &usageError{"there is no connection: " + howToConnect}
	case i < 0:
		return result, fmt.Errorf("there is no connection %s that is no aggregator: EXEC takes the schema of a connection", name)
	case !slices.ContainsFunc(w.connections[i].Tables(), func(t am.Table) bool { return t.Name() == call.Table }):
		return result, fmt.Errorf("no such table: %s", call.Table)
	case method.Effect != methods.Reads && w.ends == nil:
		return result, errReadOnly
	case method.Effect != methods.Reads && call.InTransaction:
		return result, fmt.Errorf("%s takes effect at once, and no ROLLBACK undoes it: EXEC it outside of the transaction", method.Name)
	}
	args := methods.Arguments{}
	for _, arg := range call.Args {
		args[arg.Name] = append(args[arg.Name], arg.Text)
	}
	ending := w.ends[w.connections[i].Name()]
	if ending == nil {
		c := w.connections[i]
		ending = &methods.Ending{Client: c.Client(), Inventory: c.Inventory()}
	}
	rows, err := method.Run(ctx, ending, args)
	for _, c := range method.Columns() {
		result.Columns = append(result.Columns, engine.Column{Name: c.Name, Type: engineTypes[c.Type]})
	}
	for _, row := range rows {
		result.Rows = append(result.Rows, engineCells(method.Columns(), row))
	}
	return result, err
}
