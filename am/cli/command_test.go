package cli

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// walk visits a command and all commands below it.
func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, child := range cmd.Commands() {
		walk(child, visit)
	}
}

var flagInText = regexp.MustCompile(`(?:^|\s)--([a-z-]+)`)

func TestEveryCommandExplainsItselfWithExamplesThatExist(t *testing.T) {
	root := Command(terminal.Streams{Out: io.Discard, Err: io.Discard})
	visited := 0
	walk(root, func(cmd *cobra.Command) {
		visited++
		path := cmd.CommandPath()
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Errorf("%s: Short %q, Long %q, Example %q: each must say something", path, cmd.Short, cmd.Long, cmd.Example)
		}
		if !strings.Contains(cmd.Example, path) {
			t.Errorf("%s: no example shows it:\n%s", path, cmd.Example)
		}
		for line := range strings.Lines(strings.ReplaceAll(cmd.Example, "\\\n", "")) {
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != "amsql" {
				continue
			}
			shown, _, err := root.Find(words[1:])
			if err != nil || shown == root {
				t.Errorf("%s: %s: there is no such command", path, strings.TrimSpace(line))
				continue
			}
			for _, flag := range flagInText.FindAllStringSubmatch(line, -1) {
				if shown.Flag(flag[1]) == nil {
					t.Errorf("%s: %s has no flag --%s", path, shown.CommandPath(), flag[1])
				}
			}
		}
	})
	if visited < len(commands) {
		t.Errorf("%d commands seen, and there are %d", visited, len(commands))
	}
}

func TestEveryFlagHasAWordForItsValue(t *testing.T) {
	walk(Command(terminal.Streams{}), func(cmd *cobra.Command) {
		if usage := cmd.LocalFlags().FlagUsages(); strings.Contains(usage, " string ") || strings.Contains(usage, " stringArray ") {
			t.Errorf("%s: a flag's value is only called string:\n%s", cmd.CommandPath(), usage)
		}
	})
}

func TestHelpOfEveryCommandFitsAnEightyColumnTerminal(t *testing.T) {
	var out bytes.Buffer
	walk(Command(terminal.Streams{Out: &out, Err: io.Discard}), func(cmd *cobra.Command) {
		out.Reset()
		if err := cmd.Help(); err != nil || out.Len() == 0 {
			t.Errorf("%s: %d bytes of help, error %v", cmd.CommandPath(), out.Len(), err)
		}
		for line := range strings.Lines(out.String()) {
			line = strings.TrimRight(line, "\n")
			if width := prettytext.StringWidth(line); width > 80 || strings.HasSuffix(line, " ") {
				t.Errorf("%s: %d columns: %q", cmd.CommandPath(), width, line)
			}
		}
	})
}

func TestParagraphsOfHelpAreFilled(t *testing.T) {
	long := strings.Repeat("word ", 20)
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"two\nlines", "two lines"},
		{"one\n\nother", "one\n\nother"},
		{"list:\n  a: 1\n  b: 2\nthen\nprose", "list:\n  a: 1\n  b: 2\nthen prose"},
		{long + "end", strings.Repeat("word ", 15) + "word\n" + strings.Repeat("word ", 4) + "end"},
		{"  " + long + "end", "  " + strings.Repeat("word ", 14) + "word\n    " + strings.Repeat("word ", 5) + "end"},
	} {
		if got := fill(c.text); got != c.want {
			t.Errorf("fill(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}
