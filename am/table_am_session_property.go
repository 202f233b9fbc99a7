package am

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var sessionPropertyTable = tableOf[sessionProperty]{
	name:        "am_session_property",
	description: "A property of a session that its realm's Session Property Whitelist names. Without a token, of the query's own session.",
	keys:        []string{"token_id", "name"},
	exact:       true,
	columns: []column[sessionProperty]{
		{"token_id", table.Text, "Token of the session, which is a credential. NULL for the query's own session.", func(p *sessionProperty) any { return p.token.cell() }},
		{"name", table.Text, "Name of the property, spelled as in the whitelist.", func(p *sessionProperty) any { return p.name }},
		{"value", table.Text, "Value of the property (getSessionProperties). NULL if it is not set or empty, which AM does not distinguish.", func(p *sessionProperty) any { return text(p.value) }},
		{"title", table.Text, "The property's name.", func(p *sessionProperty) any { return p.name }},
		{"base_url", table.Text, "Address of the deployment.", func(p *sessionProperty) any { return p.baseURL }},
	},
	rows: sessionProperties,
}

// sessionProperty is a row of am_session_property.
type sessionProperty struct {
	token       token
	name, value string
	baseURL     string
}

func sessionProperties(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*sessionProperty, error] {
	names := q.Texts("name")
	if names != nil && len(names) == 0 {
		return func(func(*sessionProperty, error) bool) {}
	}
	ask := func(ctx context.Context, t token) (rows []*sessionProperty, err error) {
		properties, err := propertiesOf(ctx, c, t, names)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			rows = append(rows, &sessionProperty{t, name, properties[name], c.BaseURL()})
		}
		return rows, err
	}
	return func(yield func(*sessionProperty, error) bool) {
		for rows, err := range inventory.ParallelMap(ctx, tokens(c, q), c.Client().MaxConcurrency(), ask) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// propertiesOf returns the properties of a session. A session that has ended has none: AM refuses the request (OpenAM
// with a 400, which does not distinguish this from other errors in the request), and reports that the token is not
// valid.
func propertiesOf(ctx context.Context, c *connection.Connection, t token, names []string) (map[string]string, error) {
	if t.id == "" && !t.own {
		return nil, nil
	}
	properties, err := c.Client().SessionProperties(ctx, t.id, names...)
	if err == nil || t.own || rest.IsUnsupported(err) || rest.IsForbidden(err) || rest.IsUnauthorized(err) {
		return properties, err
	}
	if info, unknown := c.Client().SessionInfo(ctx, t.id); unknown == nil && !info.Valid {
		return nil, nil
	}
	return nil, err
}
