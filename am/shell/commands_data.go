package shell

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// loadCSV reads a file as a table.
func (s *shell) loadCSV(ctx context.Context, argument string) error {
	name, path, _ := strings.Cut(argument, "=")
	if name == "" || path == "" {
		return errors.New(".csv must be .csv NAME=FILE, such as .csv leavers=leavers.csv")
	}
	if err := s.LoadCSV(ctx, name, path, 0); err != nil {
		return fmt.Errorf(".csv %w", err)
	}
	var columns []string
	if t, ok := s.Find(ctx, name); ok {
		for _, c := range t.Columns {
			columns = append(columns, c.Name)
		}
	}
	return s.confirm(fmt.Sprintf("table %s has the columns %s", name, strings.Join(columns, ", ")))
}

func (s *shell) attachHistory(ctx context.Context, path string) error {
	if err := s.AttachHistory(ctx, path, ""); err != nil {
		return fmt.Errorf(".history: %w", err)
	}
	return s.confirm("the history is the schema history; .tables history lists its tables")
}

// param sets or unsets a parameter for the following SQL, or lists all parameters.
func (s *shell) param(_ context.Context, argument string) error {
	if argument == "" {
		return s.listParams()
	}
	name, _, sets := strings.Cut(argument, "=")
	s.printing.Args = slices.DeleteFunc(s.printing.Args, func(a engine.Arg) bool { return a.Name == name })
	if !sets {
		return s.confirm(":" + name + " is not set")
	}
	arg, err := workspace.ParseArg(argument)
	if err != nil {
		return fmt.Errorf(".param %w", err)
	}
	s.printing.Args = append(s.printing.Args, arg)
	return s.confirm(":" + name + " is set") // not the value, which may be a token from a file
}

func (s *shell) listParams() error {
	var rows [][]any
	for _, arg := range s.printing.Args {
		rows = append(rows, []any{":" + arg.Name, fmt.Sprint(arg.Value)})
	}
	if rows == nil {
		return s.tell("no parameter is set; .param who=bjensen sets :who")
	}
	return s.PrintCells([]table.Column{{Name: "parameter"}, {Name: "value"}}, rows, "table")
}
