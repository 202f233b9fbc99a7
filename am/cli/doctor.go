package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/doctor"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// DoctorOptions are those of amsql doctor.
type DoctorOptions struct {
	ConnectionOptions

	Output string
}

func newDoctor(streams Streams) *cobra.Command {
	var o DoctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Try the connections and say how to mend them",
		Long: "doctor tries each connection step by step: the host's name, the network, TLS, AM itself, its clock,\n" +
			"the sign-in, and what the account may do. It says what it found and, where something failed, what to\n" +
			"do next. It ends no session but its own.",
		Example: examples(
			"the connections that amsql query would use", "amsql doctor",
			"one of them", "amsql doctor --connection west",
			"for a script; the exit status is 1 where a step failed", "amsql doctor --output json",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if newFormat(o.Output, formatOptions{}) == nil {
				return misuse(cmd, "--output %q is none of %s", o.Output, formatNames())
			}
			return o.run(cmd.Context(), streams)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Output, "output", "o", "table", "print the findings in this `format`: "+formatNames())
	o.addFlags(flags)
	return cmd
}

func (o *DoctorOptions) run(ctx context.Context, streams Streams) error {
	configs, err := o.configs()
	if err != nil {
		return err
	}
	if len(configs) == 0 {
		return &usageError{"there is no connection to try: " + howToConnect}
	}
	w, err := openWorkspace(ctx, configs, streams)
	if err != nil {
		return err
	}
	defer w.close(ctx)
	return w.examine(ctx, o.Output)
}

// findingColumns are those of what doctor prints.
var findingColumns = []engine.ResultColumn{
	{Name: "connection", Type: table.Text}, {Name: "step", Type: table.Text}, {Name: "status", Type: table.Text},
	{Name: "detail", Type: table.Text}, {Name: "mend", Type: table.Text},
}

// examine prints what each step of each connection found. A step that failed makes an error.
func (w *workspace) examine(ctx context.Context, output string) error {
	f := newFormat(output, w.streams.formatOptions())
	out := newOutput(w.streams, w.progress)
	f.begin(&out.Buffer, findingColumns)
	var failures []string
	for _, c := range w.connections {
		for finding := range doctor.Examine(ctx, doctor.Patient{Client: c.Client(), Realms: c.Options().Realms, ListCap: c.Options().ListCap}) {
			if finding.Status == doctor.Failed {
				failures = append(failures, fmt.Sprintf("%s: %s failed", c.Name(), finding.Step))
			}
			if err := firstError(f.row(&out.Buffer, findingRow(c, finding, output)), out.rowDone()); err != nil {
				return err
			}
		}
	}
	f.end(&out.Buffer)
	if err := firstError(ctx.Err(), out.finish()); err != nil || len(failures) == 0 {
		return err
	}
	return errors.New(strings.Join(failures, "; "))
}

// findingWidth is the width of the two columns of prose in a table.
const findingWidth = 44

func findingRow(c *connection.Connection, f doctor.Finding, output string) []any {
	row := []any{c.Name(), f.Step, string(f.Status), f.Detail, f.Mend}
	for i, text := range row {
		if output == "table" {
			row[i] = prettytext.WrapSoft(text.(string), findingWidth)
		}
	}
	if f.Mend == "" && output != "table" {
		row[4] = nil
	}
	return row
}
