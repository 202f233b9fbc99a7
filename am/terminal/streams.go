package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
	"github.com/mattn/go-isatty"
	"golang.org/x/term"
)

// Streams are the input and output of a command.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	InIsTerminal  bool
	OutIsTerminal bool
	ErrIsTerminal bool
}

// Standard returns the streams of the process.
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

// Size returns the size of the screen on which rows are shown, in characters; 0 if there is none.
func (s Streams) Size() (width, height int) {
	if !s.OutIsTerminal {
		return 0, 0
	}
	return sizeOf(s.Out)
}

// sizeOf returns the size of a terminal in characters, or 0 if it is unknown.
func sizeOf(w io.Writer) (width, height int) {
	f, ok := w.(interface{ Fd() uintptr })
	if !ok {
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
func (s Streams) Notice(text string) { s.message(Yellow, "Notice:", text) }

// Error writes the last line of a command that failed.
func (s Streams) Error(err error) { s.message(Red, "Error:", err.Error()) }

// Tell writes a line for the user that is neither a notice nor an error.
func (s Streams) Tell(text string) { fmt.Fprintln(s.Err, s.wrapped(text)) }

func (s Streams) message(c Colour, kind, text string) {
	text = s.wrapped(kind + " " + text)
	fmt.Fprintf(s.Err, "%s%s\n", paint(s.ErrIsTerminal, c, kind), strings.TrimPrefix(text, kind))
}

// wrapped breaks a line between words so that it fits on the screen. A word that is longer, such as a URL, is not broken: the
// terminal wraps it, so it can still be copied.
func (s Streams) wrapped(text string) string {
	text = Line(text)
	if !s.ErrIsTerminal {
		return text
	}
	width, _ := sizeOf(s.Err)
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		length := prettytext.StringWidth(word)
		switch {
		case i == 0:
		case width > 0 && column+1+length > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}

// Line reduces a message to one line, because it may quote a server or a file.
func Line(message string) string {
	return Visible(strings.Join(strings.Fields(message), " "))
}
