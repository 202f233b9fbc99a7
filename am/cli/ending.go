package cli

import (
	"errors"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// atLeastOne is a flag with a whole number of at least 1.
type atLeastOne int

func (n *atLeastOne) String() string { return strconv.Itoa(int(*n)) }
func (n *atLeastOne) Type() string   { return "number" }

func (n *atLeastOne) Set(text string) error {
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 {
		return errors.New("must be a whole number, 1 or more")
	}
	*n = atLeastOne(number)
	return nil
}

// addEndingFlags adds the flags that limit the ending of sessions.
func addEndingFlags(flags *pflag.FlagSet, o *workspace.TerminationOptions) {
	flags.BoolVar(&o.DryRun, "dry-run", false, "show which sessions would be ended, and end none")
	flags.BoolVar(&o.Yes, "yes", false, "end sessions without asking; required without a terminal")
	o.Max = methods.DefaultMax
	flags.Var((*atLeastOne)(&o.Max), "max", "refuse to end more sessions than this `number`")
	flags.StringVar(&o.Reason, "reason", "", "the reason, as `text` for the journal")
	flags.StringVar(&o.Journal, "journal", "", "append each request and the outcome for each session to a `file` of JSON lines")
}
