package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/doctor"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// DoctorOptions are the options of amsql doctor.
type DoctorOptions struct {
	ConnectionOptions

	Output string
}

func newDoctor(streams terminal.Streams) *cobra.Command {
	var o DoctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Test the connections and explain how to fix them",
		Long: "doctor tests each connection step by step: the host name, the network, TLS, AM itself, its clock, the sign-in,\n" +
			"the rights of the account, and the token store. It reports what it found and, if a step failed, what to do\n" +
			"next. It ends only its own session.",
		Example: examples(
			"the connections that amsql query would use", "amsql doctor",
			"one of them", "amsql doctor --connection west",
			"for a script; the exit status is 1 if a step failed", "amsql doctor --output json",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if render.NewFormat(o.Output, render.Options{}) == nil {
				return mustBeOneOf(cmd, "output", o.Output, strings.Split(render.FormatNames(), "|"))
			}
			return o.run(cmd.Context(), streams)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Output, "output", "o", "table", "print the findings in this `format`: "+render.FormatNames())
	o.addFlags(flags)
	return cmd
}

func (o *DoctorOptions) run(ctx context.Context, streams terminal.Streams) error {
	configs, err := o.configs()
	if err != nil {
		return err
	}
	if len(configs) == 0 {
		return workspace.Usage("no connection is configured: %s", workspace.HowToConnect)
	}
	w, err := o.open(ctx, configs, streams)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	return examine(ctx, w, o.Output)
}

// findingColumns are the columns that doctor prints.
var findingColumns = []engine.ResultColumn{
	{Name: "connection", Type: table.Text}, {Name: "step", Type: table.Text}, {Name: "status", Type: table.Text},
	{Name: "detail", Type: table.Text}, {Name: "fix", Type: table.Text},
}

// A failure is a failed step of a connection.
type failure struct {
	connection string
	doctor.Finding
}

// Error returns the name of the step and what to do.
func (f *failure) Error() string {
	text := fmt.Sprintf("%s: %s: %s", f.connection, f.Step, f.Detail)
	if f.Fix != "" {
		text += ": " + f.Fix
	}
	return text
}

// examine prints the finding of each step of each connection, except for skipped steps. If a step failed, the error is
// a *failure.
func examine(ctx context.Context, w *workspace.Workspace, output string) error {
	options := render.ScreenOptions(w.Streams)
	f := render.NewFormat(output, options)
	out := render.NewOutput(w.Streams, w.Progress)
	out.Paint = func(table string) string { return paintStatus(w.Streams, table) }
	f.Begin(&out.Buffer, findingColumns)
	var failures []error
	for _, c := range w.Connections {
		for finding := range doctor.Examine(ctx, doctor.Target{Client: c.Client(), Realms: c.Options().Realms, ListCap: c.Options().ListCap, Store: c.TokenStore()}) {
			switch finding.Status {
			case doctor.Skipped:
				continue
			case doctor.Failed:
				failures = append(failures, &failure{c.Name(), finding})
			}
			if err := cmp.Or(f.Row(&out.Buffer, findingRow(c, finding, output, options.Width)), out.RowDone()); err != nil {
				return err
			}
		}
	}
	f.End(&out.Buffer)
	return cmp.Or(ctx.Err(), out.Finish(), errors.Join(failures...))
}

// statusColours are the colours for the status of a step.
var statusColours = map[doctor.Status]terminal.Colour{doctor.OK: terminal.Green, doctor.Warning: terminal.Yellow, doctor.Failed: terminal.Red}

// statusCell matches the third column of a table.
var statusCell = regexp.MustCompile(`(?m)^(\|[^|]*\|[^|]*\| )(\w+)`)

func paintStatus(streams terminal.Streams, table string) string {
	return statusCell.ReplaceAllStringFunc(table, func(begin string) string {
		cell := statusCell.FindStringSubmatch(begin)
		if colour, isStatus := statusColours[doctor.Status(cell[2])]; isStatus {
			return cell[1] + streams.PaintOut(colour, cell[2])
		}
		return begin
	})
}

// findingWidth is the width of the two text columns if there is no screen; a screen determines their width.
const findingWidth = 44

func findingRow(c *connection.Connection, f doctor.Finding, output string, screen int) []any {
	row := []any{c.Name(), f.Step, string(f.Status), f.Detail, f.Fix}
	for i, text := range row {
		if output == "table" && screen == 0 {
			row[i] = prettytext.WrapSoft(text.(string), findingWidth)
		}
	}
	if f.Fix == "" && output != "table" {
		row[4] = nil
	}
	return row
}
