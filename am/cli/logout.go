package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// LogoutOptions are those of amsql logout.
type LogoutOptions struct {
	ConnectionOptions
	workspace.EndingOptions

	Handles   []string
	TokenFile string
	Username  string
	Realm     string
	Where     string
	From      string // a file, or - for standard input
	CSV       []string
	Output    string
}

func newLogout(streams terminal.Streams) *cobra.Command {
	var o LogoutOptions
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "End sessions, with proof",
		Long: "logout ends the sessions that one of --handle, --token-file, --username, --where and --from\n" +
			"names. It shows what it is about to do and asks; afterwards it asks the server again, and\n" +
			"prints what has become of each session: ended, already gone, still listed, refused or\n" +
			"unknown. The exit status is 1 unless all are gone.",
		Example: examples(
			"what would be ended", `amsql logout --where "latest_access_time < datetime('now', '-1 hour')" --dry-run`,
			"a user, everywhere", "amsql logout --username bjensen --reason 'INC-4711'",
			"the handles that a query finds", `steampipe query --output json "select session_handle from am_session where realm = '/alpha'" | amsql logout --from - --yes`,
			"everybody on a list", `amsql logout --csv leavers=leavers.csv --where "username in (select username from leavers)" --journal incident.jsonl`,
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), cmd, streams)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.Handles, "handle", nil, "end the session of this `handle`; repeatable")
	flags.StringVar(&o.TokenFile, "token-file", "", "end the sessions of the tokens in a `file` (- for standard input): one a line, or the answer of authenticate")
	flags.StringVar(&o.Username, "username", "", "end all sessions of the user of this `name`")
	flags.StringVar(&o.Realm, "realm", "", "only those in this `realm` (with --username)")
	flags.StringVar(&o.Where, "where", "", "end the sessions of am_session for which this `SQL` is true")
	flags.StringVar(&o.From, "from", "", "end the sessions whose handles are in a `file` (- for standard input): one a line, or CSV or JSON with session_handle")
	flags.StringArrayVar(&o.CSV, "csv", nil, csvUsage)
	flags.StringVarP(&o.Output, "output", "o", "table", "print the outcomes in this `format`: "+render.FormatNames())
	addEndingFlags(flags, &o.EndingOptions)
	o.addFlags(flags)
	return cmd
}

func (o *LogoutOptions) check(cmd *cobra.Command) error {
	named := 0
	for _, set := range []bool{len(o.Handles) > 0, o.TokenFile != "", o.Username != "", o.Where != "", o.From != ""} {
		if set {
			named++
		}
	}
	switch {
	case named != 1:
		return misuse(cmd, "give one of --handle, --token-file, --username, --where and --from, to say which sessions")
	case o.Realm != "" && o.Username == "":
		return misuse(cmd, "--realm goes with --username")
	case methods.CheckRealm(o.Realm) != nil:
		return misuse(cmd, "--realm %v", methods.CheckRealm(o.Realm))
	case render.NewFormat(o.Output, render.Options{}) == nil:
		return misuse(cmd, "--output %q is none of %s", o.Output, render.FormatNames())
	}
	return nil
}

func (o *LogoutOptions) run(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) error {
	read, err := o.read(ctx, streams)
	if err != nil {
		return err
	}
	w, ending, err := openEnding(ctx, o.ConnectionOptions, o.EndingOptions, streams)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	if err := loadCSV(cmd, w, o.CSV); err != nil {
		return err
	}
	var outcomes []methods.Outcome
	switch {
	case o.Username != "":
		outcomes, err = ending.User(ctx, o.Realm, o.Username)
	case o.Where != "":
		if read, err = sessionsWhere(ctx, w, o.Where); err == nil {
			outcomes, err = ending.Sessions(ctx, read)
		}
	default:
		outcomes, err = ending.Sessions(ctx, read)
	}
	if err != nil && len(outcomes) == 0 {
		return w.Explain(err)
	}
	printErr := w.PrintCells(methods.OutcomeColumns, methods.OutcomeRows(outcomes), o.Output)
	return cmp.Or(err, methods.Remaining(outcomes), printErr)
}

// openEnding opens the first of the connections for what ends its sessions.
func openEnding(ctx context.Context, connections ConnectionOptions, o workspace.EndingOptions, streams terminal.Streams) (*workspace.Workspace, *methods.Ending, error) {
	configs, err := connections.configs()
	if err != nil {
		return nil, nil, err
	}
	if len(configs) == 0 {
		return nil, nil, workspace.Usage("%s", "there is no connection: "+workspace.HowToConnect)
	}
	if configs[0].Members != nil {
		return nil, nil, workspace.Usage("connection %s is an aggregator: choose the connection whose sessions shall end with --connection", configs[0].Name)
	}
	w, err := openWorkspace(ctx, configs, streams)
	if err != nil {
		return nil, nil, err
	}
	if err := w.AllowWrites(o); err != nil {
		w.Close(ctx)
		return nil, nil, err
	}
	return w, w.Ending(configs[0].Name), nil
}

// read reads the sessions that are named outside of AM, before anything is sent.
func (o *LogoutOptions) read(ctx context.Context, streams terminal.Streams) (sessions []methods.Session, err error) {
	switch {
	case o.TokenFile != "":
		return parseFile(ctx, streams, "--token-file", o.TokenFile, methods.ParseTokens)
	case o.From != "":
		return parseFile(ctx, streams, "--from", o.From, methods.ParseHandles)
	}
	for _, handle := range o.Handles {
		if err := methods.CheckHandle(handle); err != nil {
			return nil, workspace.Usage("--handle: %v", err)
		}
		sessions = append(sessions, methods.Session{Handle: handle})
	}
	return sessions, nil
}

// parseFile reads what a flag names: a file, or - for standard input.
func parseFile(ctx context.Context, streams terminal.Streams, flag, path string, parse func([]byte) ([]methods.Session, error)) ([]methods.Session, error) {
	var text []byte
	var err error
	if path == "-" {
		if text, err = streams.ReadAll(ctx); err != nil {
			return nil, err
		}
	} else if text, err = os.ReadFile(path); err != nil {
		return nil, workspace.Usage("%s: %v", flag, err)
	}
	sessions, err := parse(text)
	if err != nil {
		return nil, workspace.Usage("%s: %v", flag, err)
	}
	if len(sessions) == 0 {
		streams.Notice(flag + " names no session: nothing is to be ended")
	}
	return sessions, nil
}

// sessionsWhere are those of am_session for which a condition is true.
func sessionsWhere(ctx context.Context, w *workspace.Workspace, where string) (sessions []methods.Session, err error) {
	rows, err := w.DB.Query(ctx, "select session_handle, username, realm from am_session where (\n"+where+"\n)")
	if err != nil {
		return nil, whereError(err)
	}
	return readSessions(rows) //nolint:contextcheck // the rows have theirs
}

func readSessions(rows *engine.Rows) (sessions []methods.Session, err error) {
	cell := func(i int) string { text, _ := rows.Values()[i].(string); return text }
	for rows.Next() {
		sessions = append(sessions, methods.Session{Handle: cell(0), Username: cell(1), Realm: cell(2), Listed: true})
	}
	return sessions, cmp.Or(rows.Err(), rows.Close())
}

// whereError names the place in the condition, not in the statement around it.
func whereError(err error) error {
	var sql *engine.Error
	if errors.As(err, &sql) && sql.Line > 1 {
		sql.Line--
	}
	return fmt.Errorf("--where: %w", err)
}
