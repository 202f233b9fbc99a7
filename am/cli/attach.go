package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// attachFiles adds the user's SQLite files.
func attachFiles(cmd *cobra.Command, w *workspace.Workspace, files []string) error {
	for _, given := range files {
		name, path, _ := strings.Cut(given, "=")
		if name == "" || path == "" {
			return misuse(cmd, "--attach must be name=file, such as staff=staff.db, not %q", given)
		}
		if err := w.AttachFile(name, path); err != nil {
			return err
		}
	}
	return nil
}
