package am_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/shared"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// build builds the program under another name, with extra arguments for go build.
func build(t testing.TB, name string, arguments ...string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(t.TempDir(), name)
	command := exec.CommandContext(t.Context(), "go", slices.Concat([]string{"build", "-o", path}, arguments, []string{".."})...)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command.Args, err, output)
	}
	return path
}

// cleanEnvironment returns the environment without a connection and a plugin host.
func cleanEnvironment(more ...string) []string {
	return append(slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "AM_") || strings.HasPrefix(entry, cookie) || strings.HasPrefix(entry, "PLUGIN_")
	}), more...)
}

// A processHost runs the program as a plugin in its own process, as Steampipe does.
type processHost struct {
	process *goplugin.Client
	client  *grpc.PluginClient
	printed *lockedBuffer // what it printed on standard output after the handshake
}

func newProcessHost(t testing.TB, path string, c connection.Config) processHost {
	t.Helper()
	const name = "steampipe-plugin-am"
	h := processHost{printed: &lockedBuffer{}}
	command := exec.Command(path)
	command.Env = cleanEnvironment()
	h.process = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: shared.Handshake, Plugins: map[string]goplugin.Plugin{name: &shared.WrapperPlugin{}},
		Cmd: command, SkipHostEnv: true, AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger: hclog.NewNullLogger(), SyncStdout: h.printed,
	})
	t.Cleanup(h.process.Kill)
	var err error
	if h.client, err = grpc.NewPluginClient(h.process, name); err != nil {
		t.Fatal(err)
	}
	request := &proto.SetAllConnectionConfigsRequest{Configs: []*proto.ConnectionConfig{connectionConfig(c)}}
	if _, err := h.client.SetAllConnectionConfigs(request); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h processHost) ask(_ context.Context, q question) ([]row, error) {
	stream, _, cancel, err := h.client.Execute(q.request())
	if err != nil {
		return nil, err
	}
	defer cancel()
	return received(stream.Recv)
}

type lockedBuffer struct {
	mu sync.Mutex
	of bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of.String()
}

func TestProgramIsAPluginForAPluginHostAndTheCommandLineOtherwise(t *testing.T) {
	path := build(t, "steampipe-plugin-am.plugin")
	sim, url := server(t, simulator.Options{Realms: 3, Users: 60, Sessions: 1500, ListCap: 100_000})
	logIn(t, sim, "/alpha", oddNames...)
	config := asAdministrator(t, sim, url)

	t.Run("its rows are the server's sessions", func(t *testing.T) {
		h := newProcessHost(t, path, config)
		rows, err := h.ask(t.Context(), question{})
		if err != nil {
			t.Fatal(err)
		}
		want := truth(sim)
		if d := difference(texts(rows, truthColumns), want); d != "" {
			t.Errorf("it gives %d rows (first), and the server has %d sessions (second): %s", len(rows), len(want), d)
		}
		if printed := h.printed.String(); printed != "" {
			t.Errorf("it prints %q", printed)
		}
	})
	t.Run("its rows are the engine's", func(t *testing.T) {
		hosts := [2]host{newProcessHost(t, path, config), newEngineHost(t, config)}
		for _, c := range questions {
			t.Run(c.name, func(t *testing.T) { agree(t, hosts, c.question, c.some, c.limit) })
		}
	})
	t.Run("its schema needs no configuration", func(t *testing.T) {
		schema, err := newProcessHost(t, path, connection.Config{}).client.GetSchema(connectionName)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, column := range schema.GetSchema()["am_session"].GetColumns() {
			got = append(got, column.GetName())
		}
		if want := slices.Concat(allColumns, sdkColumns); !slices.Equal(got, want) {
			t.Errorf("am_session has the columns\n%q, want\n%q", got, want)
		}
	})
	t.Run("an error is the query's", func(t *testing.T) {
		user, wrong, nobody := "amadmin", "wrong", "http://127.0.0.1:1/am"
		for _, c := range []struct {
			config connection.Config
			want   string
		}{
			{connection.Config{BaseURL: &url, Username: &user, Password: &wrong}, "401"},
			{connection.Config{BaseURL: &nobody, Username: &user, Password: &wrong}, "check host and port in base_url"},
			{connection.Config{}, "base_url is missing"},
		} {
			rows, err := newProcessHost(t, path, c.config).ask(t.Context(), question{})
			if err == nil || !strings.Contains(err.Error(), c.want) || len(rows) > 0 {
				t.Errorf("%q gives %d rows and the error %v, want one with %q", hcl(c.config), len(rows), err, c.want)
			}
		}
	})
	t.Run("it ends when its host ends it", func(t *testing.T) {
		h := newProcessHost(t, path, config)
		if h.process.Exited() {
			t.Fatal("it has ended before")
		}
		h.process.Kill()
		if _, err := h.ask(t.Context(), question{}); !h.process.Exited() || err == nil {
			t.Errorf("after its end: exited %t, and a query gives %v", h.process.Exited(), err)
		}
	})
	t.Run("its handshake is all that it prints", func(t *testing.T) { printsItsHandshake(t, path) })
	t.Run("without a host it is the command line", func(t *testing.T) { isTheCommandLine(t, path) })
}

const cookie = "MANTIX_PLUGIN_MAGIC_COOKIE=" // by this variable, the SDK's plugins recognize their hosts

// printsItsHandshake checks that the program prints one line for the host and nothing else, which would break the
// protocol.
func printsItsHandshake(t *testing.T, path string) {
	command := exec.Command(path)
	command.Env = cleanEnvironment(cookie + shared.Handshake.MagicCookieValue)
	pipe, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	output := bufio.NewReader(pipe)
	handshake, err := output.ReadString('\n')
	if fields := strings.Split(strings.TrimSpace(handshake), "|"); err != nil || len(fields) < 5 || fields[4] != "grpc" {
		t.Errorf("it says %q (%v), want go-plugin's handshake for grpc", handshake, err)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(output)
	if err != nil || len(rest) > 0 {
		t.Errorf("after the handshake it says %q (%v)", rest, err)
	}
	_ = command.Wait() // it was killed
}

func isTheCommandLine(t *testing.T, plugin string) {
	command := filepath.Join(t.TempDir(), strings.Replace(filepath.Base(plugin), "steampipe-plugin-am.plugin", "amsql", 1))
	if err := os.Link(plugin, command); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path        string
		environment []string
		status      int
		want        string
	}{
		{command, nil, 0, "amsql "},
		{command, []string{cookie + "of another kind of plugin"}, 0, "amsql "},
		{plugin, nil, 1, "This binary is a plugin."}, // what go-plugin prints if the plugin is run by hand
	} {
		run := exec.CommandContext(t.Context(), c.path, "version")
		run.Env = cleanEnvironment(c.environment...)
		output, err := run.CombinedOutput()
		if err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		if status := run.ProcessState.ExitCode(); status != c.status || !strings.Contains(string(output), c.want) {
			t.Errorf("%s with %q ends with %d and says\n%s\nwant %d and %q", filepath.Base(c.path), c.environment, status, output, c.status, c.want)
		}
	}
}
