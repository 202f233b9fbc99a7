package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// errReaderGone says that nobody reads the output any more, as `head` does after its lines: an end, but no failure.
var errReaderGone = errors.New("nobody reads the output any more")

// outputSize is how much output waits for more. A query that fails before leaves standard output empty.
const outputSize = 64 << 10

// output collects rows on their way to standard output or a file, and sends whole ones only.
type output struct {
	bytes.Buffer

	to       io.Writer
	name     string // of what it is, for errors
	terminal bool
	beside   *progress // on the same terminal
	sent     bool      // something of this statement
}

func newOutput(streams Streams, beside *progress) *output {
	return &output{to: streams.Out, name: "standard output", terminal: streams.OutIsTerminal, beside: beside}
}

// rowDone may be called after each row.
func (o *output) rowDone() error {
	if o.terminal || o.Len() >= outputSize {
		return o.flush()
	}
	return nil
}

func (o *output) flush() error {
	if o.Len() == 0 {
		return nil
	}
	text := o.Bytes()
	if o.terminal {
		text = []byte(visible(o.String()))
	}
	o.sent = true
	o.beside.clear()
	_, err := o.to.Write(text)
	o.Reset()
	switch {
	case errors.Is(err, syscall.EPIPE):
		return errReaderGone
	case err != nil:
		return fmt.Errorf("write to %s: %w", o.name, err)
	}
	return nil
}

// finish ends a statement's output.
func (o *output) finish() error {
	err := o.flush()
	o.sent = false
	return err
}

// abandon ends the output of a statement that has failed: rows that stand alone would pass for an answer.
func (o *output) abandon() error {
	if o.sent {
		return o.flush()
	}
	o.Reset()
	return nil
}
