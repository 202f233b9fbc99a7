package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// ErrReaderGone says that nobody reads the output any more, as `head` does after its lines: an end, but no failure.
var ErrReaderGone = errors.New("nobody reads the output any more")

// outputSize is how much output waits for more. A query that fails before leaves standard output empty.
const outputSize = 64 << 10

// Output collects rows on their way to standard output or a file, and sends only complete ones.
type Output struct {
	bytes.Buffer

	To       io.Writer
	Name     string // of what it is, for errors
	terminal bool
	Beside   *terminal.Progress  // on the same terminal
	Paint    func(string) string // colours what goes to a terminal; nil: nothing does
	sent     bool                // something of this statement
}

// NewOutput is standard output, beside a progress that may be nil.
func NewOutput(streams terminal.Streams, beside *terminal.Progress) *Output {
	return &Output{To: streams.Out, Name: "standard output", terminal: streams.OutIsTerminal, Beside: beside}
}

// RowDone may be called after each row.
func (o *Output) RowDone() error {
	if o.terminal || o.Len() >= outputSize {
		return o.flush()
	}
	return nil
}

func (o *Output) flush() error {
	if o.Len() == 0 {
		return nil
	}
	text := o.Bytes()
	if o.terminal {
		safe := terminal.Visible(o.String())
		if o.Paint != nil {
			safe = o.Paint(safe)
		}
		text = []byte(safe)
	}
	o.sent = true
	o.Beside.Clear()
	_, err := o.To.Write(text)
	o.Reset()
	switch {
	case errors.Is(err, syscall.EPIPE):
		return ErrReaderGone
	case err != nil:
		return fmt.Errorf("write to %s: %w", o.Name, err)
	}
	return nil
}

// Finish ends a statement's output.
func (o *Output) Finish() error {
	err := o.flush()
	o.sent = false
	return err
}

// Abandon ends the output of a statement that has failed: rows that stand alone would pass for an answer.
func (o *Output) Abandon() error {
	if o.sent {
		return o.flush()
	}
	o.Reset()
	return nil
}
