//go:build unix

package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

func TestWatchWritesALineOfJSONForEachEvent(t *testing.T) {
	t.Parallel() // it waits
	server, environment := simulated(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12})
	cmd := process(t, "amsql", "watch", "--interval", "1s", "select username, realm, session_handle from am_session where realm = '/alpha'")
	cmd.Env = append(cmd.Env, environment...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	next := func() (line struct {
		Time, Event, Realm, Reason string
		Sessions                   int
		Session                    map[string]string
	}) {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("there is no other line: %v", lines.Err())
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		return line
	}
	if begin := next(); begin.Event != "begin" || begin.Sessions != 14 { // including those of AM and amsql
		t.Errorf("it begins with %+v", begin)
	}
	if err := server.AddUser("/alpha", "newcomer", "changeit"); err != nil {
		t.Fatal(err)
	}
	session, err := server.Login("/alpha", "newcomer")
	if err != nil {
		t.Fatal(err)
	}
	if login := next(); login.Event != "login" || login.Session["username"] != "newcomer" || login.Session["session_handle"] != session.Handle {
		t.Errorf("the login is %+v", login)
	}
	if err := server.SetFaults("400:path=/alpha/sessions:times=1"); err != nil {
		t.Fatal(err)
	}
	if gap := next(); gap.Event != "incomplete" || gap.Realm != "/alpha" || gap.Reason == "" {
		t.Errorf("a realm that fails is %+v", gap)
	}
	if gap := next(); gap.Event != "complete" || gap.Realm != "/alpha" {
		t.Errorf("a realm that is back is %+v", gap)
	}
	logout := process(t, "amsql", "logout", "--username", "newcomer", "--yes")
	if logout.Env = append(logout.Env, environment...); logout.Run() != nil {
		t.Errorf("logout: %v", logout.ProcessState)
	}
	if logout := next(); logout.Event != "logout" || logout.Session["username"] != "newcomer" {
		t.Errorf("the logout is %+v", logout)
	}
	terminate(t, cmd)
	signedOut(t, server)
}

func TestWatchRedrawsATerminal(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12})
	s := startShell(t, 140, 30)
	s.send(".watch 1", enter)
	s.await("14 sessions, realms: 3 complete", "0 + login", "| username  ")
	if _, err := server.Login("/", "demo"); err != nil {
		t.Fatal(err)
	}
	s.await("1 + login")
	if screen := s.screen.String(); strings.Contains(screen, "session_handle") || strings.Contains(screen, "base_url") {
		t.Errorf("the screen has handles, or the one server in each row:\n%s", s.screen)
	}
	s.send(ctrlC)
	s.ran(".watch 1")
	s.send(".watch 2 select username from am_session", enter)
	s.ran("Error: session_handle identifies sessions")
	s.send("select 'alive' as state;", enter)
	s.ran("| alive |")
	s.send(ctrlD)
	s.exits(statusFine)
	signedOut(t, server)
}

func TestWatchOfATerminalEndsWithCtrlC(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 1, Users: 2, Sessions: 2})
	cmd := process(t, "amsql", "watch")
	keys, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 120, Rows: 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = keys.Close() }() // the process has exited
	out := bufio.NewReader(keys)
	for text := ""; !strings.Contains(text, "Ctrl-C stops"); {
		line, err := out.ReadString('\n')
		if text += line; err != nil {
			t.Fatalf("%v: %q", err, text)
		}
	}
	if _, err := keys.WriteString(ctrlC); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = out.WriteTo(&strings.Builder{}) }() // ends with the process
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != statusFine {
		t.Errorf("status %d, %v", cmd.ProcessState.ExitCode(), err)
	}
	signedOut(t, server)
}

func TestWatchRefusesWhatItCannotWatch(t *testing.T) {
	connect(t, simulator.Options{})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"select username from am_session"}, "session_handle identifies sessions: add it to the columns of the SQL"},
		{[]string{""}, "the SQL is empty"},
		{[]string{"select", "1"}, "put it in quotes"},
		{[]string{"--interval", "0"}, "must be at least a second"},
		{[]string{"--interval", "soon"}, "must be at least a second"},
	} {
		if _, err, status := invoke(t, terminal.Streams{}, append([]string{"watch"}, c.args...)...); status != statusMisused || !strings.Contains(err, c.want) {
			t.Errorf("%q: status %d, %s", c.args, status, err)
		}
	}
}
