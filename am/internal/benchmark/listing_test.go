package benchmark

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/turbot/steampipe-plugin-sdk/v5/anywhere"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/internal/benchmark/figures"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

const (
	listed = 100_001 // sessions in the realm: a round number would be in doubt, and all users would be looked up
	rounds = 3       // the best of these counts, because other programs use the machine, too
)

// A way lists the realm and returns the number of rows.
type way struct {
	name   string
	target float64 // maximum time, as a multiple of the first way's; 0: none
	slow   bool    // one round is enough
	list   func(ctx context.Context) (int, error)

	best time.Duration
}

// BenchmarkListing lists a realm of 100,000 sessions whose list is not truncated.
func BenchmarkListing(b *testing.B) {
	s := simulate(b, "--users", "20000", "--sessions", fmt.Sprint(listed), "--list-cap", "1000000")
	minimal, client, conn := newBare(b, s), newClient(b, s), newConnection(b, s)
	db := newEngine(b, conn)
	ways := []*way{
		{name: "bare decoding", list: func(ctx context.Context) (int, error) {
			return minimal.sessions(ctx, `realm eq "/alpha"`)
		}},
		{name: "rest", list: func(ctx context.Context) (int, error) {
			return count(client.Sessions(ctx, rest.SessionQuery{Realm: "/alpha"}))
		}},
		{name: "inventory", target: 1.3, list: func(ctx context.Context) (int, error) {
			return count(inventory.New(client, inventory.Options{}).Sessions(ctx, inventory.Query{Realms: []string{"/alpha"}}))
		}},
		{name: "engine, all columns", target: 2.5, list: func(ctx context.Context) (int, error) {
			return db.rows(ctx, "select * from am_session where realm = '/alpha'")
		}},
		{name: "engine, count(*)", target: 1.2, list: func(ctx context.Context) (int, error) {
			return db.number(ctx, "select count(*) from am_session where realm = '/alpha'")
		}},
		{name: "SDK's executor", slow: true, list: newExecutor(b, s).rows},
	}
	var bytesOfAll, bytesOfCount int64
	for b.Loop() {
		for round := range rounds {
			for _, w := range ways {
				if w.slow && round > 0 {
					continue
				}
				before, start := conn.Received(), time.Now()
				rows, err := w.list(b.Context())
				if err != nil || rows != listed {
					b.Fatalf("%s: %d rows, %v", w.name, rows, err)
				}
				if took := time.Since(start); w.best == 0 || took < w.best {
					w.best = took
				}
				switch w.name {
				case "engine, all columns":
					bytesOfAll = conn.Received() - before
				case "engine, count(*)":
					bytesOfCount = conn.Received() - before
				}
			}
		}
	}
	for _, w := range ways {
		figures.Report(b, figures.Figure{What: w.name, Value: w.perRow(), Beside: ways[0].perRow(), Ratio: float64(w.best) / float64(ways[0].best), Target: w.target})
	}
	figures.Report(b, figures.Figure{
		What: "bytes for count(*)", Value: fmt.Sprintf("%.1f MB", float64(bytesOfCount)/1e6), Beside: fmt.Sprintf("%.1f MB", float64(bytesOfAll)/1e6),
		Ratio: float64(bytesOfCount) / float64(bytesOfAll), Target: 0.25,
	})
}

func (w *way) perRow() string {
	return fmt.Sprintf("%.2f µs a row", float64(w.best.Nanoseconds())/1e3/listed)
}

// count counts the rows of a sequence.
func count(sequence func(func(*rest.Session, error) bool)) (rows int, err error) {
	for _, err := range sequence {
		if err != nil {
			return rows, err
		}
		rows++
	}
	return rows, nil
}

func newClient(b *testing.B, s server) *rest.Client {
	b.Helper()
	client, err := rest.New(rest.Config{BaseURL: s.url, Credentials: rest.Password{Username: s.user, Password: s.password}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close(context.Background()) })
	return client
}

func newConnection(b *testing.B, s server) *connection.Connection {
	b.Helper()
	conn, err := connection.Open("am", connection.Config{BaseURL: &s.url, Username: &s.user, Password: &s.password}, connection.Host{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// executor is the plugin in the process.
type executor struct {
	server  *grpc.PluginServer
	columns []string
}

func newExecutor(b *testing.B, s server) executor {
	b.Helper()
	b.Setenv("STEAMPIPE_LOG_LEVEL", "error")
	x := executor{server: plugin.Server(&plugin.ServeOpts{PluginFunc: am.Plugin})}
	config := fmt.Sprintf("base_url = %q\nusername = %q\npassword = %q\n", s.url, s.user, s.password)
	_, err := x.server.SetAllConnectionConfigs(&proto.SetAllConnectionConfigsRequest{Configs: []*proto.ConnectionConfig{{Connection: "am", Config: config}}})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range am.Plugin(b.Context()).TableMap["am_session"].Columns {
		x.columns = append(x.columns, c.Name)
	}
	return x
}

func (x executor) rows(ctx context.Context) (rows int, err error) {
	realm := &proto.QualValue{Value: &proto.QualValue_StringValue{StringValue: "/alpha"}}
	stream := anywhere.NewLocalPluginStream(ctx)
	x.server.CallExecuteAsync(&proto.ExecuteRequest{
		Table: "am_session", Connection: "am", CallId: fmt.Sprint(time.Now().UnixNano()),
		QueryContext: &proto.QueryContext{Columns: x.columns, Quals: map[string]*proto.Quals{
			"realm": {Quals: []*proto.Qual{{FieldName: "realm", Operator: &proto.Qual_StringValue{StringValue: "="}, Value: realm}}},
		}},
		ExecuteConnectionData: map[string]*proto.ExecuteConnectionData{"am": {}},
	}, stream)
	for ; ; rows++ {
		if row, err := stream.Recv(); err != nil || row == nil {
			return rows, err
		}
	}
}
