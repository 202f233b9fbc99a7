package benchmark

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/shared"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/internal/benchmark/figures"
)

// BenchmarkHeldRows reads a million sessions with all columns from the plugin's process, which holds them back until
// their scan has ended.
func BenchmarkHeldRows(b *testing.B) {
	const sessions, limit = 1_000_001, 600 // megabytes
	s := simulate(b, "--users", "200000", "--sessions", fmt.Sprint(sessions), "--list-cap", "2000000")
	path := filepath.Join(b.TempDir(), "steampipe-plugin-am.plugin")
	must(b, os.Link(amsql, path))
	var columns []string
	for _, c := range am.Plugin(b.Context()).TableMap["am_session"].Columns {
		columns = append(columns, c.Name)
	}
	for b.Loop() {
		command := exec.Command(path)
		command.Env = s.environment()
		process := goplugin.NewClient(&goplugin.ClientConfig{
			HandshakeConfig: shared.Handshake, Plugins: map[string]goplugin.Plugin{"steampipe-plugin-am": &shared.WrapperPlugin{}},
			Cmd: command, AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, Logger: hclog.NewNullLogger(),
		})
		b.Cleanup(process.Kill)
		client, err := grpc.NewPluginClient(process, "steampipe-plugin-am")
		must(b, err)
		_, err = client.SetAllConnectionConfigs(&proto.SetAllConnectionConfigsRequest{Configs: []*proto.ConnectionConfig{{Connection: "am"}}})
		must(b, err)
		ended := make(chan error, 1)
		start := time.Now()
		go func() { ended <- readAll(client, columns, sessions) }()
		most := peak(b, command.Process.Pid, ended)
		process.Kill()
		figures.Report(b, figures.Figure{
			What: "memory for a million held back", Value: fmt.Sprintf("%.0f MB in %.1f s", most, time.Since(start).Seconds()),
			Beside: fmt.Sprintf("%d MB", limit), Ratio: most / limit, Target: 1,
		})
	}
}

// readAll reads the sessions of /alpha and checks their number.
func readAll(client *grpc.PluginClient, columns []string, want int) error {
	realm := &proto.QualValue{Value: &proto.QualValue_StringValue{StringValue: "/alpha"}}
	stream, _, cancel, err := client.Execute(&proto.ExecuteRequest{
		Table: "am_session", Connection: "am", CallId: "held",
		QueryContext: &proto.QueryContext{Columns: columns, Quals: map[string]*proto.Quals{
			"realm": {Quals: []*proto.Qual{{FieldName: "realm", Operator: &proto.Qual_StringValue{StringValue: "="}, Value: realm}}},
		}},
		ExecuteConnectionData: map[string]*proto.ExecuteConnectionData{"am": {}},
	})
	if err != nil {
		return err
	}
	defer cancel()
	for rows := 0; ; rows++ {
		switch _, err := stream.Recv(); {
		case errors.Is(err, io.EOF) && rows == want:
			return nil
		case err != nil:
			return fmt.Errorf("after %d of %d rows: %w", rows, want, err)
		}
	}
}
