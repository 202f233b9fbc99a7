package cli

import (
	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/demo"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

func newDemo(streams terminal.Streams) *cobra.Command {
	return &cobra.Command{
		Use:     "demo",
		Short:   "Show SQL over the sessions of a simulated AM",
		Long:    "demo starts a simulated AM in its own process, runs some SQL on it, and exits.",
		Example: examples("", "amsql demo"),
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return demo.Run(cmd.Context(), streams) },
	}
}
