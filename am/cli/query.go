package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/shell"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// QueryOptions are the options of amsql query.
type QueryOptions struct {
	ConnectionOptions
	workspace.TerminationOptions
	CSVOptions

	AllowWrites bool
	Attach      []string // name=file
	History     string   // a target

	SQL       string // "": from File, or standard input
	File      string
	Args      []string // name=value
	Output    string
	Header    bool
	Separator string
	LocalTime bool
	Export    string // a file, instead of standard output
	Timing    bool

	options render.Options
}

func newQuery(streams terminal.Streams) *cobra.Command {
	var o QueryOptions
	cmd := &cobra.Command{
		Use:   "query [SQL]",
		Short: "Run SQL and print its rows",
		Long: "query runs SQL from the argument, a file or standard input, one statement after the other.\n" +
			"Without SQL, on a terminal, it starts the shell, whose dot commands work in files and pipes, too.\n" +
			"The dialect is that of SQLite. Each connection is a schema. The tables of the connection am,\n" +
			"or of the first connection if none has that name, need no schema.",
		Example: examples(
			"who is logged in", `amsql query "select username, realm, latest_access_time from am_session"`,
			"a shell, with completion and a history", "amsql query",
			"with a parameter", `amsql query "select * from am_session where username = :who" --arg who=bjensen`,
			"for a script", `amsql query "select realm, count(*) as n from am_session group by 1" -o json`,
			"write a file; its name determines the format", `amsql query "select * from am_session" --export sessions.parquet`,
			"from a file", `amsql query --file idle.sql --output csv > idle.csv`,
			"join your own table", `amsql query --csv leavers=leavers.csv "
      select * from am_session join leavers using (username)"`,
			"join your own database", `amsql query --attach staff=staff.db "
      select * from am_session join staff.employees using (username)"`,
			"query a history", `amsql query --history history.db "
      select * from am_session_history where username = 'bjensen'"`,
			"end sessions", `amsql query --allow-writes "
      delete from am_session where latest_access_time < ago('1 hour')"`,
		),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.take(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context(), cmd, streams)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.File, "file", "f", "", "read the SQL from a `file` (- for standard input)")
	flags.StringVar(&o.Export, "export", "", "write the rows to a `file` in the format of its ending: "+render.FileExtensions())
	flags.StringArrayVar(&o.Args, "arg", nil, "set the parameter :name, as `name=value` or name=@file; repeatable")
	o.addFlags(flags)
	return cmd
}

func newShell(streams terminal.Streams) *cobra.Command {
	var o QueryOptions
	cmd := &cobra.Command{
		Use:   "shell",
		Short: "Run SQL interactively, with completion and a history",
		Long: "shell reads SQL and dot commands from the terminal. Tab completes tables, columns and realms;\n" +
			".help lists the commands. In a pipe it runs what it reads, and ends at the first error.",
		Example: examples(
			"", "amsql shell",
			"in a pipe", "echo .tables | amsql shell",
			"with your own table", "amsql shell --csv leavers=leavers.csv",
			"allow statements that end sessions", "amsql shell --allow-writes",
		),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			if err := o.take(cmd, nil); err != nil {
				return err
			}
			if streams.InIsTerminal && !o.interactive(streams) {
				return misuse(cmd, "amsql shell needs a terminal that it can write to and edit on, or standard input from a file or a pipe")
			}
			return o.run(cmd.Context(), cmd, streams)
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

// addFlags adds the flags that query shares with shell.
func (o *QueryOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&o.Output, "output", "o", "table", "print the rows in this `format`: "+render.FormatNames())
	flags.BoolVar(&o.Header, "header", true, "print the column names (table, csv, markdown)")
	flags.StringVar(&o.Separator, "separator", ",", "separate values with this `character`, or tab (csv)")
	flags.BoolVar(&o.LocalTime, "local-time", false, "print times in this machine's time zone instead of UTC")
	flags.BoolVar(&o.Timing, "timing", false, "print the elapsed time, the number of requests and the completeness to standard error")
	o.CSVOptions.addFlags(flags)
	flags.StringArrayVar(&o.Attach, "attach", nil, "add the tables of an SQLite file, read-only, under a schema, as `name=file`; repeatable")
	flags.StringVar(&o.History, "history", "", "add the history at this `target` of amsql snapshot --to as the schema history; \"default\" means the one in the user's data directory")
	flags.BoolVar(&o.AllowWrites, "allow-writes", false, "let statements end sessions, set properties and write SQLite files")
	addEndingFlags(flags, &o.TerminationOptions)
	o.ConnectionOptions.addFlags(flags)
}

// take sets the options from the arguments, and checks them.
func (o *QueryOptions) take(cmd *cobra.Command, args []string) error {
	separator, isSeparator := render.ParseSeparator(o.Separator)
	o.options = render.Options{Header: o.Header, Separator: separator}
	switch {
	case len(args) > 1:
		return misuse(cmd, "the SQL must be one argument, not %d: put it in quotes", len(args))
	case len(args) == 1 && o.File != "":
		return misuse(cmd, "SQL is given both as an argument and with --file: use one of them")
	case len(args) == 1 && strings.TrimSpace(args[0]) == "":
		return misuse(cmd, "the SQL is empty")
	case o.Export != "" && cmd.Flags().Changed("output"):
		return misuse(cmd, "the file name of --export determines the format: omit --output")
	case o.Export != "" && render.CheckExport(o.Export) != nil:
		return misuse(cmd, "--export %v", render.CheckExport(o.Export))
	case render.NewFormat(o.Output, render.Options{}) == nil:
		return mustBeOneOf(cmd, "output", o.Output, strings.Split(render.FormatNames(), "|"))
	case !isSeparator:
		return misuse(cmd, "--separator %q is not one character that can separate values", o.Separator)
	case len(args) == 1:
		o.SQL = args[0]
	}
	return nil
}

func (o *QueryOptions) run(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) (err error) {
	sql, interactive := "", o.interactive(streams)
	if !interactive {
		if sql, err = o.text(ctx, cmd, streams); err != nil {
			return err
		}
	}
	args, err := parameters(cmd, o.Args)
	if err != nil {
		return err
	}
	configs, err := o.configs()
	if err != nil {
		return err
	}
	w, err := o.open(ctx, configs, streams)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	if o.AllowWrites {
		if err := w.AllowWrites(o.TerminationOptions); err != nil {
			return err
		}
		w.DB.AllowWrites()
	}
	if err := o.load(ctx, cmd, w); err != nil {
		return err
	}
	if err := attachFiles(cmd, w, o.Attach); err != nil {
		return err
	}
	if err := w.AttachHistory(ctx, o.History, sql); err != nil {
		return fmt.Errorf("--history: %w", err)
	}
	defer w.Abandon()
	p := workspace.Printing{
		SQL: sql, Args: args, Output: o.Output, Export: o.Export, Timing: o.Timing, LocalTime: o.LocalTime,
		Format: o.options,
	}
	switch {
	case interactive:
		return shell.Run(ctx, w, p)
	case !shell.HasCommands(sql):
		return w.Print(ctx, p)
	case o.Export != "":
		return misuse(cmd, "--export accepts only SQL, but the input contains a dot command: use .once FILE to write the rows of one statement")
	}
	return shell.RunText(ctx, w, p)
}

// interactive reports whether somebody at a terminal can type SQL. A dumb terminal cannot edit it.
func (o *QueryOptions) interactive(streams terminal.Streams) bool {
	return o.SQL == "" && o.File == "" && o.Export == "" && streams.InIsTerminal && streams.OutIsTerminal && os.Getenv("TERM") != "dumb"
}

// text returns the SQL, from wherever it is.
func (o *QueryOptions) text(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) (string, error) {
	switch {
	case o.SQL != "":
		return o.SQL, nil
	case o.File != "" && o.File != "-":
		sql, err := connection.ReadText(o.File)
		switch {
		case err != nil:
			return "", workspace.Usage("--file: %v", err)
		case strings.TrimSpace(sql) == "":
			return "", misuse(cmd, "no SQL: %s is empty", o.File)
		}
		return sql, nil
	case streams.InIsTerminal && o.File == "":
		return "", misuse(cmd, "no SQL: pass it as an argument, with --file or on standard input")
	}
	sql, err := streams.ReadAll(ctx)
	if err == nil && len(bytes.TrimSpace(sql)) == 0 {
		err = misuse(cmd, "no SQL: standard input is empty")
	}
	return string(sql), err
}
