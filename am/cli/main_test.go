package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// invoke runs a command line in this process, by default with empty streams and no configuration.
func invoke(t *testing.T, streams terminal.Streams, args ...string) (out, err string, status int) {
	t.Helper()
	return invokeContext(t.Context(), t, streams, args...)
}

func invokeContext(ctx context.Context, t *testing.T, streams terminal.Streams, args ...string) (string, string, int) {
	t.Helper()
	var out, err bytes.Buffer
	if streams.In == nil {
		streams.In = strings.NewReader("")
	}
	if streams.Out == nil {
		streams.Out = &out
	}
	streams.Err = &err
	status := run(ctx, args, streams)
	return out.String(), err.String(), status
}

// numbers returns SQL for the rows 1 to n, the last of which fails.
func numbers(n int) string {
	last := strconv.Itoa(n)
	return "with recursive n(i) as (select 1 union all select i + 1 from n where i < " + last + ") " +
		"select case when i < " + last + " then i else json('{') end as i from n"
}

func TestAnErrorAmongTheFirstRowsLeavesNothingOnStandardOutput(t *testing.T) {
	for _, name := range strings.Split(render.FormatNames(), "|") {
		for _, rows := range []int{1, 2, 100} {
			out, err, status := invoke(t, terminal.Streams{}, "query", numbers(rows), "-o", name)
			if status != statusFailed || out != "" || !strings.HasPrefix(err, "Error: ") || strings.Count(err, "\n") != 1 {
				t.Errorf("%s, error in row %d: status %d, output %q, error %q", name, rows, status, out, err)
			}
		}
	}
}

func TestRowsSentBeforeAnErrorAreWhole(t *testing.T) {
	out, err, status := invoke(t, terminal.Streams{}, "query", numbers(50_000), "-o", "csv", "--header=false")
	if lines := strings.Split(out, "\n"); status != statusFailed || len(lines) != 50_000 || lines[49_998] != "49999" || lines[49_999] != "" {
		t.Errorf("status %d (%s), %d lines", status, err, len(lines))
	}
}

func TestTheFirstStatementIsPrintedWhenTheSecondFails(t *testing.T) {
	out, err, status := invoke(t, terminal.Streams{}, "query", "select 1 as a; select json('{')", "-o", "csv")
	if status != statusFailed || out != "a\n1\n" {
		t.Errorf("status %d (%s), output %q", status, err, out)
	}
}

func TestATerminalGetsRowsAsTheyCome(t *testing.T) {
	out, _, _ := invoke(t, terminal.Streams{OutIsTerminal: true}, "query", numbers(3), "-o", "jsonl")
	if want := "{\"i\":1}\n{\"i\":2}\n"; out != want {
		t.Errorf("output %q, want %q", out, want)
	}
}

// goneWriter fails like a pipe whose reader has exited.
type goneWriter struct{ err error }

func (w goneWriter) Write([]byte) (int, error) { return 0, w.err }

func TestAReaderThatHasHadEnoughIsNoError(t *testing.T) {
	_, err, status := invoke(t, terminal.Streams{Out: goneWriter{syscall.EPIPE}}, "query", numbers(1_000_000), "-o", "csv")
	if status != statusFine || err != "" {
		t.Errorf("status %d, error %q", status, err)
	}
}

func TestAnOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	_, err, status := invoke(t, terminal.Streams{Out: goneWriter{syscall.ENOSPC}}, "query", "select 1")
	if want := "Error: write to standard output: no space left on device\n"; status != statusFailed || err != want {
		t.Errorf("status %d, error %q, want %q", status, err, want)
	}
}

func TestATerminalWithoutSQLIsToldToGiveSome(t *testing.T) {
	_, err, status := invoke(t, terminal.Streams{InIsTerminal: true}, "query")
	want := "Error: no SQL: pass it as an argument, with --file or on standard input; see amsql query --help\n"
	if status != statusMisused || err != want {
		t.Errorf("status %d, error %q, want %q", status, err, want)
	}
}

func TestAnInterruptionEndsAQuery(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err, status := invokeContext(ctx, t, terminal.Streams{Out: cancellingWriter{cancel}}, "query", endless, "-o", "csv")
	if want := "Error: interrupted\n"; status != statusInterrupted || err != want {
		t.Errorf("status %d, error %q, want %q", status, err, want)
	}
}

const endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"

type cancellingWriter struct{ cancel context.CancelFunc }

func (w cancellingWriter) Write(p []byte) (int, error) {
	w.cancel()
	return len(p), nil
}

func TestAnInterruptionEndsTheWaitForSQL(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, stop := io.Pipe()
	defer stop.CloseWithError(errors.New("done"))
	cancel()
	if _, err, status := invokeContext(ctx, t, terminal.Streams{In: in}, "query"); status != statusInterrupted {
		t.Errorf("status %d, error %q", status, err)
	}
}
