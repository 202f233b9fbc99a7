package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"
)

// Streams are where a command reads and writes.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	InIsTerminal  bool
	OutIsTerminal bool
	ErrIsTerminal bool
}

// Standard are the streams of the process.
func Standard() Streams {
	return Streams{
		In:            os.Stdin,
		Out:           os.Stdout,
		Err:           os.Stderr,
		InIsTerminal:  isTerminal(os.Stdin),
		OutIsTerminal: isTerminal(os.Stdout),
		ErrIsTerminal: isTerminal(os.Stderr),
	}
}

// Size is the size of the screen that rows are shown on in characters, 0 if there is none.
func (s Streams) Size() (width, height int) {
	f, ok := s.Out.(interface{ Fd() uintptr })
	if !ok || !s.OutIsTerminal {
		return 0, 0
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}

func isTerminal(f *os.File) bool {
	return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())
}

// Notice writes a line for the user.
func (s Streams) Notice(text string) {
	fmt.Fprintf(s.Err, "%s %s\n", paint(s.ErrIsTerminal, Yellow, "Notice:"), Line(text))
}

// Error writes the line that a command ends with.
func (s Streams) Error(err error) {
	fmt.Fprintf(s.Err, "%s %s\n", paint(s.ErrIsTerminal, Red, "Error:"), Line(err.Error()))
}

// Line makes one line of a message that may quote a server or a file.
func Line(message string) string {
	return Visible(strings.Join(strings.Fields(message), " "))
}
