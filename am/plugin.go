//go:build !demo

package am

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin/transform"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// Plugin returns the Steampipe plugin. Turbot's hosts that link a plugin (the Postgres FDW, the SQLite extension, the
// exporter) call this function by its name.
func Plugin(_ context.Context) *plugin.Plugin {
	return newPlugin(&pool{host: thisHost()})
}

// Serve runs the plugin in its own process, as Steampipe starts it, until the host ends it.
func Serve() {
	open := &pool{host: served}
	defer open.signOut()
	plugin.Serve(&plugin.ServeOpts{PluginFunc: func(context.Context) *plugin.Plugin { return newPlugin(open) }})
}

func newPlugin(open *pool) *plugin.Plugin {
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

// pluginTable is how a definition appears to Steampipe's SDK.
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
		// With the SDK's cache, an answer of more than 1,000 rows can contain some rows twice and lack others (5.14),
		// and a list of sessions that is minutes old is misleading.
		Cache: &plugin.TableCacheOptions{Enabled: false},
		List:  &plugin.ListConfig{Hydrate: t.hydrate(open), Tags: map[string]string{"service": "am"}},
	}
	if open.host.keyColumns {
		p.List.KeyColumns = plugin.OptionalColumns(t.keys)
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

// hydrate passes all rows of a successful scan to the SDK, or an error and no row: after a row, hosts treat an error as
// the end (SDK 5.14.1: LocalPluginStream.Recv checks done before err).
func (t tableOf[T]) hydrate(open *pool) plugin.HydrateFunc {
	return func(ctx context.Context, d *plugin.QueryData, _ *plugin.HydrateData) (any, error) {
		if !answers(d) {
			return nil, nil
		}
		began := time.Now()
		found, err := t.scan(ctx, open, d)
		if err != nil {
			plugin.Logger(ctx).Error(t.name, "connection", d.Connection.Name, "error", err)
			time.Sleep(time.Until(began.Add(listening)))
			return nil, open.host.failure(ctx, d.Connection.Name, fmt.Errorf("%s: %w", t.name, err))
		}
		for row := range found.give() {
			if d.RowsRemaining(ctx) <= 0 {
				break
			}
			d.StreamListItem(ctx, row)
		}
		return nil, nil
	}
}

// listening is the minimum time before an error. The SDK and the hosts start the goroutine that reads errors
// concurrently with the one that can fail; if the error comes first, they can mistake it for the end of the rows.
const listening = 20 * time.Millisecond

// scan returns all rows of a query, up to its limit, or an error and no rows.
func (t tableOf[T]) scan(ctx context.Context, open *pool, d *plugin.QueryData) (found held[T], err error) {
	found = &heldRows[T]{}
	if t.hold != nil {
		found = t.hold()
	}
	if err := refuseRelativeRealms(d.QueryContext, open.host); err != nil {
		return nil, err
	}
	q, possible := t.query(open.host, d.QueryContext)
	limit := d.RowsRemaining(ctx)
	if !possible || limit <= 0 {
		return found, ctx.Err()
	}
	c, err := open.connection(ctx, d.Connection)
	if err != nil {
		return nil, err
	}
	if !wants(d.QueryContext, open.host, c.BaseURL()) {
		return found, ctx.Err()
	}
	defer c.begin()() //nolint:contextcheck // the sign-out outlives a query that is cancelled
	var count atomic.Int64
	defer logProgress(plugin.Logger(ctx), t.name, c.Connection, &count)()
	for row, err := range t.rows(limited(ctx, d), c.Connection, q) {
		switch {
		case err != nil:
			return nil, err
		case !t.matches(row, q.Quals):
			continue
		case open.host.unsafeLimit && count.Load() == limit:
			return nil, fmt.Errorf("the SQLite extension passes on LIMIT %d although rows may still have to be sorted, filtered or skipped: "+
				"read all rows first (with t as materialized (select … from %s) select … from t limit %d), or use amsql", limit, t.name, limit)
		}
		found.add(row)
		if count.Add(1) == limit && !open.host.unsafeLimit {
			break
		}
	}
	return found, ctx.Err()
}

// limited makes each request of a scan count for the limiters that Steampipe's user has configured. The SDK has already
// waited for the first request.
func limited(ctx context.Context, d *plugin.QueryData) context.Context {
	var sent atomic.Int64
	return rest.Paced(ctx, func(ctx context.Context) {
		if sent.Add(1) > 1 {
			d.WaitForListRateLimit(ctx)
		}
	})
}

// wants reports whether a deployment can have rows for the query: a condition on base_url excludes the other members of
// an aggregator. The SDK would do that if base_url were a connection key column, but that is also a key column for the
// FDW's planner, and the SDK's filter treats "?" as a value.
func wants(asked *plugin.QueryContext, of host, baseURL string) bool {
	for _, condition := range asked.UnsafeQuals["base_url"].GetQuals() {
		if values := texts(condition, of); values != nil && slices.Contains(values, any(baseURL)) == (condition.GetStringValue() == "<>") {
			return false
		}
	}
	return true
}

// refuseRelativeRealms returns an error for a realm without its leading slash. The host compares it with paths that all
// have one, so "= 'alpha'" would silently match no row, and "<> 'alpha'" every row.
func refuseRelativeRealms(asked *plugin.QueryContext, of host) error {
	for _, column := range []string{"realm", "path"} {
		for _, condition := range asked.UnsafeQuals[column].GetQuals() {
			for _, value := range texts(condition, of) {
				if name := value.(string); name != "" && !strings.HasPrefix(name, "/") {
					return fmt.Errorf("%s %s '%s': a realm is written as its path from the root: '/%[3]s'", column, condition.GetStringValue(), name)
				}
			}
		}
	}
	return nil
}

// query returns the host's query, and whether any row can match it.
func (t tableOf[T]) query(of host, asked *plugin.QueryContext) (q table.Query, possible bool) {
	q.Columns = slices.Clone(asked.Columns)
	for _, key := range t.keys {
		var qual table.Qual
		for _, condition := range asked.UnsafeQuals[key].GetQuals() {
			values := texts(condition, of)
			switch {
			case values == nil:
			case condition.GetStringValue() == "<>":
				q.Except = append(q.Except, table.Qual{Column: key, Values: values})
			case qual.Values == nil:
				qual = table.Qual{Column: key, Values: values}
			default: // a row must match both
				qual.Values = slices.DeleteFunc(qual.Values, func(value any) bool { return !slices.Contains(values, value) })
			}
		}
		switch {
		case qual.Column == "":
			continue
		case len(qual.Values) == 0:
			return q, false
		}
		q.Quals = append(q.Quals, qual)
		if !slices.Contains(q.Columns, key) {
			q.Columns = append(q.Columns, key) // needed by matches
		}
	}
	return q, true
}

// unknown is what the FDW sends for a value that is known only while the statement runs, such as that of a subquery, a
// parameter or a join (its issue 52).
const unknown = "?"

// texts returns the distinct values of `column = value`, `column IN (values…)` and `column <> value`. It returns nil
// for any other condition, which the host must check. That includes <> with several values, because the FDW sends <>
// ANY in the same way as <> ALL.
func texts(condition *proto.Qual, of host) (texts []any) {
	values, operator := []*proto.QualValue{condition.GetValue()}, condition.GetStringValue()
	if list := condition.GetValue().GetListValue(); list != nil && operator == "=" {
		values = list.GetValues()
	} else if list != nil || operator != "=" && operator != "<>" {
		return nil
	}
	for _, value := range values {
		text, ok := value.GetValue().(*proto.QualValue_StringValue)
		if !ok || text.StringValue == unknown && !of.keyColumns {
			return nil
		}
		if !slices.Contains(texts, any(text.StringValue)) {
			texts = append(texts, text.StringValue)
		}
	}
	return texts
}

// matches reports whether a row matches the quals, because the exporter does not check them itself.
func (t tableOf[T]) matches(row *T, quals []table.Qual) bool {
	for _, qual := range quals {
		i := slices.IndexFunc(t.columns, func(c column[T]) bool { return c.name == qual.Column })
		if !slices.Contains(qual.Values, t.columns[i].value(row)) {
			return false
		}
	}
	return true
}

// answers reports whether this call returns the rows. For an IN list on a key column, the SDK makes one call for each
// value. The call for the first value returns the rows of the whole list, so that an error for one value comes before
// the rows of another.
func answers(d *plugin.QueryData) bool {
	for column, value := range d.EqualsQuals {
		for _, condition := range d.QueryContext.UnsafeQuals[column].GetQuals() {
			if slices.Index(condition.GetValue().GetListValue().GetValues(), value) > 0 {
				return false
			}
		}
	}
	return true
}

const progressInterval = 10 * time.Second

// logProgress logs the progress of a long scan until it is stopped.
func logProgress(log hclog.Logger, name string, c *connection.Connection, rows *atomic.Int64) (stop func()) {
	began, before := time.Now(), c.Requests()
	ticker, ended, gone := time.NewTicker(progressInterval), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-ticker.C:
				log.Info("still scanning", "table", name, "connection", c.Name(), "rows", rows.Load(), "requests", c.Requests()-before,
					"elapsed", time.Since(began).Round(time.Second).String())
			case <-ended:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(ended)
		<-gone
	}
}
