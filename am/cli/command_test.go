package cli

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// walk visits a command and all below it.
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
		for line := range strings.Lines(cmd.Example) {
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
