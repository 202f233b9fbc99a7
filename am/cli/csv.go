package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// CSVOptions are files to read as tables.
type CSVOptions struct {
	CSV          []string // name=file
	CSVSeparator string   // "": determined from the header
}

func (o *CSVOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.CSV, "csv", nil, "read a file of comma-separated values as a table, as `name=file` (name=- for standard input); its first row has the column names; repeatable")
	flags.StringVar(&o.CSVSeparator, "csv-separator", "", "the `character` that separates the values of --csv, or tab (default the comma, semicolon or tab that occurs most often in the header)")
}

// load reads the files as tables.
func (o *CSVOptions) load(ctx context.Context, cmd *cobra.Command, w *workspace.Workspace) error {
	separator, ok := rune(0), true
	if o.CSVSeparator != "" {
		separator, ok = render.ParseSeparator(o.CSVSeparator)
	}
	if !ok {
		return misuse(cmd, "--csv-separator %q is not one character that can separate values", o.CSVSeparator)
	}
	for _, given := range o.CSV {
		name, path, _ := strings.Cut(given, "=")
		if name == "" || path == "" {
			return misuse(cmd, "--csv must be name=file, such as leavers=leavers.csv, not %q", given)
		}
		if err := w.LoadCSV(ctx, name, path, separator); err != nil {
			return fmt.Errorf("--csv %w", err)
		}
	}
	return nil
}
