package cli

import (
	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// parameters parses the values of --arg.
func parameters(cmd *cobra.Command, given []string) (args []engine.Arg, err error) {
	for _, text := range given {
		arg, err := workspace.ParseArg(text)
		if err != nil {
			return nil, misuse(cmd, "--arg %v", err)
		}
		args = append(args, arg)
	}
	return args, nil
}
