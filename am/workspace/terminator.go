package workspace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// TerminationOptions limit the ending of sessions.
type TerminationOptions struct {
	DryRun  bool
	Yes     bool
	Max     int
	Reason  string
	Journal string // a file
}

// AllowWrites lets statements end sessions and set properties, within the limits of the options.
func (w *Workspace) AllowWrites(o TerminationOptions) (err error) {
	if o.Journal != "" && !o.DryRun {
		if w.journal, err = methods.OpenJournal(o.Journal); err != nil {
			return Usage("--journal: %v", err)
		}
	}
	w.terminators = map[string]*methods.Terminator{}
	for _, c := range w.Connections {
		label := ""
		if w.Several {
			label = fmt.Sprintf("connection %s: ", c.Name())
		}
		w.terminators[c.Name()] = &methods.Terminator{
			Client: c.Client(), Inventory: c.Inventory(), Max: o.Max, DryRun: o.DryRun, Confirm: w.confirmation(o),
			Notify: w.Notices.Add, Label: label, Journal: w.journal, Connection: c.Name(), Who: who(c), Reason: o.Reason,
		}
	}
	return nil
}

// who returns the name of the person, if the system knows it, and the account.
func who(c *connection.Connection) string {
	person, err := user.Current()
	if err != nil {
		return c.Client().Account()
	}
	return person.Username + " as " + c.Client().Account()
}

// shownRows is how many rows of a plan are shown before the confirmation.
const shownRows = 10

// confirmation asks for the number of sessions on a terminal. Elsewhere, --yes is required.
func (w *Workspace) confirmation(o TerminationOptions) func(context.Context, *methods.Plan) error {
	if o.DryRun || o.Yes {
		return nil
	}
	return func(ctx context.Context, p *methods.Plan) error {
		if !w.Streams.InIsTerminal || !w.Streams.ErrIsTerminal {
			return Usage("%s would be ended, and there is no terminal for the confirmation: use --yes to end them, or --dry-run to show them", p)
		}
		w.Progress.Clear()
		fmt.Fprint(w.Streams.Err, describePlan(p))
		typed, err := w.Ask(ctx, "Type the number of sessions to end them: ")
		if err != nil {
			return err
		}
		if strings.TrimSpace(typed) != strconv.Itoa(len(p.Sessions)) {
			return errors.New("not confirmed: nothing was ended")
		}
		return nil
	}
}

func describePlan(p *methods.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s will be ended:\n", terminal.Line(p.String()))
	parts := p.Parts
	if parts == nil {
		parts = []*methods.Plan{p}
	}
	var lines []string
	for _, part := range parts {
		for _, session := range part.Sessions {
			line := describeSession(session)
			if len(parts) > 1 {
				line += ", on " + part.Where
			}
			lines = append(lines, line)
		}
	}
	for i, line := range lines {
		if i == shownRows {
			fmt.Fprintf(&b, "  and %d more\n", len(lines)-i)
			break
		}
		fmt.Fprintf(&b, "  %s\n", terminal.Line(line))
	}
	return b.String()
}

// describeSession describes a session to a person: whose it is, when it was last used, and when it ends.
func describeSession(s methods.Session) string {
	text := s.Username + " @ " + s.Realm
	if !s.LatestAccess.IsZero() {
		text += ", last used " + s.LatestAccess.Format(time.RFC3339)
	}
	if !s.Ends.IsZero() {
		text += ", ends " + s.Ends.Format(time.RFC3339)
	}
	return text
}

// Alone returns a workspace with only the connection of that name, whose tables then need no schema. It shares the open
// connection, which the original workspace closes. The caller closes the new workspace's DB.
func (w *Workspace) Alone(ctx context.Context, name string) (*Workspace, error) {
	i := slices.IndexFunc(w.Connections, func(c *connection.Connection) bool { return c.Name() == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no connection %s", name)
	}
	db, err := engine.Open(ctx)
	if err != nil {
		return nil, err
	}
	alone := &Workspace{DB: db, First: name, Streams: w.Streams, Progress: w.Progress, Notices: w.Notices}
	return alone, alone.attach(Schema{Name: name, Tables: w.tables(w.Connections[i])})
}

// askLine stops waiting if it is interrupted. Input after the line is kept for the next question.
func (w *Workspace) askLine(ctx context.Context, question string) (string, error) {
	fmt.Fprint(w.Streams.Err, question)
	if w.in == nil {
		w.in = bufio.NewReader(w.Streams.In)
	}
	text, err := terminal.Await(ctx, func() (string, error) { return w.in.ReadString('\n') })
	if text == "" && err != nil && ctx.Err() == nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	return text, ctx.Err()
}
