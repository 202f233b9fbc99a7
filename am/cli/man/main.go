// Command man writes the manual pages of amsql into a folder.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

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

// write uses SOURCE_DATE_EPOCH as the date of the pages if it is set, so that builds are reproducible.
func write(folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil { //nolint:gosec // the user chooses the folder
		return err
	}
	root := cli.Command(terminal.Standard())
	root.DisableAutoGenTag = true
	describeFlags(root)
	if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "amsql", Manual: "amsql"}, folder); err != nil {
		return err
	}
	pages, err := filepath.Glob(filepath.Join(folder, "amsql*.1"))
	for _, page := range pages {
		err = errors.Join(err, layOut(page))
	}
	return err
}

// option matches an option on a page: its name, the superfluous equals sign of a flag without a value, and its
// description.
var option = regexp.MustCompile(`(?m)^(?:\.PP\n)?(\\fB-.*?)=?\n\t(.*)`)

// layOut puts the descriptions of options below them, as in other manual pages.
func layOut(page string) error {
	text, err := os.ReadFile(page) //nolint:gosec // the user chooses the folder
	if err != nil {
		return err
	}
	return os.WriteFile(page, option.ReplaceAll(text, []byte(".TP\n$1\n$2")), 0o600) //nolint:gosec // the user chooses the folder
}

// describeFlags makes the pages show flags as help does. cobra's generator shows the default of each, such as
// --yes[=false] and --csv=[], where readers look for whether there is a value, and which.
func describeFlags(cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		var value string
		if value, f.Usage = pflag.UnquoteUsage(f); value != "" {
			value = "*" + value + "*"
		}
		if !slices.Contains([]string{"", "[]", "false"}, f.DefValue) {
			f.Usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		f.Value, f.DefValue, f.NoOptDefVal = placeholder{f.Value}, value, ""
	})
	for _, sub := range cmd.Commands() {
		describeFlags(sub)
	}
}

// A placeholder stands for a value that the generator must not quote.
type placeholder struct{ pflag.Value }

// Type returns a type that the generator does not know.
func (placeholder) Type() string { return "placeholder" }
