package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// ErrReaderGone means that nobody reads the output any more, as when `head` has read its lines. It ends the command,
// but is not a failure.
var ErrReaderGone = errors.New("nobody reads the output any more")

// outputSize is how much output is collected before it is sent. If a query fails before that, standard output stays
// empty.
const outputSize = 64 << 10

// Output collects rows for standard output or a file, and sends only complete rows.
type Output struct {
	bytes.Buffer

	To       io.Writer
	Name     string // names the output in errors
	terminal bool
	Beside   *terminal.Progress  // the progress on the same terminal
	Paint    func(string) string // colours the output for a terminal; nil if it is not for one
	sent     bool                // whether part of this statement's output has been sent
}

// NewOutput returns an Output for standard output. The progress may be nil.
func NewOutput(streams terminal.Streams, beside *terminal.Progress) *Output {
	return &Output{To: streams.Out, Name: "standard output", terminal: streams.OutIsTerminal, Beside: beside}
}

// RowDone can be called after each row.
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

// Finish sends the rest of a statement's output.
func (o *Output) Finish() error {
	err := o.flush()
	o.sent = false
	return err
}

// Abandon ends the output of a statement that failed. It discards rows that have not been sent, because they could be
// mistaken for a complete answer.
func (o *Output) Abandon() error {
	if o.sent {
		return o.flush()
	}
	o.Reset()
	return nil
}
