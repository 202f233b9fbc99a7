package cli

import (
	"github.com/spf13/pflag"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// addEndingFlags adds the flags that bound what ends sessions.
func addEndingFlags(flags *pflag.FlagSet, o *workspace.EndingOptions) {
	flags.BoolVar(&o.DryRun, "dry-run", false, "end nothing, and show what would be ended")
	flags.BoolVar(&o.Yes, "yes", false, "end sessions without asking; needed where there is no terminal to ask on")
	flags.IntVar(&o.Max, "max", methods.DefaultMax, "refuse to end more sessions than this `number`")
	flags.StringVar(&o.Reason, "reason", "", "why, as `text` for the journal")
	flags.StringVar(&o.Journal, "journal", "", "append what is sent and what became of each session to a `file` of JSON lines")
}
