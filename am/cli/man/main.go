// Command man writes the manual pages of amsql into a folder.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra/doc"

	"github.com/amsql/steampipe-plugin-am/am/cli"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: man FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write takes the date of the pages from SOURCE_DATE_EPOCH if it is set, so that a release can be built again.
func write(folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil { //nolint:gosec // the user chooses the folder
		return err
	}
	root := cli.Command(terminal.Standard())
	root.DisableAutoGenTag = true
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "amsql", Manual: "amsql"}, folder)
}
