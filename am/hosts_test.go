package am_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turbot/steampipe-plugin-sdk/v5/anywhere"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// raceDetector reports whether the test runs under the race detector.
var raceDetector bool

// A question is a SELECT of am_session or another table that both a plugin host and the engine can run.
type question struct {
	table           string              // "" means am_session
	columns         []string            // nil means all columns of am_session
	realm, username []string            // conditions: = for one value, IN for several
	keys            map[string][]string // the same for other columns
	conditions      []*proto.Qual       // further conditions, as a plugin host sends them
	limit           int64
}

// quals returns the values that are allowed in each column.
func (q question) quals() map[string][]string {
	quals := map[string][]string{"realm": q.realm, "username": q.username}
	maps.Copy(quals, q.keys)
	maps.DeleteFunc(quals, func(_ string, values []string) bool { return len(values) == 0 })
	return quals
}

// A row contains its cells by column. By the column's type, a cell is nil, a string, a bool, a time.Time or JSON text.
type row map[string]any

// A host answers questions in one of the ways in which the tables can be queried.
type host interface {
	ask(ctx context.Context, q question) ([]row, error)
}

func (q question) wanted() []string {
	if q.columns != nil {
		return q.columns
	}
	return allColumns
}

var allColumns = []string{
	"username", "realm", "universal_id", "identity_type", "session_handle", "latest_access_time", "max_idle_expiration_time",
	"max_session_expiration_time", "is_current", "is_expired", "creation_time", "auth_level", "auth_type", "service", "client_ip",
	"tracking_id", "session_type", "properties", "login_name", "title", "base_url",
}

// server returns a simulated AM and its address. Its clock is stopped, so that rows do not change.
func server(t testing.TB, o simulator.Options) (*simulator.Server, string) {
	t.Helper()
	now := time.Now()
	o.Clock = func() time.Time { return now }
	sim, err := simulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(sim)
	t.Cleanup(s.Close)
	return sim, s.URL + sim.ContextPath()
}

// logIn creates a session for each name, and an identity if there is none: in some products, all realms have one
// identity store.
func logIn(t testing.TB, sim *simulator.Server, realm string, names ...string) {
	t.Helper()
	for _, name := range names {
		_ = sim.AddUser(realm, name, "changeit") // if it fails, the login fails, too
		if _, err := sim.Login(realm, name); err != nil {
			t.Fatal(err)
		}
	}
}

// asAdministrator returns a configuration with the token of one session, so that hosts do not add sessions of their
// own.
func asAdministrator(t testing.TB, sim *simulator.Server, url string) connection.Config {
	t.Helper()
	name, _ := sim.Admin()
	session, err := sim.Login("/", name)
	if err != nil {
		t.Fatal(err)
	}
	return connection.Config{BaseURL: &url, SSOToken: &session.Token}
}

// hcl returns the configuration as a plugin host sends it.
func hcl(c connection.Config) string {
	var b strings.Builder
	for _, argument := range []struct {
		name  string
		value *string
	}{{"base_url", c.BaseURL}, {"username", c.Username}, {"password", c.Password}, {"sso_token", c.SSOToken}} {
		if argument.value != nil {
			fmt.Fprintf(&b, "%s = %q\n", argument.name, *argument.value)
		}
	}
	return b.String()
}

const connectionName = "am"

// pluginHost is the plugin linked into the process, as in Turbot's FDW. A nil row ends its stream, and later rows are
// lost.
type pluginHost struct{ server *grpc.PluginServer }

func newPluginHost(t testing.TB, c connection.Config) pluginHost {
	t.Helper()
	return newPluginHostOf(t, am.Plugin, c)
}

func newPluginHostOf(t testing.TB, of plugin.PluginFunc, c connection.Config) pluginHost {
	t.Helper()
	if raceDetector {
		t.Skip("needs a run without the race detector: make test") // 5.14.1 of the SDK counts rows without a lock (queryStatus.rowsStreamed)
	}
	t.Setenv("STEAMPIPE_LOG_LEVEL", "error") // the plugin's log goes to standard error
	h := pluginHost{plugin.Server(&plugin.ServeOpts{PluginFunc: of})}
	h.configure(t, c)
	return h
}

func (h pluginHost) configure(t testing.TB, c connection.Config) {
	t.Helper()
	configs := &proto.SetAllConnectionConfigsRequest{Configs: []*proto.ConnectionConfig{connectionConfig(c)}}
	if _, err := h.server.SetAllConnectionConfigs(configs); err != nil {
		t.Fatal(err)
	}
}

func connectionConfig(c connection.Config) *proto.ConnectionConfig {
	return &proto.ConnectionConfig{Connection: connectionName, Plugin: "am", Config: hcl(c)}
}

func (h pluginHost) ask(ctx context.Context, q question) ([]row, error) {
	stream := anywhere.NewLocalPluginStream(ctx)
	h.server.CallExecuteAsync(q.request(), stream)
	return received(stream.Recv)
}

func (q question) request() *proto.ExecuteRequest {
	quals := map[string]*proto.Quals{}
	for column, values := range q.quals() {
		quals[column] = &proto.Quals{Quals: []*proto.Qual{qual(column, "=", values...)}}
	}
	for _, c := range q.conditions {
		if quals[c.GetFieldName()] == nil {
			quals[c.GetFieldName()] = &proto.Quals{}
		}
		quals[c.GetFieldName()].Append(c)
	}
	data := &proto.ExecuteConnectionData{}
	if q.limit > 0 {
		data.Limit = &proto.NullableInt{Value: q.limit}
	}
	return &proto.ExecuteRequest{
		Table: cmp.Or(q.table, "am_session"), Connection: connectionName, CallId: fmt.Sprintf("%p", data),
		QueryContext:          &proto.QueryContext{Columns: q.wanted(), Quals: quals},
		ExecuteConnectionData: map[string]*proto.ExecuteConnectionData{connectionName: data},
	}
}

// qual returns a condition. Several values are those of an IN list.
func qual(column, operator string, values ...string) *proto.Qual {
	return &proto.Qual{FieldName: column, Operator: &proto.Qual_StringValue{StringValue: operator}, Value: qualValue(values)}
}

func qualValue(values []string) *proto.QualValue {
	var list []*proto.QualValue
	for _, value := range values {
		list = append(list, &proto.QualValue{Value: &proto.QualValue_StringValue{StringValue: value}})
	}
	if len(list) == 1 {
		return list[0]
	}
	return &proto.QualValue{Value: &proto.QualValue_ListValue{ListValue: &proto.QualValueList{Values: list}}}
}

// received returns the rows of a stream.
func received(receive func() (*proto.ExecuteResponse, error)) ([]row, error) {
	var rows []row
	for {
		response, err := receive()
		if errors.Is(err, io.EOF) || err == nil && response == nil {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		r := row{}
		for name, cell := range response.GetRow().GetColumns() {
			r[name] = cellOf(cell)
		}
		rows = append(rows, r)
	}
}

func cellOf(c *proto.Column) any {
	switch v := c.GetValue().(type) {
	case *proto.Column_StringValue:
		return v.StringValue
	case *proto.Column_BoolValue:
		return v.BoolValue
	case *proto.Column_IntValue:
		return v.IntValue
	case *proto.Column_DoubleValue:
		return v.DoubleValue
	case *proto.Column_TimestampValue:
		return v.TimestampValue.AsTime()
	case *proto.Column_JsonValue:
		return compact(v.JsonValue)
	case *proto.Column_NullValue:
		return nil
	default:
		return fmt.Errorf("no table has a column of type %T", v)
	}
}

func compact(text []byte) any {
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return err
	}
	return b.String()
}

// engineHost is the embedded SQL engine with the same tables.
type engineHost struct{ db *engine.DB }

func newEngineHost(t testing.TB, c connection.Config) engineHost {
	t.Helper()
	return newEngineHostIn(t, c, connection.Host{})
}

func newEngineHostIn(t testing.TB, c connection.Config, host connection.Host) engineHost {
	t.Helper()
	conn, err := connection.Open(connectionName, c, host)
	if err != nil {
		t.Fatal(err)
	}
	db, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(db.Close(), conn.Close(context.WithoutCancel(t.Context()))); err != nil {
			t.Error(err)
		}
	})
	for _, table := range am.Tables(conn) {
		if err := db.Attach("schema of "+table.Name(), table); err != nil {
			t.Fatal(err)
		}
	}
	return engineHost{db}
}

func (q question) sql() string {
	var conditions []string
	quals := q.quals()
	for _, column := range slices.Sorted(maps.Keys(quals)) {
		var list []string
		for _, value := range quals[column] {
			list = append(list, "'"+strings.ReplaceAll(value, "'", "''")+"'")
		}
		conditions = append(conditions, column+" in ("+strings.Join(list, ", ")+")")
	}
	for _, c := range q.conditions {
		conditions = append(conditions, fmt.Sprintf("%s %s '%s'", c.GetFieldName(), c.GetStringValue(), c.GetValue().GetStringValue()))
	}
	sql := "select " + strings.Join(q.wanted(), ", ") + " from " + cmp.Or(q.table, "am_session")
	if conditions != nil {
		sql += " where " + strings.Join(conditions, " and ")
	}
	if q.limit > 0 {
		sql += fmt.Sprintf(" limit %d", q.limit)
	}
	return sql
}

func (h engineHost) ask(ctx context.Context, q question) ([]row, error) {
	answer, err := h.db.Query(ctx, q.sql())
	if err != nil {
		return nil, err
	}
	var rows []row
	for answer.Next() {
		r := row{}
		for i, cell := range answer.Values() {
			if text, ok := cell.(json.RawMessage); ok {
				cell = compact(text)
			}
			r[answer.Columns()[i].Name] = cell
		}
		rows = append(rows, r)
	}
	return rows, cmp.Or(answer.Err(), answer.Close())
}

// text returns the row's cells as text, in the order of the columns.
func (r row) text(columns []string) string {
	var b strings.Builder
	for _, name := range columns {
		cell, there := r[name]
		if at, ok := cell.(time.Time); ok {
			cell = at.UTC().Format(time.RFC3339Nano)
		}
		if !there {
			cell = errors.New("missing")
		}
		fmt.Fprintf(&b, "%s=%T(%v) ", name, cell, cell)
	}
	return b.String()
}

// texts returns rows as text, in an order that does not depend on the host's.
func texts(rows []row, columns []string) []string {
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = r.text(columns)
	}
	slices.Sort(list)
	return list
}

// difference returns the first row that is not in both lists the same number of times.
func difference(a, b []string) string {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a) || i < len(b) && b[i] < a[i]:
			return "only the second has " + b[i]
		case i >= len(b) || a[i] < b[i]:
			return "only the first has " + a[i]
		}
	}
	return ""
}
