package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

const csvUsage = "make a table of a file of comma-separated values, as `name=file`; its first row names the columns; repeatable"

// loadCSV makes tables of files.
func (w *workspace) loadCSV(cmd *cobra.Command, files []string) error {
	for _, given := range files {
		name, path, ok := strings.Cut(given, "=")
		if !ok || name == "" {
			return misuse(cmd, "--csv %s: it takes the form name=file", given)
		}
		file, err := os.Open(path)
		if err != nil {
			return &usageError{fmt.Sprintf("--csv %s: %v", name, err)}
		}
		err = w.db.LoadCSV(name, file)
		file.Close()
		if err != nil {
			return &usageError{fmt.Sprintf("--csv %s: %s: %v", name, path, err)}
		}
	}
	return nil
}
