package cli

import (
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

func TestNoFormatLetsEscapesThroughToATerminal(t *testing.T) {
	for _, name := range strings.Split(render.FormatNames(), "|") {
		out, _, status := invoke(t, terminal.Streams{OutIsTerminal: true}, "query", "select 'a' || char(27, 155, 8238) || '[2Jb' as c", "-o", name)
		if status != 0 || strings.ContainsAny(out, "\x1b\u009b\u202e") {
			t.Errorf("%s: status %d, output %q", name, status, out)
		}
		if !strings.Contains(out, `\u001b`) {
			t.Errorf("%s: the escape is not visible in %q", name, out)
		}
	}
}

func TestFormatsForMachinesKeepEveryCharacter(t *testing.T) {
	out, _, _ := invoke(t, terminal.Streams{}, "query", "select 'a' || char(27) || char(8238) as c", "-o", "csv", "--header=false")
	if want := "a\x1b\u202e\n"; out != want {
		t.Errorf("csv: %q, want %q", out, want)
	}
}
