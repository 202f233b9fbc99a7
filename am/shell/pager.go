package shell

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	prettytext "github.com/jedib0t/go-pretty/v6/text"

	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// A pager is the terminal for rows: those that fill the screen go to a program that shows them page by page.
type pager struct {
	ctx     context.Context //nolint:containedctx // that of the shell, which outlives its statements
	screen  terminal.Streams
	command []string // none: rows go to the screen at once
	w       *workspace.Workspace

	held    bytes.Buffer // what may turn out to be more than the screen
	process *exec.Cmd    // nil until it is
	in      io.WriteCloser
	paged   bool // rows have gone to the program since this was last set
}

func newPager(ctx context.Context, w *workspace.Workspace) *pager {
	return &pager{ctx: ctx, screen: w.Streams, command: pagerCommand(), w: w}
}

// pagerCommand is that of AMSQL_PAGER, which may be empty for none, else of PAGER, else less, if it is installed.
func pagerCommand() []string {
	for _, name := range []string{"AMSQL_PAGER", "PAGER"} {
		if command, ok := os.LookupEnv(name); ok {
			return strings.Fields(command)
		}
	}
	if _, err := exec.LookPath("less"); err != nil {
		return nil
	}
	return []string{"less"}
}

// Fd is the terminal's.
func (p *pager) Fd() uintptr {
	if f, ok := p.screen.Out.(*os.File); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

func (p *pager) Write(text []byte) (int, error) {
	switch {
	case p.in != nil:
		return p.in.Write(text)
	case p.command == nil:
		return p.screen.Out.Write(text)
	}
	p.held.Write(text)
	if !p.fits() {
		p.start()
	}
	return len(text), nil
}

// fits tells whether what is held leaves room on the screen for the prompt.
func (p *pager) fits() bool {
	width, height := p.screen.Size()
	if width == 0 {
		return true
	}
	rows := 1
	for line := range bytes.Lines(p.held.Bytes()) {
		rows += 1 + max(0, prettytext.StringWidthWithoutEscSequences(strings.TrimSuffix(string(line), "\n"))-1)/width
	}
	return rows <= height
}

// start hands the screen to the program. If that fails, the rows go to the screen.
func (p *pager) start() {
	cmd := exec.CommandContext(p.ctx, p.command[0], p.command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Second
	cmd.Stdout, cmd.Stderr = p.screen.Out, p.screen.Err
	// As git does; and K, so that Ctrl-C ends less and the statement both.
	cmd.Env = append([]string{"LESS=FRXK"}, os.Environ()...)
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.command = nil
		p.w.Notices.Add(fmt.Sprintf("cannot start the pager: %v; set AMSQL_PAGER to another one, or to nothing to switch paging off", err))
		_, _ = p.held.WriteTo(p.screen.Out) // the next write tells of an error
		return
	}
	p.w.Progress.Hide(true)
	p.w.Notices.Hold(true)
	p.process, p.in = cmd, in
	_, _ = p.held.WriteTo(in) // as above
}

// finish shows what is held, or waits until the program has been read to its end.
func (p *pager) finish() {
	if p.process == nil {
		p.w.Progress.Clear()
		_, _ = p.held.WriteTo(p.screen.Out) // the prompt would not show, either
		return
	}
	_ = p.in.Close()
	_ = p.process.Wait() // how it ended is between it and the user
	p.process, p.in, p.paged = nil, nil, true
	p.w.Progress.Hide(false)
	p.w.Notices.Hold(false)
}
