package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// shells are the shells that have completion, and how to install it in each.
var shells = []struct {
	name  string
	use   string // what to do once
	write func(root *cobra.Command, out io.Writer) error
}{
	{"bash", "amsql completion bash > /etc/bash_completion.d/amsql", func(root *cobra.Command, out io.Writer) error { return root.GenBashCompletionV2(out, true) }},
	{"zsh", `amsql completion zsh > "${fpath[1]}/_amsql"`, (*cobra.Command).GenZshCompletion},
	{"fish", "amsql completion fish > ~/.config/fish/completions/amsql.fish", func(root *cobra.Command, out io.Writer) error { return root.GenFishCompletion(out, true) }},
	{"powershell", "amsql completion powershell >> $PROFILE", (*cobra.Command).GenPowerShellCompletionWithDesc},
}

func newCompletion(streams terminal.Streams) *cobra.Command {
	var names, uses []string
	for _, s := range shells {
		names = append(names, s.name)
		uses = append(uses, "for "+s.name, s.use)
	}
	return &cobra.Command{
		Use:   "completion " + strings.Join(names, "|"),
		Short: "Print a completion script for a shell",
		Long: "completion prints a script that lets a shell complete commands, flags and their values: formats, products and\n" +
			"the names of connections. It takes effect in shells that you start afterwards. The script for bash needs the\n" +
			"package bash-completion.",
		Example:   examples(uses...),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, s := range shells {
				if len(args) == 1 && args[0] == s.name {
					return s.write(cmd.Root(), streams.Out)
				}
			}
			return misuse(cmd, "it needs the name of a shell: %s", strings.Join(names, ", "))
		},
	}
}

// flagValues completes the values of flags with these names, in every command.
var flagValues = map[string]cobra.CompletionFunc{
	"output":     fixed(strings.Split(render.FormatNames(), "|")...),
	"profile":    fixed(simulator.Profiles()...),
	"deployment": fixed(deploymentChoices()...),
	"connection": connectionNames,
	"config":     fixedExtension("spc"),
	"format":     fixed(render.ReportFormats...),
	"compare":    fixedExtension("json"),
	"reports":    cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
}

func fixed(values ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

func fixedExtension(extension string) cobra.CompletionFunc {
	return cobra.FixedCompletions([]string{extension}, cobra.ShellCompDirectiveFilterFileExt)
}

// connectionNames returns the names of the connections that the flags so far select from.
func connectionNames(cmd *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	var o ConnectionOptions
	if config := cmd.Flag("config"); config != nil {
		o.Config = config.Value.String()
	}
	configs, err := o.configs()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	for _, c := range configs {
		names = append(names, c.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// complete adds completion for a command's flags, and disables that of files if the command takes no argument.
func complete(cmd *cobra.Command) {
	for name, values := range flagValues {
		if cmd.Flag(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, values) // cannot fail: the flag exists and has no completion yet
		}
	}
	if cmd.ValidArgs == nil && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
}
