package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

func newTables(streams terminal.Streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "tables [TABLE]",
		Short: "List the tables, or the columns of one",
		Long: "tables lists the tables, or the columns of one table with their types and descriptions. Conditions with\n" +
			"= or in on a column marked as key are sent to AM. The command needs no server.",
		Example: examples("", "amsql tables", "the columns of one", "amsql tables am_session"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return misuse(cmd, "%s takes one table, not %d", cmd.CommandPath(), len(args))
			case render.NewFormat(output, render.Options{}) == nil:
				return mustBeOneOf(cmd, "output", output, strings.Split(render.FormatNames(), "|"))
			}
			columns, rows := listOfTables()
			if len(args) == 1 {
				t := table.Named(am.Tables(nil), strings.ToLower(strings.TrimSpace(args[0])))
				if t == nil {
					return misuse(cmd, "there is no table %q: amsql tables lists them", args[0])
				}
				columns, rows = listOfColumns(t)
			}
			return render.PrintCells(render.NewOutput(streams, nil), columns, rows, output, render.ScreenOptions(streams))
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "print the list in this `format`: "+render.FormatNames())
	return cmd
}

func listOfTables() (columns []table.Column, rows [][]any) {
	for _, t := range am.Tables(nil) {
		rows = append(rows, []any{t.Name(), t.Description()})
	}
	return []table.Column{{Name: "table"}, {Name: "description"}}, rows
}

func listOfColumns(t table.Table) (columns []table.Column, rows [][]any) {
	for _, c := range t.Columns() {
		rows = append(rows, []any{c.Name, c.Type.String(), slices.Contains(t.Keys(), c.Name), c.Description})
	}
	return []table.Column{{Name: "column"}, {Name: "type"}, {Name: "key", Type: table.Boolean}, {Name: "description"}}, rows
}
