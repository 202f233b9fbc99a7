package am

import (
	"context"
	"fmt"

	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin/transform"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// Plugin is the Steampipe plugin. All of Turbot's hosts (Steampipe, the Postgres FDW, the SQLite extension, the
// exporter) compile in this function by its name.
func Plugin(_ context.Context) *plugin.Plugin {
	open := &pool{}
	p := &plugin.Plugin{
		Name:                   "steampipe-plugin-am",
		ConnectionConfigSchema: &plugin.ConnectionConfigSchema{NewInstance: func() any { return &connection.Config{} }},
		TableMap:               make(map[string]*plugin.Table, len(definitions)),
	}
	for _, d := range definitions {
		t := d.plugin(open)
		p.TableMap[t.Name] = t
	}
	return p
}

// pluginTable is the view of a definition that Steampipe's SDK takes.
type pluginTable interface {
	plugin(*pool) *plugin.Table
}

var protoTypes = map[table.Type]proto.ColumnType{
	table.Text: proto.ColumnType_STRING, table.Integer: proto.ColumnType_INT, table.Double: proto.ColumnType_DOUBLE,
	table.Boolean: proto.ColumnType_BOOL, table.Timestamp: proto.ColumnType_TIMESTAMP, table.JSON: proto.ColumnType_JSON,
}

func (t tableOf[T]) plugin(open *pool) *plugin.Table {
	p := &plugin.Table{
		Name: t.name, Description: t.description,
		// With the SDK's cache an answer of more than 1,000 rows can have some twice and lack others (5.14), and a list
		// of sessions that is minutes old misleads.
		Cache: &plugin.TableCacheOptions{Enabled: false},
		List:  &plugin.ListConfig{KeyColumns: plugin.OptionalColumns(t.keys), Hydrate: t.hydrate(open)},
	}
	for _, c := range t.columns {
		p.Columns = append(p.Columns, &plugin.Column{
			Name: c.name, Type: protoTypes[c.kind], Description: c.description,
			Transform: transform.From(func(_ context.Context, d *transform.TransformData) (any, error) {
				return c.value(d.HydrateItem.(*T)), nil
			}),
		})
	}
	return p
}

// hydrate streams rows to the SDK. It stops when the SDK has had enough: the limit itself is left to the SDK, for
// hosts have been seen to push one although a condition stayed behind.
func (t tableOf[T]) hydrate(open *pool) plugin.HydrateFunc {
	return func(ctx context.Context, d *plugin.QueryData, _ *plugin.HydrateData) (any, error) {
		c, err := open.connection(ctx, d.Connection)
		if err != nil {
			return nil, err
		}
		defer c.begin()()
		q := table.Query{Columns: d.QueryContext.Columns, Quals: pluginQuals(t.keys, d)}
		if !t.exact && answeredElsewhere(q, d.QueryContext.UnsafeQuals) {
			return nil, nil
		}
		for row, err := range t.rows(ctx, c.Connection, q) {
			if err != nil {
				plugin.Logger(ctx).Error(t.name, "connection", c.Name(), "error", err)
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
			if d.StreamListItem(ctx, row); d.RowsRemaining(ctx) == 0 {
				break
			}
		}
		return nil, nil
	}
}

// pluginQuals are the quals of key columns. An IN list on one key column comes as a call a value, lists on two come
// whole.
func pluginQuals(keys []string, d *plugin.QueryData) []table.Qual {
	var quals []table.Qual
	for _, key := range keys {
		value := d.EqualsQuals[key]
		if value == nil {
			continue
		}
		if list := value.GetListValue(); list != nil {
			quals = append(quals, table.Qual{Column: key, Values: protoTexts(list.GetValues())})
			continue
		}
		quals = append(quals, table.Qual{Column: key, Values: protoTexts([]*proto.QualValue{value})})
	}
	return quals
}

func protoTexts(values []*proto.QualValue) []any {
	texts := make([]any, 0, len(values))
	for _, value := range values {
		if v, ok := value.GetValue().(*proto.QualValue_StringValue); ok {
			texts = append(texts, v.StringValue)
		}
	}
	return texts
}
