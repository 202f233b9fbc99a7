package workspace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// errReadOnly is the error of statements that write, unless writing is allowed.
var errReadOnly = Usage("statements can only read; use amsql query --allow-writes")

// writables wrap the tables that statements can write to.
var writables = map[string]func(table.Table, *Workspace, *connection.Connection) table.Table{
	"am_session": func(t table.Table, w *Workspace, c *connection.Connection) table.Table { return sessionWriter{t, w, c} },
	"am_session_property": func(t table.Table, w *Workspace, c *connection.Connection) table.Table {
		return propertyWriter{t, w, c}
	},
}

// tables returns the connection's tables for the engine.
func (w *Workspace) tables(c *connection.Connection) []table.Table {
	tables := am.Tables(c)
	for i, t := range tables {
		if make := writables[t.Name()]; make != nil {
			tables[i] = make(t, w, c)
		}
	}
	return tables
}

// aggregate returns an aggregator's tables.
func aggregate(members []*connection.Connection) []table.Table {
	tables := am.Union(members)
	for i, t := range tables {
		if t.Name() == "am_session" {
			tables[i] = aggregateWriter{t}
		}
	}
	return tables
}

// textCell returns a text cell of a row; "" for NULL.
func textCell(t table.Table, row any, column string) string {
	value, _ := table.Cell(t, row, column).(string)
	return value
}

// timeCell returns a time cell of a row; the zero time for NULL.
func timeCell(t table.Table, row any, column string) time.Time {
	value, _ := table.Cell(t, row, column).(time.Time)
	return value
}

// A sessionWriter ends the sessions that are deleted.
type sessionWriter struct {
	table.Table
	workspace  *Workspace
	connection *connection.Connection
}

// Lookups returns those of the wrapped table.
func (t sessionWriter) Lookups() func(context.Context, table.Query) iter.Seq2[any, error] {
	return table.Lookups(t.Table)
}

func (sessionWriter) PrimaryKey() []string { return []string{"session_handle"} }
func (sessionWriter) Needs() []string {
	return []string{"username", "realm", "identity_type", "latest_access_time", "max_idle_expiration_time", "max_session_expiration_time"}
}

func (t sessionWriter) Accept(c table.Change) error {
	switch {
	case t.workspace.terminators == nil:
		return errReadOnly
	case c.Set != nil:
		return errors.New("rows can only be deleted: a session begins when somebody logs in; its properties are in am_session_property")
	case textCell(t, c.Row, "session_handle") == "":
		return errors.New("the session has no handle to end it with")
	}
	return nil
}

// An aggregateWriter only returns an error that says where to end an aggregator's sessions: its rows do not contain
// their connections.
type aggregateWriter struct{ table.Table }

// Lookups returns those of the wrapped table.
func (t aggregateWriter) Lookups() func(context.Context, table.Query) iter.Seq2[any, error] {
	return table.Lookups(t.Table)
}

func (aggregateWriter) PrimaryKey() []string { return []string{"session_handle"} }
func (aggregateWriter) Needs() []string      { return nil }

func (aggregateWriter) Accept(table.Change) error {
	return errors.New("tables of an aggregator are read-only: name the connection of the sessions, as in east.am_session")
}

func (aggregateWriter) Apply(context.Context, []table.Change) error { return nil } // never called, because Accept refuses every change

func (t sessionWriter) Apply(ctx context.Context, changes []table.Change) error {
	sessions := make([]methods.Session, len(changes))
	for i, c := range changes {
		sessions[i] = methods.Session{
			Handle: textCell(t, c.Row, "session_handle"), Username: textCell(t, c.Row, "username"), Realm: textCell(t, c.Row, "realm"), Listed: true,
			IdentityType: textCell(t, c.Row, "identity_type"), LatestAccess: timeCell(t, c.Row, "latest_access_time"),
			Ends: methods.EndUnused(timeCell(t, c.Row, "max_idle_expiration_time"), timeCell(t, c.Row, "max_session_expiration_time")),
		}
	}
	if err := t.workspace.RealmMissing(t.connection.Name()); err != nil {
		return err
	}
	terminator := t.workspace.terminators[t.connection.Name()]
	outcomes, err := terminator.EndSessions(ctx, sessions)
	switch {
	case err == nil && terminator.DryRun:
		t.workspace.Notices.Add(fmt.Sprintf("%s would be ended", methods.PlanOf(outcomes)))
	case len(outcomes) > 0:
		t.workspace.Notices.Add(methods.Tally(outcomes))
	}
	return cmp.Or(err, methods.Remaining(outcomes))
}

// A propertyWriter sets session properties.
type propertyWriter struct {
	table.Table
	workspace  *Workspace
	connection *connection.Connection
}

func (propertyWriter) PrimaryKey() []string { return []string{"token_id", "name"} }
func (propertyWriter) Needs() []string      { return []string{"value"} }

func (t propertyWriter) Accept(c table.Change) error {
	if t.workspace.terminators == nil {
		return errReadOnly
	}
	if c.Set == nil {
		return errors.New("AM cannot delete properties: set the value to ''")
	}
	for column := range c.Set {
		if column != "value" && (c.Row != nil || column != "token_id" && column != "name") {
			return fmt.Errorf("column %s cannot be set", column)
		}
	}
	if _, ok := c.Set["value"].(string); !ok {
		return fmt.Errorf("the value of a property must be text, not %v; '' unsets it", c.Set["value"])
	}
	if name, _ := t.key(c); name == "" {
		return errors.New("a property needs a name")
	}
	return nil
}

// key returns the name of the property and the token of its session; "" for amsql's own.
func (t propertyWriter) key(c table.Change) (name, token string) {
	if c.Row != nil {
		return textCell(t, c.Row, "name"), textCell(t, c.Row, "token_id")
	}
	name, _ = c.Set["name"].(string)
	token, _ = c.Set["token_id"].(string)
	return name, token
}

// Apply sets the properties of each session together, in the order in which the sessions occur.
func (t propertyWriter) Apply(ctx context.Context, changes []table.Change) error {
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
	if t.workspace.terminators[t.connection.Name()].DryRun {
		t.workspace.Notices.Add(fmt.Sprintf("%d properties of %d sessions planned", len(changes), len(tokens)))
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
