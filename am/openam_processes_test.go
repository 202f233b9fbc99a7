package am_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turbot/steampipe-plugin-sdk/v5/anywhere"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
)

// The tests in this file run against the real OpenAM and the simulated one.

func TestOpenAMShortLivedProcessesLeaveNoSession(t *testing.T) {
	shortLivedProcessesLeaveNoSession(t, realOpenAM(t))
}

func TestShortLivedProcessesLeaveNoSession(t *testing.T) {
	shortLivedProcessesLeaveNoSession(t, simulatedOpenAM(t))
}

const (
	processRealm    = "/processes"
	processVariable = "AMSQL_TEST_PROCESS"
)

// shortLivedProcessesLeaveNoSession runs 200 processes one after the other, and 50 at the same time.
func shortLivedProcessesLeaveNoSession(t *testing.T, d *deployment) {
	d.logins(t, processRealm, people...)
	before := d.administrators(t)
	for range 200 {
		d.process(t)
	}
	d.noMoreThan(t, before, "after 200 processes one after the other")
	var processes sync.WaitGroup
	for range 50 {
		processes.Go(func() { d.process(t) })
	}
	processes.Wait()
	d.noMoreThan(t, before, "after 50 processes at once")
}

// administrators returns the number of the administrator's sessions.
func (d *deployment) administrators(t *testing.T) int {
	t.Helper()
	sessions, err := d.admin.Sessions(t.Context(), "/")
	must(t, err)
	return len(slices.DeleteFunc(sessions, func(session map[string]any) bool { return session["username"] != "amadmin" }))
}

// noMoreThan waits until the administrator has no more than this number of sessions. OpenAM lists a session for a
// moment after it has ended.
func (d *deployment) noMoreThan(t *testing.T, before int, when string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for d.administrators(t) > before && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	if after := d.administrators(t); after > before {
		t.Errorf("%s there are %d sessions of the administrator, and %d before", when, after, before)
	}
}

// process runs a query in a separate process that links the plugin, as psql's backend does.
func (d *deployment) process(t *testing.T) {
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestAProcessThatLinksThePlugin$")
	command.Env = append(slices.Clone(d.environment), processVariable+"=1", "STEAMPIPE_LOG_LEVEL=error", "PATH="+os.Getenv("PATH"))
	if output, err := command.CombinedOutput(); err != nil || !strings.HasPrefix(string(output), "a row") {
		t.Errorf("the process ends with %v and says %q", err, output)
	}
}

// TestAProcessThatLinksThePlugin is that process. It exits as soon as it has a row.
func TestAProcessThatLinksThePlugin(t *testing.T) {
	if os.Getenv(processVariable) == "" {
		t.Skip("needs a real OpenAM: make openam-test") // another test starts it
	}
	h := pluginHost{plugin.Server(&plugin.ServeOpts{PluginFunc: am.Plugin})}
	h.configure(t, connection.Config{})
	stream := anywhere.NewLocalPluginStream(context.Background())
	h.server.CallExecuteAsync(question{realm: []string{processRealm}}.request(), stream)
	row, err := stream.Recv()
	if err != nil || row == nil {
		t.Fatalf("it gets %v and %v", row, err)
	}
	_, _ = os.Stdout.WriteString("a row")
	os.Exit(0)
}
