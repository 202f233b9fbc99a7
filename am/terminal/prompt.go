package terminal

import (
	"bytes"
	"context"
	"io"
	"os"

	"golang.org/x/term"
)

// ReadLine reads a line of the terminal. Without echo what is typed stays unseen, and so does the end of the line, which is
// shown. An interruption ends the wait and turns the echo on again; the read itself ends with the process.
func (s Streams) ReadLine(ctx context.Context, echo bool) (string, error) {
	terminal, isFile := s.In.(*os.File)
	read := func() ([]byte, error) { return oneLine(s.In) }
	if isFile && !echo {
		fd := int(terminal.Fd())
		state, err := term.GetState(fd)
		if err != nil {
			return "", err
		}
		defer func() {
			_ = term.Restore(fd, state) // the terminal may be gone
			_, _ = io.WriteString(s.Err, "\n")
		}()
		read = func() ([]byte, error) { return term.ReadPassword(fd) }
	}
	line, err := Await(ctx, read)
	return string(line), err
}

// oneLine takes no byte more than the line, for the next question may be answered by other means.
func oneLine(in io.Reader) ([]byte, error) {
	var line bytes.Buffer
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(in, b); err != nil || b[0] == '\n' {
			return line.Bytes(), err
		}
		line.WriteByte(b[0])
	}
}
