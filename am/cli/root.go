package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// commands are in the order of the help.
var commands = []func(terminal.Streams) *cobra.Command{
	newQuery,
	newShell,
	newWho,
	newTables,
	newInit,
	newDoctor,
	newSnapshot,
	newWatch,
	newLogout,
	newExec,
	newMethods,
	newReport,
	newPolicy,
	newMetrics,
	newDemo,
	newSimulate,
	newCompletion,
	newVersion,
}

// Command returns the tree of commands, for documentation. Main runs it.
func Command(streams terminal.Streams) *cobra.Command { return newRoot(streams) }

func newRoot(streams terminal.Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "amsql",
		Short: "SQL over the login sessions of AM",
		Long: "amsql queries and ends the login sessions of PingAM, ForgeRock AM, PingOne Advanced Identity\n" +
			"Cloud and OpenAM with SQL: who is logged in, to which realm, last active when, until when.\n\n" +
			"Documentation: https://github.com/amsql/steampipe-plugin-am",
		Example: examples(
			"try it without a server", "amsql demo",
			"query a server", "export AM_URL=https://am.example.com/am",
			"", "export AM_USERNAME=amadmin AM_PASSWORD=file:/run/secrets/am",
			"", `amsql query "select realm, username, latest_access_time from am_session"`,
		),
		Args:              noArguments,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return refuseEmpty(cmd) },
		Version:           version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetVersionTemplate(versionLine() + "\n")
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if given := cmd.Flags().Args(); cmd.HasSubCommands() && len(given) > 0 {
			return noCommand(cmd, given[0]) // the flags belong to that command
		}
		return misuse(cmd, "%v%s", err, nearestFlag(cmd, err))
	})
	cobra.EnableCommandSorting = false
	for _, command := range commands {
		cmd := command(streams)
		complete(cmd)
		root.AddCommand(cmd)
	}
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Example = examples("", "amsql help query")
		help.Args = func(_ *cobra.Command, args []string) error {
			if cmd, rest, err := root.Find(args); err == nil && cmd.HasSubCommands() && len(rest) > 0 {
				return noCommand(cmd, rest[0])
			}
			return nil
		}
	}
	fitHelp(root)
	return root
}

// needed are the kinds of values that must not be empty: an unset variable in a script must not select the default.
var needed = []string{"file", "folder", "target", "realm", "name"}

// refuseEmpty refuses flags with an empty value.
func refuseEmpty(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		word, _ := pflag.UnquoteUsage(f)
		if f.Value.Type() == "string" && f.Value.String() == "" && slices.Contains(needed, word) {
			err = misuse(cmd, "--%s is empty: it needs a %s", f.Name, word)
		}
	})
	return err
}

// nearestFlag suggests a flag if the error is about one that does not exist.
func nearestFlag(cmd *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return ""
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return engine.DidYouMean("--"+unknown.GetSpecifiedName(), names)
}

func misuse(cmd *cobra.Command, format string, args ...any) error {
	return workspace.Usage("%s; see %s --help", fmt.Sprintf(format, args...), cmd.CommandPath())
}

// mustBeOneOf returns the error for a flag whose value is not one of its choices.
func mustBeOneOf(cmd *cobra.Command, flag, value string, choices []string) error {
	return misuse(cmd, "--%s must be one of %s, not %q", flag, strings.Join(choices, ", "), value)
}

func noArguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasParent() && !cmd.HasSubCommands():
		return misuse(cmd, "%s: unexpected argument %q", cmd.CommandPath(), args[0])
	}
	return noCommand(cmd, args[0])
}

// noCommand returns the error for a command that does not exist. It suggests the one that was meant, which may belong
// to another command.
func noCommand(cmd *cobra.Command, name string) error {
	var names []string
	meant := ""
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
		for _, below := range sub.Commands() {
			if below.Name() == name {
				meant = fmt.Sprintf(" (did you mean %s?)", below.CommandPath())
			}
		}
	}
	return misuse(cmd, "no command %q%s", name, cmp.Or(engine.DidYouMean(name, names), meant))
}

// examples formats pairs of a comment, which may be "", and a command line.
func examples(pairs ...string) string {
	var b strings.Builder
	for pair := range slices.Chunk(pairs, 2) {
		if pair[0] != "" {
			fmt.Fprintf(&b, "  # %s\n", pair[0])
		}
		fmt.Fprintf(&b, "  %s\n", pair[1])
	}
	return strings.TrimSuffix(b.String(), "\n")
}
