package terminal

import (
	"os"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
)

// A Colour is a colour that every terminal supports.
type Colour = prettytext.Color

// Green means success, Yellow a warning, Red a failure.
const (
	Green  = prettytext.FgGreen
	Yellow = prettytext.FgYellow
	Red    = prettytext.FgRed
)

// PaintOut colours a text for standard output. The text must not contain control characters: see [Visible].
func (s Streams) PaintOut(c Colour, text string) string { return paint(s.OutIsTerminal, c, text) }

// paint colours a text for a terminal, unless its user has switched colours off (https://no-color.org).
func paint(isTerminal bool, c Colour, text string) string {
	if !isTerminal || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return text
	}
	return c.Sprint(text)
}
