package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// Version is set when a release is built (-ldflags -X).
var Version string

func newVersion(streams terminal.Streams) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "version prints the version of amsql, the version of Go, and the platform it was built for.",
		Example: examples("", "amsql version"),
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(streams.Out, versionLine())
			return err
		},
	}
}

func versionLine() string {
	return fmt.Sprintf("amsql %s (%s %s/%s)", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// version returns Version, or else what Go knows about the module: a tag, or the commit it was built from.
func version() string {
	if Version != "" {
		return Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
