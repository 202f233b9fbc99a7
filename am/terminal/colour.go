package terminal

import (
	"os"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
)

// A Colour is one of those that every terminal has.
type Colour = prettytext.Color

// Green is for what is well, Yellow for what is worth a look, Red for what failed.
const (
	Green  = prettytext.FgGreen
	Yellow = prettytext.FgYellow
	Red    = prettytext.FgRed
)

// PaintOut colours a text for standard output. What is in the text must be safe already: see [Visible].
func (s Streams) PaintOut(c Colour, text string) string { return paint(s.OutIsTerminal, c, text) }

// paint colours a text for a terminal, unless its user does without (https://no-color.org).
func paint(isTerminal bool, c Colour, text string) string {
	if !isTerminal || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return text
	}
	return c.Sprint(text)
}
