package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
	"github.com/reeflective/readline"
	"github.com/reeflective/readline/inputrc"
	"golang.org/x/term"

	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// errDropped means that the user typed Ctrl-C to discard the input.
var errDropped = errors.New("dropped")

// An editor edits SQL and dot commands on the terminal, as configured in the user's inputrc.
type editor struct {
	streams terminal.Streams
	line    *readline.Shell
	begin   string // the prompt
	row     int    // the row of the cursor, relative to the prompt

	completing sync.Mutex // held while the completer runs
	abandoned  bool       // readline has been abandoned, and must not run the completer any more
}

func newEditor(streams terminal.Streams, complete func(text string, cursor int) readline.Completions) *editor {
	e := &editor{streams: streams, line: readline.NewShell(inputrc.WithApp("amsql"))}
	for name, value := range map[string]any{
		"enable-bracketed-paste":       true,
		"menu-complete-display-prefix": true, // Tab shows the choices before it inserts one
		"completion-ignore-case":       true,
		"multiline-column":             false,
		"cursor-position-probe":        false, // its answer swallows keys that are typed quickly, and prompts begin at column 0 anyway
	} {
		_ = e.line.Config.Set(name, value) // cannot fail, because the values have the right types
	}
	for _, keys := range []string{"emacs", "vi-insert"} {
		_ = e.line.Config.Bind(keys, inputrc.Unescape(`\C-i`), "menu-complete", false)
	}
	e.line.Prompt.Primary(func() string { return e.begin })
	e.line.Prompt.Secondary(func() string { return "" })
	e.line.Hint.SetProvider(func(line []rune, cursor int) []rune {
		e.makeRoom(string(line), string(line[:cursor]))
		return nil
	})
	e.line.Completer = func(line []rune, cursor int) readline.Completions {
		e.completing.Lock()
		defer e.completing.Unlock()
		if e.abandoned {
			return readline.Completions{}
		}
		return complete(string(line), len(string(line[:cursor])))
	}
	return e
}

// remember makes the arrow keys use the history.
func (e *editor) remember(h *shellHistory) {
	e.line.History.Delete()
	e.line.History.Add("history", h)
}

// read reads a dot command, or SQL up to its semicolon. Its errors are errDropped for Ctrl-C, io.EOF for Ctrl-D, and
// that of the context.
func (e *editor) read(ctx context.Context, prompt string) (string, error) {
	e.line.AcceptMultiline = func(line []rune) bool { return isWhole(string(line)) }
	return e.readline(ctx, prompt)
}

// ask reads the answer to a question. Ctrl-C is not an answer.
func (e *editor) ask(ctx context.Context, question string) (string, error) {
	e.line.AcceptMultiline = nil
	answer, err := e.readline(ctx, question)
	if errors.Is(err, errDropped) || errors.Is(err, io.EOF) {
		return "", nil
	}
	return answer, err
}

// abandon waits until the completer has finished, because what it reads may be closed afterwards.
func (e *editor) abandon() {
	e.completing.Lock()
	defer e.completing.Unlock()
	e.abandoned = true
}

// readline reads a line. The library cannot be stopped: if the context ends, it is abandoned and goes on until the
// process ends, and readline restores the terminal itself.
func (e *editor) readline(ctx context.Context, prompt string) (string, error) {
	e.begin, e.row = prompt, 0
	fd := int(os.Stdin.Fd())
	if state, err := term.GetState(fd); err == nil {
		defer func() { _ = term.Restore(fd, state) }() // fails if the terminal is gone
	}
	text, err := terminal.Await(ctx, e.line.Readline)
	switch {
	case ctx.Err() != nil:
		e.abandon()
		const noBracketedPaste = "\x1b[?2004l"
		_, _ = io.WriteString(e.streams.Err, noBracketedPaste+"\r\n")
		return "", ctx.Err()
	case errors.Is(err, readline.ErrInterrupt):
		return "", errDropped
	}
	return strings.TrimSpace(text), err
}

// makeRoom makes sure that there is a row below the text before it is drawn, because the line editor assumes that and
// does not find out where on the screen it is. Line feeds and the same number of steps back have an effect only at the
// bottom of the screen.
func (e *editor) makeRoom(text, beforeCursor string) {
	rows := e.rows(text) + 1 - e.row
	e.row = e.rows(beforeCursor) - 1
	_, _ = fmt.Fprintf(os.Stdout, "%s\x1b[%dA", strings.Repeat("\n", rows), rows) // where the editor itself draws
}

// rows returns the number of screen rows that a text takes.
func (e *editor) rows(text string) (rows int) {
	width, _ := e.streams.Size()
	for _, line := range strings.Split(text, "\n") {
		rows += 1 + (prettytext.StringWidth(e.begin)+prettytext.StringWidth(line))/max(1, width)
	}
	return rows
}
