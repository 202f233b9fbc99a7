//go:build unix

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reeflective/readline"

	"github.com/amsql/steampipe-plugin-am/am/redact"

	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

func TestSQLIsWholeAtItsSemicolonOutsideOfQuotesAndComments(t *testing.T) {
	for text, want := range map[string]bool{
		"":                           true,
		"  \n":                       true,
		"select 1":                   false,
		"select 1;":                  true,
		"select 1; ":                 true,
		"select 1; -- done":          true,
		"select 1; /* done */":       true,
		"select 1; select 2":         false,
		"select ';":                  false,
		"select ';'":                 false,
		"select 'it''s; so';":        true,
		"select \"a;\"":              false,
		"select [;":                  false,
		"select 1 -- ;":              false,
		"select 1 /* ; */":           false,
		"select 1; /* not yet":       false,
		"/* not yet":                 false,
		"select 'a\nb;\nc' as text;": true,
		".tables":                    true,
		"help":                       true,
		"EXIT;":                      true,
		`\d am_session`:              true,
		"help me":                    false,
		"  .mode csv":                true,
		"'":                          false,
		"-":                          false,
	} {
		if got := isWhole(text); got != want {
			t.Errorf("%q is whole: %t, want %t", text, got, want)
		}
	}
}

func TestATextIsDotCommandsAndTheSQLBetweenThem(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"select 1; select 2;", []string{"select 1; select 2;"}},
		{"help\nquit;\n\\d\n\\d am_session;\n\\x\n\\x on\n", []string{".help", ".exit", ".tables", ".inspect am_session", ".expanded toggle", ".expanded on"}},
		{"select\nexit\nfrom t;", []string{"select\nexit\nfrom t;"}},
		{"  .mode csv  \nselect 1;\n", []string{".mode csv", "select 1;\n"}},
		{"select\n.5;\n.tables\nselect '\n.x\n';", []string{"select\n.5;\n", ".tables", "select '\n.x\n';"}},
		{"\n\n", nil},
	} {
		if got := parts(test.text); !cmp.Equal(got, test.want) {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}

func FuzzTheShellsReadingOfSQLEnds(f *testing.F) {
	for _, seed := range []string{"select 1;", "'", "\"a", "[", "--", "/*", "/* */;", ".x\n", "`;`"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		isWhole(text)
		openQuote(text)
		if start := statementStart(text); start < 0 || start > len(text) {
			t.Errorf("%q: the statement begins at %d", text, start)
		}
		for _, part := range parts(text) {
			if !strings.HasPrefix(part, ".") && !strings.Contains(text, part) {
				t.Errorf("%q has no part %q", text, part)
			}
		}
	})
}

// inConfigurationFolder gives the test its own history.
func inConfigurationFolder(t *testing.T) (history string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"XDG_CONFIG_HOME", "HOME", "AppData"} {
		t.Setenv(name, dir)
	}
	path, err := historyPath()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheHistoryIsBoundedPrivateAndWithoutSecrets(t *testing.T) {
	path := inConfigurationFolder(t)
	h, err := openHistory()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{
		"select * from am_session_info where token_id = 'x';",
		"select 'AQIC5wM2LY4SfcyYzs9En';",
		"select 'x.*AAJTSQACMDEAAlNLABM1';",
		"select 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x';",
		"exec am_session.logout @token_id = 'x';",
		".read Password.sql",
		"select 'Authorization: Bearer x';",
	} {
		if err := h.add(secret); err != nil || h.Len() != 0 {
			t.Errorf("%q: %v, kept %q", secret, err, h.texts)
		}
	}
	for i := range historySize + 10 {
		if err := h.add(fmt.Sprintf("select\n%d;", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.add(h.texts[h.Len()-1]); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := openHistory()
	if err != nil || again.Len() != historySize || again.texts[historySize-1] != fmt.Sprintf("select\n%d;", historySize+9) {
		t.Fatalf("%v, %d texts", err, again.Len())
	}
	content, err := os.ReadFile(path)
	if lines := strings.Count(string(content), "\n"); err != nil || lines != historySize {
		t.Errorf("%v, %d lines are left", err, lines)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, mode %v", err, info.Mode())
	}
}

func TestAShellWithoutAFolderForItsHistoryHasOneOfItsOwn(t *testing.T) {
	path := inConfigurationFolder(t)
	if err := os.WriteFile(filepath.Dir(path), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := openHistory()
	if err == nil {
		t.Error("a file passes for a folder")
	}
	if err := h.add("select 1;"); err != nil || h.Len() != 1 {
		t.Errorf("%v, %d texts", err, h.Len())
	}
}

func TestTheDocumentationHasEveryDotCommand(t *testing.T) {
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for _, c := range dotCommands() {
		fmt.Fprintf(&rows, "| `%s` | %s |\n", strings.TrimSpace(c.name+" "+strings.ReplaceAll(c.argument, "|", `\|`)), c.description)
	}
	if want := "| command | does |\n|---|---|\n" + rows.String() + "\n"; !strings.Contains(string(page), want) {
		t.Errorf("the section Shell needs this table:\n%s", want)
	}
}

func TestAnUnknownDotCommandIsToldTheNearest(t *testing.T) {
	for name, want := range map[string]string{
		".tabels": "there is no command .tabels (did you mean .tables?); .help lists them",
		".pragma": "there is no command .pragma; .help lists them",
		".":       "there is no command .; .help lists them",
	} {
		if got := unknownCommand(name).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTheHistoryKeepsWhatHoldsNoSecret(t *testing.T) {
	for _, harmless := range []string{"select username from am_session where realm = '/alpha';", ".inspect am_session_info", "select count(*) from am_user;"} {
		if redact.Mentions(harmless) {
			t.Errorf("%q would not be kept", harmless)
		}
	}
	if slices.ContainsFunc(dotCommands(), func(c dotCommandSpec) bool { return redact.Mentions(c.name) }) {
		t.Error("a command would not be kept")
	}
}

func TestTheHistoryKeepsWhatStandsBehindALongText(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	h, err := openHistory()
	if err != nil {
		t.Fatal(err)
	}
	long := "select '" + strings.Repeat("x", 70_000) + "'"
	for _, text := range []string{"select 1", long, "select 2"} {
		if err := h.add(text); err != nil {
			t.Fatal(err)
		}
	}
	again, err := openHistory()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"select 1", long, "select 2"}; !slices.Equal(again.texts, want) {
		t.Errorf("%d texts are left of %d", len(again.texts), len(want))
	}
}

func TestAnAbandonedEditorCompletesNoMore(t *testing.T) {
	begun, end := make(chan bool), make(chan bool)
	closed := false
	e := newEditor(terminal.Streams{}, func(string, int) readline.Completions {
		begun <- true
		<-end
		if closed {
			t.Error("the completer works on what is closed")
		}
		return readline.CompleteValues("a")
	})
	var working sync.WaitGroup
	working.Go(func() { e.line.Completer([]rune("select"), 6) })
	<-begun
	working.Go(func() {
		e.abandon()
		closed = true
	})
	end <- true
	working.Wait()
	if !closed {
		t.Error("not abandoned")
	}
	e.line.Completer([]rune("select"), 6) // otherwise it would wait for the test
}
