package terminal

import (
	"bytes"
	"context"
	"io"
	"os"

	"golang.org/x/term"
)

// ReadLine reads a line from the terminal. Without echo, the typed text is not shown, except for the end of the line.
// If the context ends, ReadLine returns and turns the echo on again; the read itself goes on until the process ends.
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
			_ = term.Restore(fd, state) // fails if the terminal is gone
			_, _ = io.WriteString(s.Err, "\n")
		}()
		read = func() ([]byte, error) { return term.ReadPassword(fd) }
	}
	line, err := Await(ctx, read)
	return string(line), err
}

// oneLine reads no byte beyond the line, because the next question may be read in another way.
func oneLine(in io.Reader) ([]byte, error) {
	var line bytes.Buffer
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(in, b); err != nil || b[0] == '\n' {
			return line.Bytes(), err
		}
		line.WriteByte(b[0])
	}
}
