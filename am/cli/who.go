package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// WhoOptions are the options of amsql who.
type WhoOptions struct {
	ConnectionOptions
	User      string // "" for everybody
	Output    string
	LocalTime bool
}

func newWho(streams terminal.Streams) *cobra.Command {
	var o WhoOptions
	cmd := &cobra.Command{
		Use:   "who [USER]",
		Short: "List who is logged in, or the sessions of one user",
		Long: "who lists the users who are logged in, by their login names: how many sessions they have, when they were\n" +
			"last active, and when their sessions end if they do nothing. With a USER, which is the name in sessions or the login name, it\n" +
			"lists the sessions of that user, with the address that they began from if AM's lists or the token store\n" +
			"include it (amsql doctor explains how to get it). A user who does not exist is an error. It queries every\n" +
			"connection.",
		Example: examples("", "amsql who", "one user", "amsql who bjensen", "for a script", "amsql who --output json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return misuse(cmd, "%s takes one user, not %d", cmd.CommandPath(), len(args))
			case len(args) == 1 && args[0] == "":
				return misuse(cmd, "the user is empty")
			case len(args) == 1:
				o.User = args[0]
			}
			if render.NewFormat(o.Output, render.Options{}) == nil {
				return mustBeOneOf(cmd, "output", o.Output, strings.Split(render.FormatNames(), "|"))
			}
			return o.run(cmd.Context(), streams)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Output, "output", "o", "table", "print the rows in this `format`: "+render.FormatNames())
	flags.BoolVar(&o.LocalTime, "local-time", false, "print times in this machine's time zone instead of UTC")
	o.addFlags(flags)
	return cmd
}

func (o *WhoOptions) run(ctx context.Context, streams terminal.Streams) error {
	configs, err := o.configs()
	if err != nil {
		return err
	}
	w, err := o.open(ctx, configs, streams)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	if len(w.Connections) == 0 {
		return workspace.Usage("no connection is configured: %s", workspace.HowToConnect)
	}
	schema, address := "", ""
	if len(w.Connections) > 1 {
		const everywhere = "everywhere"
		if err := w.AttachAll(everywhere); err != nil {
			return err
		}
		schema, address = everywhere+".", "base_url, "
	}
	p := workspace.Printing{
		SQL: fmt.Sprintf(everybody, address, schema), Output: o.Output, LocalTime: o.LocalTime,
		Format: render.Options{Header: true, Separator: ',', HideNull: true},
	}
	if o.User != "" {
		column, err := o.column(ctx, w)
		if err != nil {
			return err
		}
		p.SQL, p.Args = fmt.Sprintf(oneUser, address, schema, column), []engine.Arg{{Name: "who", Value: o.User}}
		p.Empty = func() error { return o.mustExist(ctx, w) }
	}
	return w.Print(ctx, p)
}

// column returns the column of am_session in which to look up the name. It is that of login names only if these differ
// from the names in sessions: otherwise both columns are equal, and an account that may not look up login names can
// still list sessions.
func (o *WhoOptions) column(ctx context.Context, w *workspace.Workspace) (string, error) {
	for _, c := range w.Connections {
		if logsIn, err := c.Inventory().LogsIn(ctx, nil, o.User); logsIn || err != nil {
			return "login_name", err
		}
	}
	return "username", nil
}

// mustExist returns an error if no connection knows the user, who has no listed sessions.
func (o *WhoOptions) mustExist(ctx context.Context, w *workspace.Workspace) error {
	var where []string
	for _, c := range w.Connections {
		if known, err := knows(ctx, c.Inventory(), o.User); err != nil {
			return fmt.Errorf("AM lists no sessions of %q, and amsql cannot find out whether the user exists: %w", o.User, err)
		} else if known {
			w.Notices.Add(fmt.Sprintf("AM lists no sessions of %q; client-side sessions are never listed", o.User))
			return nil
		}
		where = append(where, fmt.Sprintf("%s (%s)", c.Name(), c.BaseURL()))
	}
	return &methods.NotFoundError{What: fmt.Sprintf("user %q", o.User), Where: where, Reads: true}
}

// knows reports whether AM has an identity with this name, as in sessions or as a login name.
func knows(ctx context.Context, known *inventory.Inventory, name string) (bool, error) {
	for _, err := range known.Users(ctx, inventory.UserQuery{Names: []string{name}}) {
		return err == nil, err
	}
	return known.LogsIn(ctx, nil, name)
}

// The condition on is_expired is needed because AM may list a session for a minute after it has ended. Like the
// times, it is NULL if the session's end is unknown: OpenAM 13 does not store it. The login name is NULL for agents, and
// if it cannot be found out.
const (
	everybody = `select %[1]scoalesce(max(login_name), s.username) as username, realm, count(*) as sessions, max(latest_access_time) as last_active,
  max(coalesce(min(max_idle_expiration_time, max_session_expiration_time), max_idle_expiration_time, max_session_expiration_time)) as until
from %[2]sam_session s
where not coalesce(is_expired, false)
group by %[1]ss.username, realm
order by last_active desc, username, realm`
	oneUser = `select %[1]s%[3]s as username, realm, latest_access_time as last_active,
  coalesce(min(max_idle_expiration_time, max_session_expiration_time), max_idle_expiration_time, max_session_expiration_time) as until, client_ip
from %[2]sam_session
where not coalesce(is_expired, false) and %[3]s = :who
order by last_active desc`
)
