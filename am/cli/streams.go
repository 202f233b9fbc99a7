package cli

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

// size is the size of the screen that rows are shown on in characters, 0 where there is none.
func (s Streams) size() (width, height int) {
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

// formatOptions are those of rows that are shown as they come.
func (s Streams) formatOptions() formatOptions {
	width, _ := s.size()
	return formatOptions{header: true, separator: ',', width: width}
}

func isTerminal(f *os.File) bool {
	return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())
}

func (s Streams) notice(text string) {
	fmt.Fprintf(s.Err, "Notice: %s\n", line(text))
}

func (s Streams) error(err error) {
	fmt.Fprintf(s.Err, "Error: %s\n", line(err.Error()))
}

// line makes one line of a message that may quote a server or a file.
func line(message string) string {
	return visible(strings.Join(strings.Fields(message), " "))
}
