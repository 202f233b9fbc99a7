//go:build unix

package cli

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

const (
	ctrlC = "\x03"
	ctrlD = "\x04"
	tab   = "\t"
	enter = "\r"
	up    = "\x1b[A"
	left  = "\x1b[D"
	erase = "\x7f"
)

// patience is how long a step may take on a machine under load.
const patience = time.Minute

// emulated is an emulated terminal. Its screen contains what a person would see.
type emulated struct {
	t      *testing.T
	cmd    *exec.Cmd
	keys   *os.File
	screen vt10x.Terminal
	ended  chan struct{} // closed when the command has exited and all its output is on the screen
}

// startShell starts amsql query on a terminal of this size, and waits for its prompt.
func startShell(t *testing.T, columns, rows int, args ...string) *emulated {
	t.Helper()
	s := startOnTerminal(t, columns, rows, append([]string{"query"}, args...)...)
	s.ran()
	return s
}

// startOnTerminal starts amsql on a terminal of this size, with its own history, and without a pager unless one is set.
func startOnTerminal(t *testing.T, columns, rows int, args ...string) *emulated {
	t.Helper()
	t.Setenv("TERM", "xterm")
	t.Setenv("INPUTRC", os.DevNull)
	if _, ok := os.LookupEnv("AMSQL_PAGER"); !ok {
		t.Setenv("AMSQL_PAGER", "")
	}
	if os.Getenv("XDG_CONFIG_HOME") == "" {
		ownConfiguration(t)
	}
	cmd := process(t, "amsql", args...)
	keys, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)})
	if err != nil {
		t.Fatal(err)
	}
	s := &emulated{t: t, cmd: cmd, keys: keys, screen: vt10x.New(vt10x.WithSize(columns, rows), vt10x.WithWriter(keys)), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		_, _ = io.Copy(s.screen, keys) // returns an error when the command has ended
	}()
	t.Cleanup(func() {
		_ = keys.Close() // the command has ended, or the test has failed
		<-s.ended
	})
	return s
}

func (s *emulated) send(keys ...string) {
	s.t.Helper()
	if _, err := s.keys.WriteString(strings.Join(keys, "")); err != nil {
		s.t.Fatal(err)
	}
}

// ran waits for texts and for the prompt after them. Before the prompt, the terminal handles keys in another way than
// the shell.
func (s *emulated) ran(texts ...string) {
	s.t.Helper()
	s.await(texts...)
	for deadline := time.Now().Add(patience); !strings.HasSuffix(strings.TrimSpace(s.screen.String()), ">"); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("there is no prompt:\n%s", s.screen)
		}
	}
}

// sees reports whether the screen shows all of the texts within this time.
func (s *emulated) sees(within time.Duration, texts ...string) bool {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		screen, all := s.screen.String(), true
		for _, text := range texts {
			all = all && strings.Contains(screen, text)
		}
		if all {
			return true
		}
	}
	return false
}

func (s *emulated) await(texts ...string) {
	s.t.Helper()
	if !s.sees(patience, texts...) {
		s.t.Fatalf("the screen does not show %q but\n%s", texts, s.screen)
	}
}

// awaitNot waits until the screen no longer shows a text.
func (s *emulated) awaitNot(text string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); strings.Contains(s.screen.String(), text); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the screen still shows %q:\n%s", text, s.screen)
		}
	}
}

// status waits until the shell exits, and returns its status.
func (s *emulated) status() int {
	s.t.Helper()
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

// exits waits until the shell exits, and checks its status.
func (s *emulated) exits(want int) {
	s.t.Helper()
	if status := s.status(); status != want {
		s.t.Errorf("status %d, want %d", status, want)
	}
}

func (s *emulated) resize(columns, rows int) {
	s.t.Helper()
	s.screen.Resize(columns, rows)
	if err := pty.Setsize(s.keys, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)}); err != nil {
		s.t.Fatal(err)
	}
}

func TestTheShellEditsLinesAndStatementsOfManyLines(t *testing.T) {
	s := startShell(t, 80, 24)
	s.send("select 1 as onx", erase, "e;", enter)
	s.ran("| one |")
	s.send("select 'b' as lettr", left, "e")
	s.await("as letter")
	s.send(ctrlC)
	s.ran("as lette")
	s.send("select 40", enter, "  + 2 as", enter, "answer;", enter)
	s.ran("answer;", "| 42     |")
	s.send("select 'ended' as state; -- so", enter)
	s.ran("| ended |")
	s.send("selct;", enter)
	s.ran(`Error: line 1, column 1`)
	s.send("select 'alive' as state;", enter)
	s.ran("| alive |")
	s.send(ctrlD)
	s.exits(statusFine)
}

func TestTheShellTakesWhatIsPasted(t *testing.T) {
	s := startShell(t, 80, 24)
	s.send("\x1b[200~select 'first' as a;\n.mode line\nselect 'second' as b;\x1b[201~", enter)
	s.ran("| first |", "b | second")
	s.send("select 'third' as c;", enter, "select 'fourth' as d;", enter, ".exit", enter)
	s.await("c | third", "d | fourth")
	s.exits(statusFine)
}

func TestTheShellCompletes(t *testing.T) {
	connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12})
	s := startShell(t, 100, 30)
	s.send("sel", tab)
	s.await("am> select")
	s.send(" * from am_re", tab)
	s.await("am_realm")
	s.send(" where pat", tab)
	s.await("where path")
	s.send(" = '/al")
	for range 20 {
		s.send(tab) // requests the realms in the background
		if s.sees(3*time.Second, "'/alpha'") {
			break
		}
	}
	s.await("'/alpha'")
	s.send(";", enter)
	s.ran("parent_path", "/alpha")
	s.send("exec am_session.get_session_p", tab)
	s.await("get_session_properties")
	s.send(";", enter)
	s.ran("| name |")
	s.send(".conn", tab)
	s.await(".connections")
	s.send(enter)
	s.ran("| in_use |")
	s.send("select base_", tab) // no table is named yet
	s.await("select base_url")
	s.send(", ", tab)
	s.await("creation_time", "session_handle", "ago(")
	s.send("realm from am_session limit 0;", enter)
	s.ran("realm from am_session limit 0;")
	s.send("select * from am_s", tab)
	s.await("am_session_scan", "am_session_service", "A property of a session")
	s.send(" limit 0;", enter)
	s.ran("am_se limit 0;")
}

// If the menu only shows the completions, Ctrl+C deletes the line with the menu. If a completion has been chosen,
// Ctrl+C first removes that.
func TestCtrlCClosesTheMenuOfCompletions(t *testing.T) {
	connect(t, simulator.Options{Realms: 1, Users: 3, Sessions: 6})
	s := startShell(t, 100, 30)
	s.send("select * from am_s", tab)
	s.await("A property of a session")
	s.send(ctrlC)
	s.awaitNot("A property of a session")
	s.ran()
	s.send("select 'alive' as state;", enter)
	s.ran("| alive |")

	s.send("select * from am_s", tab)
	s.await("A property of a session")
	s.send(tab)
	s.await("am> select * from am_server")
	s.send(ctrlC)
	s.awaitNot("A property of a session")
	s.await("am> select * from am_se ")
	s.send("rver limit 0;", enter)
	s.ran("am> select * from am_server limit 0;")
	s.send(ctrlD)
	s.exits(statusFine)
}

func TestCtrlCEndsAQueryAndNotTheShell(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 3, Users: 300, Sessions: 3000, Latency: 100 * time.Millisecond})
	s := startShell(t, 100, 24)
	s.send("select count(*) from am_session;", enter)
	s.await("requests (")
	s.send(ctrlC)
	s.ran("Error: interrupted")
	s.send("select 'alive' as state;", enter)
	s.ran("| alive |")
	s.send(ctrlD)
	s.exits(statusFine)
	signedOut(t, server)
}

func TestSIGTERMEndsTheShellAndSignsOut(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12})
	s := startShell(t, 100, 24)
	s.send("select count(*) as sessions from am_session;", enter)
	s.ran("| sessions |")
	s.send("select not yet ended")
	s.await("not yet ended")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.exits(statusInterrupted)
	signedOut(t, server)
}

func TestTheHistoryIsThatOfEarlierShells(t *testing.T) {
	path := ownConfiguration(t)
	s := startShell(t, 80, 24)
	s.send("select 'kept' ||", enter, "' well' as a;", enter)
	s.ran("| kept well |")
	s.send("select 'AQIC5wM2LY4SfcyYzs9En' as b;", enter)
	s.ran("| AQIC5wM2LY4SfcyYzs9En |")
	s.send(ctrlD)
	s.status()
	checkSecret(t, path)
	if content, err := os.ReadFile(path); err != nil || string(content) != `"select 'kept' ||\n' well' as a;"`+"\n" {
		t.Errorf("the history is %s, %v", content, err)
	}
	again := startShell(t, 80, 24)
	again.send(up)
	again.await("' well' as a;")
	again.send(enter)
	again.ran("| kept well |")
	again.send(ctrlD)
	again.status()
}

func TestATableFollowsTheWidthOfTheScreen(t *testing.T) {
	const sql = "select 'username' as a, 'one two three four five six' as b;"
	s := startShell(t, 80, 24)
	s.send(sql, enter)
	s.ran("| username | one two three four five six |")
	s.resize(30, 40)
	s.send(sql, enter)
	s.ran("| one two three ")
	s.resize(26, 40)
	s.send(sql, enter)
	s.ran("-[ RECORD 1  ]", "b | one two three")
	s.send(ctrlD)
	s.status()
}

func TestTheShellTellsOfWritesAndTransactionsAndAsks(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12})
	before := len(server.Sessions())
	s := startShell(t, 120, 40, "--allow-writes")
	s.ran("am (writes)> ")
	const ending = "delete from am_session where realm = '/alpha' and username = 'ajensen';"
	s.send(ending, enter)
	s.await("Type the number of sessions to end them: ")
	s.send(ctrlC)
	s.ran("not confirmed: nothing was ended")
	s.send("begin;", enter)
	s.ran("am (writes, transaction)> ")
	s.send(ctrlD)
	s.await("the transaction was not committed: nothing was sent")
	s.exits(statusFine)
	if after := len(server.Sessions()); after != before {
		t.Errorf("%d sessions of %d are left", after, before)
	}
	again := startShell(t, 120, 40, "--allow-writes")
	again.send(ending, enter)
	again.await("Type the number of sessions to end them: ")
	again.send("1", enter)
	again.ran("Notice: 1 ended")
	again.send(ctrlD)
	again.status()
	if after := len(server.Sessions()); after != before-1 {
		t.Errorf("%d sessions of %d are left", after, before)
	}
}

const twentyRows = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20) select i from n;"

func TestRowsThatFillTheScreenGoToThePager(t *testing.T) {
	t.Setenv("AMSQL_PAGER", "sed s/^/paged:/")
	s := startShell(t, 80, 12)
	s.send("select 1 as few;", enter)
	s.ran("\n| few |")
	s.send(twentyRows, enter)
	s.ran("paged:| 20 |")
	s.send(ctrlD)
	s.status()

	t.Setenv("AMSQL_PAGER", "head -n 2")
	s = startShell(t, 80, 12)
	s.send(".mode csv", enter, strings.Replace(twentyRows, "20", "20000", 1), enter)
	s.ran("i ", "1 ")
	s.send("select 'alive';", enter)
	s.ran("alive ")
	if strings.Contains(s.screen.String(), "Error") {
		t.Errorf("a pager that has seen enough is an error:\n%s", s.screen)
	}
	s.send(ctrlD)
	s.status()

	t.Setenv("AMSQL_PAGER", "no-such-pager")
	s = startShell(t, 80, 12)
	s.send(twentyRows, enter)
	s.ran("| 20 |")
	s.send(ctrlD)
	s.status()
}

func TestDotCommands(t *testing.T) {
	connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12})
	dir := t.TempDir()
	config := filepath.Join(dir, "estate.spc")
	if err := os.WriteFile(config, []byte(`connection "east" { plugin = "amsql/am" }
connection "west" {
  plugin = "amsql/am"
  realms = ["/bravo"]
}`), 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "script.sql")
	if err := os.WriteFile(script, []byte(".header off\nselect\n'read' as a;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startShell(t, 100, 60, "--config", config)
	for _, step := range []struct{ keys, want string }{
		{".help .timing", "show the time, requests and completeness of each statement"},
		{".inspect am_realm", "Whether users can log in."},
		{".schema am_realm", "create table east.am_realm ("},
		{".tables west", "| west       | am_realm"},
		{".use west", "west> "},
		{"select 'realms: ' || group_concat(distinct realm) as r from am_session;", "| realms: /bravo |"},
		{"select 'all: ' || count(distinct realm) as n from east.am_session;", "| all: 3 |"},
		{".use north", "there is no connection north, only east, west"},
		{".tabels", "did you mean .tables?"},
		{".use", ".use takes an argument: .use CONNECTION"},
		{".clear now", ".clear: unexpected argument \"now\""},
		{".once out.xlsx", "must end in one of .json"},
		{".once " + dir + "/once.csv", "the rows of the next SQL go to " + dir},
		{"select 'file' as a;", "1 row written to"},
		{"select 'screen' as a;", "| screen |"},
		{".export " + dir + "/export.jsonl select 'exported' as a", "export.jsonl"},
		{".export out.csv", ".export needs a file and SQL"},
		{".timing on", "timing is on"},
		{"select 'timed' as a;", "Rows returned: 1."},
		{".read " + script, "| read |"},
		{".header", "header is off"},
		{".separator ab", "is not one character"},
		{".separator ;", "separator is ';'"},
		{`.separator \t`, `separator is '\t'`},
		{`\timing`, "timing is off"},
		{`\x`, "expanded is on"},
		{"select 'line' as a;", "a | line"},
		{`\x`, "expanded is off"},
		{".mode", "output is table"},
		{".mode csv", "output is csv"},
		{`\x auto`, "expanded is off"},
		{".output", "output is csv"},
		{".header on", "header is on"},
		{".param who=@" + script, ":who is set"},
		{".param who", ":who is not set"},
		{".csv list=" + dir + "/once.csv", "table list has the columns a"},
		{".csv list=" + dir + "/none.csv", "Error: .csv list: open " + dir},
		{".history " + dir + "/none.db", "Error: .history: stat " + dir},
		{".shell exit 3", "Error: .shell: exit status 3"},
	} {
		s.send(step.keys, enter)
		s.ran(step.want)
	}
	s.send(".exit", enter)
	s.exits(statusFine)
	for name, want := range map[string]string{"once.csv": "a\nfile\n", "export.jsonl": `{"a":"exported"}` + "\n"} {
		if content, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(content) != want {
			t.Errorf("%s holds %q, %v", name, content, err)
		}
	}
}

// ownConfiguration gives the test its own folder for the user's configuration, and returns the path of the shell's
// history there.
func ownConfiguration(t *testing.T) (history string) {
	t.Helper()
	for _, name := range []string{"XDG_CONFIG_HOME", "HOME", "AppData"} {
		t.Setenv(name, t.TempDir())
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "amsql", "history")
}
