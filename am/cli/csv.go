package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

const csvUsage = "make a table of a file of comma-separated values, as `name=file`; its first row names the columns; repeatable"

// loadCSV makes tables of files.
func loadCSV(cmd *cobra.Command, w *workspace.Workspace, files []string) error {
	for _, given := range files {
		name, path, ok := strings.Cut(given, "=")
		if !ok || name == "" {
			return misuse(cmd, "--csv %s: it takes the form name=file", given)
		}
		if err := w.LoadCSV(name, path); err != nil {
			return err
		}
	}
	return nil
}
