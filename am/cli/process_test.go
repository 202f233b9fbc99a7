//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// programs returns a folder with links to this test's binary: amsql, which TestMain runs as amsql because of the name,
// and steampipe, which accepts the same flags and prints the same JSON.
func programs(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"amsql", "steampipe"} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func process(t *testing.T, command string, args ...string) *exec.Cmd {
	t.Helper()
	dir := programs(t)
	cmd := exec.CommandContext(t.Context(), command, args...)
	if command == "amsql" {
		cmd.Path, cmd.Err = filepath.Join(dir, "amsql"), nil
	}
	cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Dir = t.TempDir()
	return cmd
}

// connect starts a simulated AM and sets the environment for it.
func connect(t *testing.T, options simulator.Options) *simulator.Server {
	t.Helper()
	server, environment := simulated(t, options)
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	return server
}

// simulated starts a simulated AM, and returns an environment for processes. Tests that run in parallel need it,
// because they share this process's environment.
func simulated(t *testing.T, options simulator.Options) (server *simulator.Server, environment []string) {
	t.Helper()
	server, err := simulator.New(options)
	if err != nil {
		t.Fatal(err)
	}
	var answering atomic.Int64
	underWay.Store(server, &answering)
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answering.Add(1)
		defer answering.Add(-1)
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(listening.Close)
	user, password := server.Admin()
	return server, []string{"AM_URL=" + listening.URL + server.ContextPath(), "AM_USERNAME=" + user, "AM_PASSWORD=" + password}
}

// underWay contains the number of requests that each simulated AM is processing.
var underWay sync.Map

func administrators(server *simulator.Server) (n int) {
	admin, _ := server.Admin()
	for _, s := range server.Sessions() {
		if s.Username == admin {
			n++
		}
	}
	return n
}

// signedOut checks that amsql has left none of its own sessions.
func signedOut(t *testing.T, server *simulator.Server) {
	t.Helper()
	if n := administrators(server); n > 0 {
		t.Errorf("%d sessions of amsql are left", n)
	}
}

// terminate stops the command as a service manager does, and expects that it exits without an error.
func terminate(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}

func TestAnInterruptedQuerySignsOut(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		server := connect(t, simulator.Options{Realms: 2, Users: 200, Sessions: 2000, Latency: 20 * time.Millisecond})
		cmd := process(t, "amsql", "query", "select * from am_session")
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); administrators(server) == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("amsql did not sign in")
			}
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != statusInterrupted {
			t.Errorf("%v: it ended with %v, want exit status 130", signal, err)
		}
		if out.Len() > 0 || errs.String() != "Error: interrupted\n" {
			t.Errorf("%v: output %q, error %q", signal, &out, &errs)
		}
		if n := administrators(server); n > 0 {
			t.Errorf("%v: %d sessions of amsql are left", signal, n)
		}
	}
}

func TestAPipeThatEndsEarlySignsOut(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 2, Users: 200, Sessions: 3000})
	cmd := process(t, "sh", "-c", `amsql query "select a.session_handle from am_session a join am_session b using (realm)" -o csv | head -n 1`)
	out, err := cmd.Output()
	if err != nil || string(out) != "session_handle\n" {
		t.Errorf("output %q, %v", out, err)
	}
	// The shell waits only for head.
	for deadline := time.Now().Add(patience); administrators(server) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a session of amsql is left")
		}
	}
}

func TestAnInterruptedSimulationIsFine(t *testing.T) {
	cmd := process(t, "amsql", "simulate", "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "export AM_URL=http://127.0.0.1:") {
		t.Errorf("first line %q, %v", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// A server that does not answer takes all the time that there is for signing out, but must not take that of other
// servers.
func TestAServerThatHangsKeepsNoOtherFromSigningOut(t *testing.T) {
	t.Parallel() // it waits
	var servers []*simulator.Server
	var config strings.Builder
	for _, name := range []string{"east", "west"} { // west would sign out after east
		server, err := simulator.New(simulator.Options{Sessions: 3, Users: 3, Faults: map[string][]string{"east": {"slow=12s:action=logout"}}[name]})
		if err != nil {
			t.Fatal(err)
		}
		listening := httptest.NewServer(server)
		t.Cleanup(listening.Close)
		user, password := server.Admin()
		fmt.Fprintf(&config, "connection %q {\n  plugin   = \"am\"\n  base_url = %q\n  username = %q\n  password = %q\n}\n", name, listening.URL+server.ContextPath(), user, password)
		servers = append(servers, server)
	}
	path := filepath.Join(t.TempDir(), "am.spc")
	if err := os.WriteFile(path, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, status := invoke(t, terminal.Streams{}, "query", "--config", path, "select count(*) from east.am_session union all select count(*) from west.am_session")
	if status != statusFine || !strings.Contains(errs, "connection east: amsql's own session was not ended") || strings.Contains(errs, "connection west") {
		t.Errorf("status %d, %s", status, errs)
	}
	if n := administrators(servers[1]); n > 0 {
		t.Errorf("%d sessions of amsql are left on the server that answers", n)
	}
}
