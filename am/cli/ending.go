package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/spf13/pflag"
)

// EndingOptions bound what ends sessions.
type EndingOptions struct {
	DryRun  bool
	Yes     bool
	Max     int
	Reason  string
	Journal string // a file
}

func (o *EndingOptions) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.DryRun, "dry-run", false, "end nothing, and show what would be ended")
	flags.BoolVar(&o.Yes, "yes", false, "end sessions without asking; needed where there is no terminal to ask on")
	flags.IntVar(&o.Max, "max", methods.DefaultMax, "refuse to end more sessions than this `number`")
	flags.StringVar(&o.Reason, "reason", "", "why, as `text` for the journal")
	flags.StringVar(&o.Journal, "journal", "", "append what is sent and what became of each session to a `file` of JSON lines")
}

// endings are what ends sessions on each connection.
func (w *workspace) endings(o EndingOptions) (err error) {
	if o.Journal != "" && !o.DryRun {
		if w.journal, err = methods.OpenJournal(o.Journal); err != nil {
			return &usageError{"--journal: " + err.Error()}
		}
	}
	w.ends = map[string]*methods.Ending{}
	for _, c := range w.connections {
		w.ends[c.Name()] = &methods.Ending{
			Client: c.Client(), Inventory: c.Inventory(), Max: o.Max, DryRun: o.DryRun, Confirm: w.confirmation(o),
			Notify: w.notices.add, Journal: w.journal, Connection: c.Name(), Who: who(c), Reason: o.Reason,
		}
	}
	return nil
}

// who names the person, where the system knows, and the account.
func who(c *am.Connection) string {
	person, err := user.Current()
	if err != nil {
		return c.Client().Account()
	}
	return person.Username + " as " + c.Client().Account()
}

// shownRows is how much of a plan is shown before it is confirmed.
const shownRows = 10

// confirmation asks for the number of sessions on a terminal. Elsewhere --yes must have answered.
func (w *workspace) confirmation(o EndingOptions) func(context.Context, *methods.Plan) error {
	if o.DryRun || o.Yes {
		return nil
	}
	return func(ctx context.Context, p *methods.Plan) error {
		if !w.streams.InIsTerminal || !w.streams.ErrIsTerminal {
			return &usageError{fmt.Sprintf("%s would be ended, and there is no terminal to ask on: add --yes to end them, or --dry-run to see them", p)}
		}
		w.progress.clear()
		fmt.Fprint(w.streams.Err, describePlan(p))
		typed, err := w.ask(ctx, "Type the number of sessions to end them: ")
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
	fmt.Fprintf(&b, "%s will be ended:\n", line(p.String()))
	for i, s := range p.Sessions {
		if i == shownRows {
			fmt.Fprintf(&b, "  and %d more\n", len(p.Sessions)-i)
			break
		}
		fmt.Fprintf(&b, "  %s\n", line(fmt.Sprintf("%s @ %s %s", s.Username, s.Realm, s.Handle)))
	}
	return b.String()
}

// askLine stops waiting when it is interrupted. What is behind the line stays for the next.
func (w *workspace) askLine(ctx context.Context, question string) (string, error) {
	fmt.Fprint(w.streams.Err, question)
	if w.in == nil {
		w.in = bufio.NewReader(w.streams.In)
	}
	return interruptible(ctx, func() (string, error) {
		text, err := w.in.ReadString('\n')
		if text != "" {
			err = nil
		}
		return text, err
	})
}
