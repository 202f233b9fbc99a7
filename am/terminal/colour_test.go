package terminal

import (
	"bytes"
	"errors"
	"testing"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
)

func TestOnlyATerminalWhoseUserWantsColourGetsIt(t *testing.T) {
	prettytext.EnableColors() // independent of the test's environment
	for _, c := range []struct {
		name          string
		terminal      bool
		noColor, term string
		want          string
	}{
		{"a terminal", true, "", "xterm", "\x1b[31mError:\x1b[0m a\\u001b[31m\n\x1b[33mNotice:\x1b[0m b\n"},
		{"a file", false, "", "xterm", "Error: a\\u001b[31m\nNotice: b\n"},
		{"NO_COLOR", true, "0", "xterm", "Error: a\\u001b[31m\nNotice: b\n"},
		{"a dumb terminal", true, "", "dumb", "Error: a\\u001b[31m\nNotice: b\n"},
	} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		var out bytes.Buffer
		s := Streams{Err: &out, ErrIsTerminal: c.terminal}
		s.Error(errors.New("a\x1b[31m"))
		s.Notice("b")
		if got := out.String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
