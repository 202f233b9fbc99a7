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

// A pager is the terminal as the output for rows: rows that fill the screen go to a program that shows them page by
// page.
type pager struct {
	ctx     context.Context //nolint:containedctx // that of the shell, which outlives its statements
	screen  terminal.Streams
	command []string // nil: rows go to the screen directly
	w       *workspace.Workspace

	held    bytes.Buffer // rows that may still fit on the screen
	process *exec.Cmd    // nil until it has been started
	in      io.WriteCloser
	paged   bool // rows have gone to the program since this was last reset
}

func newPager(ctx context.Context, w *workspace.Workspace) *pager {
	return &pager{ctx: ctx, screen: w.Streams, command: pagerCommand(), w: w}
}

// pagerCommand returns the command in AMSQL_PAGER (if that is empty, none), else in PAGER, else less if it is
// installed.
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

// Fd returns the file descriptor of the terminal.
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

// fits reports whether the held rows leave room on the screen for the prompt.
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

// start starts the program. If that fails, the rows go to the screen.
func (p *pager) start() {
	cmd := exec.CommandContext(p.ctx, p.command[0], p.command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Second
	cmd.Stdout, cmd.Stderr = p.screen.Out, p.screen.Err
	// The same options as git, and K so that Ctrl-C ends both less and the statement.
	cmd.Env = append([]string{"LESS=FRXK"}, os.Environ()...)
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.command = nil
		p.w.Notices.Add(fmt.Sprintf("cannot start the pager: %v; set AMSQL_PAGER to another one, or to nothing to switch paging off", err))
		_, _ = p.held.WriteTo(p.screen.Out) // the next write returns the error
		return
	}
	p.w.Progress.Hide(true)
	p.w.Notices.Hold(true)
	p.process, p.in = cmd, in
	_, _ = p.held.WriteTo(in) // the next write returns the error
}

// finish shows the held rows, or waits until the user has left the program.
func (p *pager) finish() {
	if p.process == nil {
		p.w.Progress.Clear()
		_, _ = p.held.WriteTo(p.screen.Out) // if it fails, the prompt cannot be shown either
		return
	}
	_ = p.in.Close()
	_ = p.process.Wait() // its exit status does not matter
	p.process, p.in, p.paged = nil, nil, true
	p.w.Progress.Hide(false)
	p.w.Notices.Hold(false)
}
