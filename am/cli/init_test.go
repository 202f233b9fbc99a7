//go:build unix

package cli

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// screen is a terminal on which a command runs: what was shown, echo included.
type screen struct {
	t     *testing.T
	keys  *os.File
	mu    sync.Mutex
	shown bytes.Buffer
}

func onTerminal(t *testing.T, cmd *exec.Cmd) *screen {
	t.Helper()
	file, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, keys: file}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(s, file) // it ends with an error when the command has ended
	}()
	t.Cleanup(func() {
		_ = file.Close() // the command has ended, or the test has failed
		<-done
	})
	return s
}

// Write is what the terminal shows.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.Write(p)
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

func (s *screen) await(text string) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(s.text(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the terminal does not show %q but\n%s", text, s.text())
		}
	}
}

// answer waits for a question and answers it.
func (s *screen) answer(question, text string) {
	s.t.Helper()
	s.await(question)
	time.Sleep(20 * time.Millisecond) // the echo goes off a moment after the question shows
	if _, err := s.keys.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

func TestInitAsksOnATerminalAndKeepsThePasswordApart(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12})
	address := os.Getenv("AM_URL")
	for _, name := range []string{"AM_URL", "AM_USERNAME", "AM_PASSWORD"} {
		t.Setenv(name, "")
	}
	path := filepath.Join(t.TempDir(), "new", "am.spc")
	cmd := process(t, "amsql", "init", "--config", path)
	s := onTerminal(t, cmd)
	s.answer("Address of AM", address+"\n")
	s.answer("User name", "amadmin\n")
	s.answer("Password", "ampassword\n")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("it ended with %v:\n%s", err, s.text())
	}
	s.await("the connection is in " + path)
	if strings.Contains(s.text(), "ampassword") {
		t.Errorf("the terminal shows the password:\n%s", s.text())
	}
	configs, err := connection.ReadConfig(path)
	if err != nil || len(configs) != 1 {
		t.Fatalf("%d connections, %v", len(configs), err)
	}
	secret := filepath.Join(filepath.Dir(path), "am.password")
	if c := configs[0].Config; *c.BaseURL != address || *c.Username != "amadmin" || *c.Password != "file:"+secret {
		t.Errorf("it wrote %s %s %s", *c.BaseURL, *c.Username, *c.Password)
	}
	checkSecret(t, path)
	checkSecret(t, secret)
	if out, errs, _ := invoke(t, terminal.Streams{}, "query", "--config", path, "-o", "csv", "--header=false", "select count(*) from am_session where realm <> '/'"); out != "12\n" {
		t.Errorf("the connection finds %q sessions, want 12: %s", out, errs)
	}
	if n := administrators(server); n > 0 {
		t.Errorf("%d sessions of amsql are left", n)
	}
}

func TestAnInterruptedInitWritesNothingAndTurnsTheEchoOnAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "am.spc")
	// The shell outlives amsql and shows what it left of the terminal.
	cmd := process(t, "sh", "-c", `trap : INT; amsql init --url http://127.0.0.1:1/am --account amadmin --config "$0"; echo "status $?"; stty -a`, path)
	s := onTerminal(t, cmd)
	s.answer("Password", "\x03")
	s.await("status 130")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	s.await(" echo ")
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("%s: %v", path, err)
	}
}

func TestAFileThatAppearsWhileInitAsksStaysAsItIs(t *testing.T) {
	o := InitOptions{Config: filepath.Join(t.TempDir(), "am.spc"), Connection: "am", URL: "http://localhost/am", Account: "a", Secret: "typed"}
	if err := os.WriteFile(o.Config, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.write(terminal.Streams{Err: io.Discard}); err == nil {
		t.Error("it wrote over the file")
	}
	if content, _ := os.ReadFile(o.Config); string(content) != "mine" {
		t.Errorf("the file holds %q", content)
	}
	if _, err := os.Lstat(o.secretFile()); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", o.secretFile(), err)
	}
}
