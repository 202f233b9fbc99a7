package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// LogoutOptions are the options of amsql logout.
type LogoutOptions struct {
	ConnectionOptions
	workspace.TerminationOptions

	Handles   []string
	TokenFile string
	Username  string
	Realm     string
	Where     string
	From      string // a file, or - for standard input
	CSVOptions
	Output string

	AllConnections bool
	Proof          string // a file
}

func newLogout(streams terminal.Streams) *cobra.Command {
	var o LogoutOptions
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "End sessions, with proof",
		Long: "logout ends the sessions selected by one of --handle, --token-file, --username, --where and\n" +
			"--from. It shows a plan and asks for confirmation. Afterwards it asks the server again and\n" +
			"prints the outcome for each session: ended, already gone, not found, still listed, refused\n" +
			"or unknown. The exit status is 0 only if all sessions are gone.\n\n" +
			"Where sessions have UUIDs, as in Advanced Identity Cloud, use login_name rather than username\n" +
			"in --where: a login name for username is an error.\n\n" +
			"It acts on each connection that --connection names, on all of them with\n" +
			"--all-connections, and on every member of an aggregator.",
		Example: examples(
			"show which sessions would be ended", `amsql logout --where "latest_access_time < ago('1 hour')" --dry-run`,
			"a user on all connections", "amsql logout --username bjensen --all-connections --reason 'INC-4711'",
			"handles from a query", `steampipe query --output json "
      select session_handle from am_session where realm = '/alpha'" |
      amsql logout --from - --yes`,
			"everybody on a list", `amsql logout --csv leavers=leavers.csv --journal incident.jsonl \
      --where "username in (select username from leavers)"`,
		),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return misuse(cmd, "unexpected argument %q (did you mean --username %[1]s?)", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), cmd, streams)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.Handles, "handle", nil, "end the session of this `handle`; repeatable")
	flags.StringVar(&o.TokenFile, "token-file", "", "end the sessions of the tokens in a `file` (- for standard input): one per line, or the answer of authenticate")
	flags.StringVar(&o.Username, "username", "", "end all sessions of the user with this `name`")
	flags.StringVar(&o.Realm, "realm", "", "with --username, end only the sessions in this `realm`")
	flags.StringVar(&o.Where, "where", "", "end the sessions in am_session for which this `SQL` condition is true")
	flags.StringVar(&o.From, "from", "", "end the sessions whose handles are in a `file` (- for standard input): one per line, or CSV or JSON with session_handle")
	o.CSVOptions.addFlags(flags)
	flags.StringVarP(&o.Output, "output", "o", "table", "print the outcomes in this `format`: "+render.FormatNames())
	addEndingFlags(flags, &o.TerminationOptions)
	o.ConnectionOptions.addFlags(flags)
	flags.StringVar(&o.Proof, "proof", "", "write a document for the ticket to a `file.html` or file.json: which sessions there were before and after, on which servers, when, by whom and why")
	flags.BoolVar(&o.AllConnections, "all-connections", false, "act on all connections; required if there are several and --connection selects none")
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
	case named == 0 && o.Realm != "":
		return misuse(cmd, "--realm needs --username; for all sessions of a realm use --where \"realm = '%s'\"", o.Realm)
	case named == 0:
		return misuse(cmd, "select sessions with one of --handle, --token-file, --username, --where and --from")
	case named > 1:
		return misuse(cmd, "use only one of --handle, --token-file, --username, --where and --from")
	case o.AllConnections && len(o.Connections) > 0:
		return misuse(cmd, "use --all-connections or --connection, not both")
	case o.Realm != "" && o.Username == "":
		return misuse(cmd, "--realm needs --username")
	case render.NewFormat(o.Output, render.Options{}) == nil:
		return mustBeOneOf(cmd, "output", o.Output, strings.Split(render.FormatNames(), "|"))
	}
	return nil
}

func (o *LogoutOptions) run(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) error {
	read, err := o.read(ctx, streams)
	if err != nil {
		return err
	}
	configs, err := o.connections()
	if err != nil {
		return err
	}
	w, err := o.open(ctx, configs, streams)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	if err := w.AllowWrites(o.TerminationOptions); err != nil {
		return err
	}
	proof, err := createProof(o.Proof)
	if err != nil {
		return err
	}
	defer proof.discard()
	var all methods.Terminators
	for _, c := range w.Connections {
		all = append(all, w.Terminator(c.Name()))
	}
	proof.listen(all)
	outcomes, err := o.end(ctx, cmd, w, all, read)
	if err != nil && len(outcomes) == 0 {
		return w.Explain(err)
	}
	printErr := o.print(w, outcomes)
	for _, line := range methods.Summary(outcomes) {
		w.Progress.Clear()
		streams.Tell(line)
	}
	proofErr := proof.write(o.operation(len(read)), all, outcomes, err, streams)
	return cmp.Or(err, methods.Remaining(outcomes), proofErr, printErr)
}

// end ends the sessions on all connections of the workspace.
func (o *LogoutOptions) end(ctx context.Context, cmd *cobra.Command, w *workspace.Workspace, all methods.Terminators, read []methods.Session) ([]methods.Outcome, error) {
	switch {
	case o.Username != "":
		return all.EndUser(ctx, inventory.RealmPath(o.Realm), o.Username)
	case o.Where == "":
		return all.EndSessions(ctx, read)
	}
	found := map[string][]methods.Session{}
	some := false
	var missing []error
	for _, c := range w.Connections {
		sessions, err := o.sessionsWhere(ctx, cmd, w, c.Name())
		if err != nil {
			return nil, fmt.Errorf("%s%w", w.Terminator(c.Name()).Label, err)
		}
		found[c.Name()] = sessions
		some = some || len(sessions) > 0
		if err := w.RealmMissing(c.Name()); err != nil {
			missing = append(missing, err)
		}
	}
	if len(missing) == len(w.Connections) {
		return nil, errors.Join(missing...)
	}
	mentioned, err := mentionedIn(o.Where)
	if err != nil {
		return nil, err
	}
	if err := all.FindMentioned(ctx, mentioned, found); err != nil {
		return nil, err
	}
	if !some {
		w.Notices.Add("no session meets the condition: nothing to end")
	}
	return all.EndSessionsBy(ctx, found)
}

// print prints the outcomes. At a terminal, it omits the handles and, if there is only one connection, its name and URL, which
// the summary contains.
func (o *LogoutOptions) print(w *workspace.Workspace, outcomes []methods.Outcome) error {
	columns, rows := methods.OutcomeColumns, methods.OutcomeRows(outcomes)
	if o.Output == "table" && w.Streams.OutIsTerminal {
		columns, rows = methods.ShownColumns, methods.ShownRows(outcomes)
		for _, row := range rows {
			if len(w.Connections) == 1 {
				row[len(row)-2], row[len(row)-1] = nil, nil // connection and base_url
			}
		}
	}
	options := render.ScreenOptions(w.Streams)
	options.HideNull = true
	err := render.PrintCells(render.NewOutput(w.Streams, w.Progress), columns, rows, o.Output, options)
	if plan := methods.PlanOf(outcomes); w.Streams.OutIsTerminal && len(w.Connections) == 1 && len(plan.Sessions) > 0 {
		w.Streams.Tell(plan.String() + " would be ended")
	}
	return err
}

// operation describes what was requested, without handles and tokens.
func (o *LogoutOptions) operation(read int) string {
	switch {
	case o.Username != "" && o.Realm != "":
		return fmt.Sprintf("End all sessions of %q in realm %s", o.Username, o.Realm)
	case o.Username != "":
		return fmt.Sprintf("End all sessions of %q in every realm", o.Username)
	case o.Where != "":
		return "End the sessions for which this is true: " + o.Where
	case o.TokenFile != "":
		return fmt.Sprintf("End the sessions of %s", english.Plural(read, "token", ""))
	}
	return fmt.Sprintf("End the sessions of %s", english.Plural(read, "handle", ""))
}

// connections returns the connections to act on, with the members of aggregators instead of these. If there are
// several, the user must have selected them: a user whose sessions end on one of them remains logged in on the others.
func (o *LogoutOptions) connections() ([]connection.NamedConfig, error) {
	configs, err := o.configs()
	if err != nil {
		return nil, err
	}
	var chosen []connection.NamedConfig
	var names []string
	for _, c := range configs {
		members := c.Members
		if members == nil {
			members = []connection.NamedConfig{c}
		}
		for _, member := range members {
			if !slices.Contains(names, member.Name) {
				chosen, names = append(chosen, member), append(names, member.Name)
			}
		}
	}
	switch {
	case len(chosen) == 0:
		return nil, workspace.ErrNoConnection
	case len(chosen) > 1 && len(o.Connections) == 0 && !o.AllConnections:
		return nil, workspace.Usage("there are several connections (%s): choose with --connection (repeatable), or use --all-connections", strings.Join(names, ", "))
	}
	return chosen, nil
}

// read reads the sessions that are given by handle or token, before anything is sent.
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

// parseFile reads the file of a flag, or standard input for -.
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
		streams.Notice(flag + " contains no sessions: nothing to end")
	}
	return sessions, nil
}

// sessionsWhere returns the sessions of one connection for which a condition is true. All tables in the condition are
// those of that connection.
func (o *LogoutOptions) sessionsWhere(ctx context.Context, cmd *cobra.Command, w *workspace.Workspace, name string) ([]methods.Session, error) {
	alone, err := w.Alone(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = alone.DB.Close() }() // it only reads
	if err := o.load(ctx, cmd, alone); err != nil {
		return nil, err
	}
	alone.DB.Changing()
	rows, err := alone.DB.Query(ctx, "select session_handle, username, realm, latest_access_time, max_idle_expiration_time, max_session_expiration_time, identity_type from am_session where (\n"+o.Where+"\n)")
	if err != nil {
		return nil, whereError(err)
	}
	return readSessions(rows) //nolint:contextcheck // the rows have theirs
}

func readSessions(rows *engine.Rows) (sessions []methods.Session, err error) {
	cell := func(i int) string { text, _ := rows.Values()[i].(string); return text }
	moment := func(i int) time.Time { t, _ := rows.Values()[i].(time.Time); return t }
	for rows.Next() {
		sessions = append(sessions, methods.Session{
			Handle: cell(0), Username: cell(1), Realm: cell(2), Listed: true, LatestAccess: moment(3), Ends: methods.EndUnused(moment(4), moment(5)), IdentityType: cell(6),
		})
	}
	return sessions, cmp.Or(rows.Err(), rows.Close())
}

// mentionedIn returns what must exist for a condition to make sense.
func mentionedIn(condition string) (all []methods.Mentioned, err error) {
	alternatives, err := engine.Named(condition)
	if err != nil {
		return nil, fmt.Errorf("--where: %w", err)
	}
	for _, columns := range alternatives {
		all = append(all, methods.Mentioned{
			Realms: columns["realm"], Users: columns["username"], Logins: columns["login_name"], Handles: columns["session_handle"],
		})
	}
	return all, nil
}

// whereError shows the place in the condition rather than in the statement around it.
func whereError(err error) error {
	var sql *engine.Error
	if errors.As(err, &sql) && sql.Line > 1 {
		sql.Line--
	}
	return fmt.Errorf("--where: %w", err)
}
