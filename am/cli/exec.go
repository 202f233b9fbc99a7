package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// ExecOptions are the options of amsql exec.
type ExecOptions struct {
	ConnectionOptions
	workspace.TerminationOptions

	Output string
}

func newExec(streams terminal.Streams) *cobra.Command {
	var o ExecOptions
	cmd := &cobra.Command{
		Use:   "exec METHOD [name=value …]",
		Short: "Run a method on sessions",
		Long: "exec runs one of the methods that amsql methods lists, and prints its answer. A value that\n" +
			"begins with @ names a file, which keeps tokens out of the shell's history; @@ stands for @.\n\n" +
			describeMethods(),
		Example: examples(
			"show what AM knows about a token", "amsql exec get_session_info token_id=@token.txt",
			"keep a session alive", "amsql exec refresh token_id=@token.txt",
			"set properties", `amsql exec update_session_properties token_id=@token.txt \
      'properties={"theme":"dark"}'`,
			"end all sessions of a user", "amsql exec logout_by_user username=bjensen realm=/alpha",
		),
		ValidArgsFunction: completeExec,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), cmd, args, streams)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Output, "output", "o", "json", "print the answer in this `format`: "+render.FormatNames())
	addEndingFlags(flags, &o.TerminationOptions)
	o.addFlags(flags)
	return cmd
}

func (o *ExecOptions) run(ctx context.Context, cmd *cobra.Command, args []string, streams terminal.Streams) error {
	if len(args) == 0 {
		return misuse(cmd, "a method is missing; amsql methods lists them")
	}
	if render.NewFormat(o.Output, render.Options{}) == nil {
		return mustBeOneOf(cmd, "output", o.Output, strings.Split(render.FormatNames(), "|"))
	}
	method, err := methods.Named(args[0])
	if err != nil {
		return misuse(cmd, "%v", err)
	}
	given, err := arguments(cmd, args[1:])
	if err != nil {
		return err
	}
	if err := method.Check(given); err != nil {
		return misuse(cmd, "%v", err)
	}
	w, terminator, err := openTerminator(ctx, method, o.ConnectionOptions, o.TerminationOptions, streams)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	rows, err := method.Run(ctx, terminator, given)
	if argument := new(methods.ArgumentError); errors.As(err, &argument) {
		return misuse(cmd, "%v", err)
	}
	if err != nil && len(rows) == 0 {
		return err
	}
	return cmp.Or(err, w.PrintCells(method.Columns(), rows, o.Output))
}

// openTerminator opens the connection for a method: the first one, unless the method changes sessions and there are
// others.
func openTerminator(ctx context.Context, method *methods.Method, connections ConnectionOptions, o workspace.TerminationOptions, streams terminal.Streams) (*workspace.Workspace, *methods.Terminator, error) {
	configs, err := connections.configs()
	if err != nil {
		return nil, nil, err
	}
	if len(configs) == 0 {
		return nil, nil, workspace.ErrNoConnection
	}
	if method.Effect != methods.Reads && len(configs) != 1 {
		return nil, nil, workspace.Usage("%s runs on one connection, but there are %d: choose one with --connection", method.Name, len(configs))
	}
	if configs[0].Members != nil {
		return nil, nil, workspace.Usage("connection %s is an aggregator: choose the connection of the sessions with --connection", configs[0].Name)
	}
	w, err := connections.open(ctx, configs, streams)
	if err != nil {
		return nil, nil, err
	}
	if err := w.AllowWrites(o); err != nil {
		w.Close(ctx)
		return nil, nil, err
	}
	return w, w.Terminator(configs[0].Name), nil
}

// arguments parses arguments of the form name=value.
func arguments(cmd *cobra.Command, args []string) (methods.Arguments, error) {
	read := methods.Arguments{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, misuse(cmd, "%q: it must be name=value", arg)
		}
		value, err := workspace.FromFile(value)
		if err != nil {
			return nil, workspace.Usage("%s: %v", name, err)
		}
		read[name] = append(read[name], value)
	}
	return read, nil
}

// describeMethods returns a line for each method.
func describeMethods() string {
	var b strings.Builder
	for _, m := range methods.Methods {
		fmt.Fprintf(&b, "  %s", m.Name)
		for _, name := range m.Required {
			fmt.Fprintf(&b, " %s=", name)
		}
		for _, name := range m.Optional {
			fmt.Fprintf(&b, " [%s=]", name)
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// completeExec completes the names of methods, and then those of their parameters.
func completeExec(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var words []string
	if len(args) == 0 {
		for _, m := range methods.Methods {
			words = append(words, m.Name+"\t"+m.Description)
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	if m := methods.Find(args[0]); m != nil {
		for _, name := range slices.Concat(m.Required, m.Optional) {
			words = append(words, name+"=")
		}
	}
	return words, cobra.ShellCompDirectiveNoSpace
}

func newMethods(streams terminal.Streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "methods",
		Short:   "List the methods on sessions",
		Long:    "methods lists the operations on sessions: their statements and parameters, the actions of AM\nthat they call, and their effects. EXEC and amsql exec run every method.",
		Example: examples("", "amsql methods", "for a script", "amsql methods --output json"),
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if render.NewFormat(output, render.Options{}) == nil {
				return mustBeOneOf(cmd, "output", output, strings.Split(render.FormatNames(), "|"))
			}
			return render.PrintCells(render.NewOutput(streams, nil), methods.ListColumns, methods.ListRows(), output, render.ScreenOptions(streams))
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "print the methods in this `format`: "+render.FormatNames())
	return cmd
}
