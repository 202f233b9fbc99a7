package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// A shell reads SQL and dot commands from a terminal and prints the results, until it is told to exit.
type shell struct {
	*workspace.Workspace

	editor   *editor
	pager    *pager
	printing workspace.Printing // how to print rows; arguments that a statement does not use are ignored
	once     string             // the file for the rows of the next SQL
	last     string             // the last SQL, for .edit
	realms   realmNames
	ended    bool
}

// Run runs a shell on the workspace's terminal until it is told to exit. p is how to print rows at first.
func Run(ctx context.Context, w *workspace.Workspace, p workspace.Printing) error {
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// An interruption ends a statement; between two statements it has no effect.
	interruptions := make(chan os.Signal, 1)
	signal.Notify(interruptions, os.Interrupt)
	defer signal.Stop(interruptions)

	s := &shell{Workspace: w, printing: p}
	s.pager = newPager(ctx, w)
	w.Streams.Out, w.Shown = s.pager, s.pager.finish
	s.editor = newEditor(w.Streams, s.complete)
	w.Ask = s.editor.ask
	defer s.realms.stop()
	fmt.Fprintf(w.Streams.Err, "amsql %s: end SQL with a semicolon; .help lists the commands, .exit ends\n", w.Version)
	return s.loop(ctx)
}

// RunText runs the dot commands and the SQL of a text without a terminal, up to the first error.
func RunText(ctx context.Context, w *workspace.Workspace, p workspace.Printing) error {
	s := &shell{Workspace: w, printing: p, pager: &pager{screen: w.Streams}}
	return s.do(ctx, p.SQL)
}

// HasCommands reports whether a text contains dot commands in addition to SQL.
func HasCommands(text string) bool {
	return slices.ContainsFunc(parts(text), func(part string) bool { return strings.HasPrefix(part, ".") })
}

func (s *shell) loop(ctx context.Context) error {
	history, err := openHistory()
	if err != nil {
		s.Streams.Notice(fmt.Sprintf("the history of this shell will not be saved: %v", err))
	}
	s.editor.remember(history)
	for !s.ended {
		text, err := s.editor.read(ctx, s.prompt())
		switch {
		case errors.Is(err, errDropped):
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := history.add(text); err != nil {
			s.Streams.Notice(fmt.Sprintf("not added to the history: %v", err))
		}
		s.answer(ctx, text)
	}
	return ctx.Err()
}

// prompt returns the prompt: the connection whose tables need no schema, and anything unusual.
func (s *shell) prompt() string {
	name := s.First
	if name == "" {
		name = "amsql"
	}
	var states []string
	if s.Writes() {
		states = append(states, "writes")
	}
	if s.DB.InTransaction() {
		states = append(states, "transaction")
	}
	if states != nil {
		name += " (" + strings.Join(states, ", ") + ")"
	}
	return name + "> "
}

// answer runs a text and prints errors. An interruption ends it.
func (s *shell) answer(ctx context.Context, text string) {
	statement, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	s.pager.paged = false
	err := s.do(statement, text)
	s.pager.finish()
	switch {
	case err == nil, errors.Is(err, render.ErrReaderGone), s.pager.paged && statement.Err() != nil:
	case statement.Err() != nil:
		s.Streams.Error(errors.New("interrupted"))
	default:
		s.Streams.Error(err)
	}
}

// do runs the dot commands and the SQL of a text in order, up to the first error.
func (s *shell) do(ctx context.Context, text string) error {
	for _, part := range parts(text) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := error(nil)
		if strings.HasPrefix(part, ".") {
			err = s.command(ctx, part)
		} else {
			err = s.sql(ctx, part)
		}
		if err != nil || s.ended {
			return err
		}
	}
	return nil
}

// sql runs SQL. After .once, its rows go to a file.
func (s *shell) sql(ctx context.Context, sql string) error {
	s.last = sql
	p := s.printing
	p.SQL, p.Export, s.once = sql, s.once, ""
	p.Args = named(sql, p.Args)
	s.ForgetCost() // requests of completion, or of a statement without .timing
	return s.Print(ctx, p)
}

// named returns the arguments that the SQL has parameters for, because the engine refuses others.
func named(sql string, args []engine.Arg) (used []engine.Arg) {
	for _, arg := range args {
		if regexp.MustCompile(`[:@$]` + regexp.QuoteMeta(arg.Name) + `\b`).MatchString(sql) {
			used = append(used, arg)
		}
	}
	return used
}
