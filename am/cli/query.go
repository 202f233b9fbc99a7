package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// QueryOptions are those of amsql query.
type QueryOptions struct {
	ConnectionOptions
	EndingOptions

	AllowWrites bool
	CSV         []string
	History     string // a file

	SQL       string // empty: from File, or standard input
	File      string
	Args      []string // name=value
	Output    string
	Header    bool
	Separator string
	LocalTime bool
	Export    string // a file instead of standard output
	Timing    bool
}

func newQuery(streams Streams) *cobra.Command {
	var o QueryOptions
	cmd := &cobra.Command{
		Use:   "query [SQL]",
		Short: "Run SQL and print its rows",
		Long: "query runs SQL from the argument, a file or standard input, one statement after the other.\n" +
			"On a terminal without SQL it is a shell, whose commands .help lists.\n" +
			"The dialect is SQLite's; the tables of each connection are a schema of its name, and those\n" +
			"of the connection am, else of the first, need no schema.",
		Example: examples(
			"who is logged in", `amsql query "select username, latest_access_time from am_session where realm = '/alpha'"`,
			"a shell, with completion and a history", "amsql query",
			"a value from outside, as a parameter", `amsql query "select * from am_session where username = :who" --arg who="o'brien"`,
			"for a script", `amsql query "select realm, count(*) as sessions from am_session group by realm" --output json`,
			"into a file, by its name's ending", `amsql query "select * from am_session" --export sessions.parquet`,
			"from a file", `amsql query --file idle.sql --output csv > idle.csv`,
			"beside a table of your own", `amsql query --csv leavers=leavers.csv "select * from am_session join leavers using (username)"`,
			"what snapshots have seen", `amsql query --history history.db "select * from am_session_history where username = 'bjensen'"`,
			"end sessions", `amsql query --allow-writes "delete from am_session where latest_access_time < datetime('now', '-1 hour')"`,
		),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.take(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context(), cmd, streams)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.File, "file", "f", "", "read the SQL from a `file`")
	flags.StringVarP(&o.Output, "output", "o", "table", "print the rows in this `format`: "+formatNames())
	flags.BoolVar(&o.Header, "header", true, "print the columns' names (table, csv, markdown)")
	flags.StringVar(&o.Separator, "separator", ",", "separate values with this `character` (csv)")
	flags.BoolVar(&o.LocalTime, "local-time", false, "print times in this machine's time zone instead of UTC")
	flags.StringVar(&o.Export, "export", "", "write the rows to a `file` instead, by its name's ending: "+fileExtensions())
	flags.BoolVar(&o.Timing, "timing", false, "print the time taken, the requests sent and the completeness to standard error")
	flags.StringArrayVar(&o.Args, "arg", nil, "give the parameter :name its value, as `name=value` or name=@file; repeatable")
	flags.StringArrayVar(&o.CSV, "csv", nil, csvUsage)
	flags.StringVar(&o.History, "history", "", "add the history in a `file` of amsql snapshot, as the schema history")
	flags.BoolVar(&o.AllowWrites, "allow-writes", false, "let statements end sessions and set properties; the flags below bound that")
	o.EndingOptions.addFlags(flags)
	o.ConnectionOptions.addFlags(flags)
	return cmd
}

// take completes the options by the arguments and checks them.
func (o *QueryOptions) take(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 1:
		return misuse(cmd, "the SQL must be one argument, but there are %d: put it in quotes", len(args))
	case len(args) == 1 && o.File != "":
		return misuse(cmd, "there is SQL in the argument and in --file: give one of them")
	case len(args) == 1 && strings.TrimSpace(args[0]) == "":
		return misuse(cmd, "the SQL is empty")
	case o.Export != "" && cmd.Flags().Changed("output"):
		return misuse(cmd, "the rows go into the file of --export, whose name tells the format: leave out --output")
	case o.Export != "" && checkExport(o.Export) != nil:
		return misuse(cmd, "--export %v", checkExport(o.Export))
	case newFormat(o.Output, formatOptions{}) == nil:
		return misuse(cmd, "--output %q is none of %s", o.Output, formatNames())
	case !isSeparator(o.Separator):
		return misuse(cmd, "--separator %q is not one character that can separate values", o.Separator)
	case len(args) == 1:
		o.SQL = args[0]
	}
	return nil
}

// isSeparator excludes what the csv format has other uses for.
func isSeparator(s string) bool {
	return utf8.RuneCountInString(s) == 1 && utf8.ValidString(s) && !strings.ContainsAny(s, "\"\r\n\uFFFD")
}

func (o *QueryOptions) run(ctx context.Context, cmd *cobra.Command, streams Streams) (err error) {
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
	w, err := openWorkspace(ctx, configs, streams)
	if err != nil {
		return err
	}
	defer w.close(ctx)
	if o.AllowWrites {
		if err := w.endings(o.EndingOptions); err != nil {
			return err
		}
	}
	if err := w.loadCSV(cmd, o.CSV); err != nil {
		return err
	}
	if err := w.attachHistory(ctx, o.History); err != nil {
		return err
	}
	defer w.abandon()
	p := printing{
		sql: sql, args: args, output: o.Output, export: o.Export, timing: o.Timing, localTime: o.LocalTime,
		options: formatOptions{header: o.Header, separator: firstRune(o.Separator)},
	}
	if interactive {
		return runShell(ctx, w, p)
	}
	return w.print(ctx, p)
}

// interactive tells whether somebody sits there who can be asked for SQL. A dumb terminal cannot edit it.
func (o *QueryOptions) interactive(streams Streams) bool {
	return o.SQL == "" && o.File == "" && o.Export == "" && streams.InIsTerminal && streams.OutIsTerminal && os.Getenv("TERM") != "dumb"
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// text is the SQL, wherever it is.
func (o *QueryOptions) text(ctx context.Context, cmd *cobra.Command, streams Streams) (string, error) {
	switch {
	case o.SQL != "":
		return o.SQL, nil
	case o.File != "":
		sql, err := os.ReadFile(o.File)
		if err != nil {
			return "", &usageError{fmt.Sprintf("--file: %v", err)}
		}
		return string(sql), nil
	case streams.InIsTerminal:
		return "", misuse(cmd, "no SQL: give it as the argument, with --file or on standard input")
	}
	sql, err := readAll(ctx, streams.In)
	if err == nil && strings.TrimSpace(sql) == "" {
		err = misuse(cmd, "no SQL: standard input is empty")
	}
	return sql, err
}

func readAll(ctx context.Context, in io.Reader) (string, error) {
	return interruptible(ctx, func() (string, error) {
		text, err := io.ReadAll(in)
		return string(text), err
	})
}

// interruptible stops waiting for standard input when it is interrupted. The read itself cannot be stopped; it ends with
// the process.
func interruptible(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := read()
		done <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-done:
		if a.err != nil {
			return "", fmt.Errorf("read standard input: %w", a.err)
		}
		return a.text, nil
	}
}

// abandon says that a transaction was not committed.
func (w *workspace) abandon() {
	if w.db.InTransaction() {
		w.notices.add("the transaction was not committed: nothing of it was sent")
	}
}

// printing is SQL and how its rows are wanted.
type printing struct {
	sql       string
	args      []engine.Arg
	output    string // the format on standard output
	export    string // the file instead
	options   formatOptions
	localTime bool
	timing    bool
}

// print runs the statements and prints the rows of each.
func (w *workspace) print(ctx context.Context, p printing) error {
	start := time.Now()
	w.notices.forget()
	if err := w.attachNamed(p.sql); err != nil {
		return err
	}
	rows, err := w.db.Query(ctx, p.sql, p.args...)
	if err != nil {
		return w.explain(err)
	}
	if p.export != "" {
		return w.explain(w.export(rows, p, start)) //nolint:contextcheck // the rows have theirs
	}
	return w.explain(w.printAll(rows, p, start)) //nolint:contextcheck // as above
}

func (w *workspace) printAll(rows *engine.Rows, p printing, start time.Time) (err error) {
	p.options.width, _ = w.streams.size()
	out := newOutput(w.streams, w.progress)
	for more := len(rows.Columns()) > 0; more && err == nil; {
		var count int64
		count, err = printRows(rows, newFormat(p.output, p.options), out, p.localTime)
		if w.shown != nil {
			w.shown()
		}
		if p.timing {
			w.timing(start, count)
		}
		start = time.Now()
		if more = err == nil && rows.NextResultSet(); more {
			out.WriteString(between(p.output, p.options))
		}
	}
	return firstError(err, rows.Close(), rows.Err())
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// printRows prints the rows of one statement.
func printRows(rows *engine.Rows, f format, out *output, localTime bool) (count int64, err error) {
	for rows.Next() {
		if count == 0 {
			f.begin(&out.Buffer, rows.Columns())
		}
		count++
		values := rows.Values()
		if localTime {
			localise(values)
		}
		if err := f.row(&out.Buffer, values); err != nil {
			return count, errors.Join(err, out.abandon())
		}
		if err := out.rowDone(); err != nil {
			return count, err
		}
	}
	if err := rows.Err(); err != nil {
		return count, errors.Join(err, out.abandon())
	}
	if count == 0 {
		f.begin(&out.Buffer, rows.Columns())
	}
	f.end(&out.Buffer)
	return count, out.finish()
}

// localise puts times into this machine's zone.
func localise(values []any) {
	for i, value := range values {
		if t, ok := value.(time.Time); ok {
			values[i] = t.Local()
		}
	}
}
