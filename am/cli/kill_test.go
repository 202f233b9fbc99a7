//go:build unix

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// ending starts amsql logout for all sessions of a realm, and waits until some have ended.
func ending(t *testing.T, server *simulator.Server, args ...string) *exec.Cmd {
	t.Helper()
	cmd := process(t, "amsql", append([]string{"logout", "--yes", "--max", "2000", "-o", "csv"}, args...)...)
	cmd.Stdout, cmd.Stderr = new(bytes.Buffer), new(bytes.Buffer)
	before := len(server.Sessions())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); len(server.Sessions()) >= before-100; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing ends: %s%s", cmd.Stdout, cmd.Stderr)
		}
	}
	return cmd
}

// journalled returns the outcomes of each session in a journal, in order.
func journalled(t *testing.T, path string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		var entry methods.Entry
		if json.Unmarshal([]byte(line), &entry) == nil {
			outcomes[entry.Session] = append(outcomes[entry.Session], entry.Outcome)
		}
	}
	return outcomes
}

// settled returns the number of sessions after the server has processed the last request.
func settled(server *simulator.Server) (n int) {
	answering, _ := underWay.Load(server)
	for n = -1; n != len(server.Sessions()) || answering.(*atomic.Int64).Load() > 0; time.Sleep(200 * time.Millisecond) {
		n = len(server.Sessions())
	}
	return n
}

func TestAfterAKillASecondRunSettlesEverySession(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 1, Users: 20, Sessions: 1500, Seed: 1, ListCap: 5000, Latency: 20 * time.Millisecond})
	dir := t.TempDir()
	journal, handles := filepath.Join(dir, "journal.jsonl"), filepath.Join(dir, "handles")
	var list []string
	for _, s := range server.Sessions() {
		if s.Realm == "/alpha" {
			list = append(list, s.Handle)
		}
	}
	if err := os.WriteFile(handles, []byte(strings.Join(list, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := ending(t, server, "--from", handles, "--journal", journal)
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil { // so that it cannot exit by itself
		t.Fatal(err)
	}
	if _, errs, status := invoke(t, terminal.Streams{}, "logout", "--yes", "--from", handles, "--journal", journal); status != statusMisused || !strings.Contains(errs, "is in use by another amsql") {
		t.Errorf("a second process with the same journal: status %d, %s", status, errs)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()              // it was killed
	left := settled(server) - 1 // without AM's own session
	if n := administrators(server); n > 0 {
		left -= n // amsql leaves its session behind when it is killed
	}
	if left == 0 {
		t.Fatal("all had ended before the kill")
	}
	out, errs, status := invoke(t, terminal.Streams{}, "logout", "--yes", "--max", "2000", "-o", "csv", "--from", handles, "--journal", journal)
	ended, gone := strings.Count(out, ",ended,"), strings.Count(out, ",already gone,")
	if status != statusFine || ended != left || gone != len(list)-left {
		t.Errorf("status %d, %s: %d ended and %d already gone, want %d and %d", status, errs, ended, gone, left, len(list)-left)
	}
	outcomes := journalled(t, journal)
	for _, handle := range list {
		of := outcomes[methods.Fingerprint(handle)]
		times := 0
		for _, o := range of {
			if o == string(methods.Ended) {
				times++
			}
		}
		if len(of) == 0 || times > 1 || !slices.Contains([]string{string(methods.Ended), string(methods.AlreadyGone)}, of[len(of)-1]) {
			t.Fatalf("a session is not settled: %q", of)
		}
	}
}

func TestAnInterruptedLogoutSaysWhatBecameOfEachSession(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 1, Users: 20, Sessions: 2000, Seed: 1, ListCap: 5000, Latency: 50 * time.Millisecond})
	cmd := ending(t, server, "--where", "realm = '/alpha'")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != statusInterrupted {
		t.Fatalf("it ended with %v: %s", err, cmd.Stderr)
	}
	out := cmd.Stdout.(*bytes.Buffer).String()
	left := len(server.Sessions()) - 1 // without AM's own session
	ended, still := strings.Count(out, ",ended,"), strings.Count(out, ",still listed,not sent: interrupted,")
	if ended+still != 2000 || still != left || ended < 100 {
		t.Errorf("%d ended and %d still listed, and %d are left", ended, still, left)
	}
	signedOut(t, server)
}
