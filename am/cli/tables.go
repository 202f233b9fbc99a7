package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

func newTables(streams terminal.Streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "tables [TABLE]",
		Short: "List the tables, or the columns of one",
		Long: "tables lists the tables, or the columns of one table with their types and descriptions. The column key has\n" +
			"the operators whose conditions are sent to AM. The command needs no server.",
		Example: examples("", "amsql tables", "the columns of one", "amsql tables am_session"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return misuse(cmd, "%s takes one table, not %d", cmd.CommandPath(), len(args))
			case render.NewFormat(output, render.Options{}) == nil:
				return mustBeOneOf(cmd, "output", output, strings.Split(render.FormatNames(), "|"))
			}
			list := listOfTables()
			if len(args) == 1 {
				t := table.Named(am.Tables(nil), strings.ToLower(strings.TrimSpace(args[0])))
				if t == nil {
					return misuse(cmd, "there is no table %q%s: amsql tables lists them", args[0], nearestTable(args[0]))
				}
				list = workspace.ListColumns(t.Columns(), t.Keys())
			}
			return render.PrintCells(render.NewOutput(streams, nil), list.Columns, list.Rows, output, render.ScreenOptions(streams))
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "print the list in this `format`: "+render.FormatNames())
	return cmd
}

func nearestTable(name string) string {
	var names []string
	for _, t := range am.Tables(nil) {
		names = append(names, t.Name())
	}
	return engine.DidYouMean(name, names)
}

func listOfTables() engine.Result {
	list := engine.Result{Columns: []table.Column{{Name: "table"}, {Name: "description"}}}
	for _, t := range am.Tables(nil) {
		list.Rows = append(list.Rows, []any{t.Name(), t.Description()})
	}
	return list
}
