//go:build !race

// The SDK counts the rows of a query in several goroutines without a lock (5.14.1, queryStatus.rowsStreamed).

package am

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/turbot/steampipe-plugin-sdk/v5/anywhere"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// failing returns a table whose scan fails after this number of rows, or does not fail.
func failing(rows int, failure error) tableOf[int] {
	return tableOf[int]{
		name: "failing", keys: []string{"name"},
		columns: []column[int]{{"name", table.Text, "A name.", func(*int) any { return "name" }}},
		rows: func(context.Context, *connection.Connection, table.Query) iter.Seq2[*int, error] {
			return func(yield func(*int, error) bool) {
				for i := range rows {
					if !yield(&i, nil) {
						return
					}
				}
				if failure != nil {
					yield(nil, failure)
				}
			}
		},
	}
}

// serverOf returns the SDK's server for one table, as in hosts that link the plugin.
func serverOf(t testing.TB, h host, d definition) *grpc.PluginServer {
	t.Helper()
	t.Setenv("STEAMPIPE_LOG_LEVEL", "off") // the plugin logs each failure
	open := &pool{host: h}
	server := plugin.Server(&plugin.ServeOpts{PluginFunc: func(context.Context) *plugin.Plugin {
		p := newPlugin(open)
		of := d.plugin(open)
		p.TableMap = map[string]*plugin.Table{of.Name: of}
		return p
	}})
	config := &proto.ConnectionConfig{Connection: "am", Plugin: "am", Config: `base_url = "http://127.0.0.1:1/am"` + "\n" + `sso_token = "none"`}
	if _, err := server.SetAllConnectionConfigs(&proto.SetAllConnectionConfigsRequest{Configs: []*proto.ConnectionConfig{config}}); err != nil {
		t.Fatal(err)
	}
	return server
}

func request(limit *proto.NullableInt) *proto.ExecuteRequest {
	return &proto.ExecuteRequest{
		Table: "failing", Connection: "am", CallId: "call", QueryContext: &proto.QueryContext{Columns: []string{"name"}},
		ExecuteConnectionData: map[string]*proto.ExecuteConnectionData{"am": {Limit: limit}},
	}
}

// count reads a scan as the FDW does: a nil row is the end.
func count(server *grpc.PluginServer, limit *proto.NullableInt) (rows int, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream := anywhere.NewLocalPluginStream(ctx)
	server.CallExecuteAsync(request(limit), stream)
	for {
		row, err := stream.Recv()
		if err != nil || row == nil {
			return rows, err
		}
		rows++
	}
}

// remote reads a scan from the plugin's process, as Steampipe does.
type remote struct {
	proto.WrapperPlugin_ExecuteServer
	ctx  context.Context
	rows int
}

func (r *remote) Context() context.Context { return r.ctx }
func (r *remote) Send(*proto.ExecuteResponse) error {
	r.rows++
	return nil
}

func TestAFailedScanIsAnErrorUnderEveryHostHoweverManyRowsCameFirst(t *testing.T) {
	failure := errors.New("the list is cut")
	for name, h := range map[string]host{"embedded": embedded, "SQLite": sqliteExtension, "exporter": exporter, "served": served} {
		for _, rows := range []int{1, 100, 1_000, 100_000} {
			server := serverOf(t, h, failing(rows, failure))
			for range max(1, 100/rows) {
				if got, err := scan(t, h, server); err == nil || got > 0 || !strings.HasSuffix(err.Error(), "am: failing: the list is cut") {
					t.Fatalf("%s: a scan that fails after %d rows gives %d rows and %v", name, rows, got, err)
				}
			}
		}
	}
}

func scan(t *testing.T, h host, server *grpc.PluginServer) (rows int, err error) {
	if h.links {
		return count(server, nil)
	}
	r := &remote{ctx: t.Context()}
	err = server.Execute(request(nil), r)
	return r.rows, err
}

// The host reads rows while the SDK writes them, and the SDK ends the rows before it sends an error (see lastingError).
func TestNoFailureIsLostUnderLoad(t *testing.T) {
	for name, h := range map[string]host{"embedded": embedded, "served": served} {
		server := serverOf(t, h, failing(0, errors.New("the list is cut")))
		var lost atomic.Int64
		var readers sync.WaitGroup
		for range 20 {
			readers.Go(func() {
				for range 100 {
					if _, err := scan(t, h, server); err == nil {
						lost.Add(1)
					}
				}
			})
		}
		readers.Wait()
		if lost.Load() > 0 {
			t.Errorf("%s: %d of 2,000 failures are lost", name, lost.Load())
		}
	}
}

func TestAScanThatEndsWellGivesAllItsRows(t *testing.T) {
	for _, rows := range []int{0, 1, 100, 1_000, 20_000} {
		if got, err := count(serverOf(t, embedded, failing(rows, nil)), nil); err != nil || got != rows {
			t.Errorf("a scan of %d rows gives %d and %v", rows, got, err)
		}
	}
}

func TestALimitEndsTheScanUnlessTheHostSortsOnlyAfterwards(t *testing.T) {
	failure := fmt.Errorf("the scan went on")
	for _, c := range []struct {
		host        host
		rows, limit int
		want        int
		fails       bool
	}{
		{embedded, 10, 3, 3, false}, {exporter, 10, 3, 3, false}, {served, 10, 10, 10, false},
		{embedded, 2, 3, 0, true},
		{sqliteExtension, 10, 3, 0, true}, {sqliteExtension, 10, 10, 0, true},
	} {
		got, err := count(serverOf(t, c.host, failing(c.rows, failure)), &proto.NullableInt{Value: int64(c.limit)})
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%+v: limit %d of %d rows gives %d and %v", c.host, c.limit, c.rows, got, err)
		}
	}
	if got, err := count(serverOf(t, sqliteExtension, failing(3, nil)), &proto.NullableInt{Value: 3}); got != 3 || err != nil {
		t.Errorf("limit 3 of 3 rows gives %d and %v", got, err)
	}
}

func TestACancelledQueryEndsItsScan(t *testing.T) {
	begun, ended := make(chan bool), make(chan bool)
	endless := failing(0, nil)
	endless.rows = func(ctx context.Context, _ *connection.Connection, _ table.Query) iter.Seq2[*int, error] {
		return func(yield func(*int, error) bool) {
			close(begun)
			<-ctx.Done()
			yield(nil, ctx.Err())
			close(ended)
		}
	}
	server := serverOf(t, embedded, endless)
	ctx, cancel := context.WithCancel(t.Context())
	server.CallExecuteAsync(request(nil), anywhere.NewLocalPluginStream(ctx))
	<-begun
	cancel()
	<-ended
}
