package cli

import (
	"cmp"
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

// WhoOptions are those of amsql who.
type WhoOptions struct {
	ConnectionOptions
	User      string // empty: everybody
	Output    string
	LocalTime bool
}

func newWho(streams terminal.Streams) *cobra.Command {
	var o WhoOptions
	cmd := &cobra.Command{
		Use:   "who [USER]",
		Short: "List who is logged in, or the sessions of one user",
		Long: "who lists the users who are logged in: how many sessions they have, when they were last active, and when\n" +
			"their sessions end if they do nothing. With a USER, which is the name in sessions or the login name, it\n" +
			"lists the sessions of that user. A user who does not exist is an error. It queries every connection.",
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
		Format: render.Options{Header: true, Separator: ','},
	}
	if o.User != "" {
		column, err := o.find(ctx, w, schema)
		if err != nil {
			return err
		}
		p.SQL, p.Args = fmt.Sprintf(oneUser, address, schema, column), o.args()
	}
	return w.Print(ctx, p)
}

func (o *WhoOptions) args() []engine.Arg { return []engine.Arg{{Name: "who", Value: o.User}} }

// find is the column of am_session that has the name. A user whom no connection knows is an error.
func (o *WhoOptions) find(ctx context.Context, w *workspace.Workspace, schema string) (column string, err error) {
	for _, column = range []string{"login_name", "username"} {
		rows, err := w.DB.Query(ctx, fmt.Sprintf("select 1 from %sam_session where not is_expired and %s = :who limit 1", schema, column), o.args()...)
		if err != nil {
			return "", err
		}
		found := rows.Next()                                                                      //nolint:contextcheck // the rows have theirs
		if err := cmp.Or(rows.Err(), rows.Close()); found || err != nil && column == "username" { //nolint:contextcheck // as above
			return column, err // an account that may not look up login names can still list sessions
		}
	}
	var where []string
	for _, c := range w.Connections {
		if known, err := knows(ctx, c.Inventory(), o.User); err != nil {
			return "", fmt.Errorf("AM lists no sessions of %q, and amsql cannot find out whether the user exists: %w", o.User, err)
		} else if known {
			w.Notices.Add(fmt.Sprintf("AM lists no sessions of %q; client-side sessions are never listed", o.User))
			return column, nil
		}
		where = append(where, fmt.Sprintf("%s (%s)", c.Name(), c.BaseURL()))
	}
	return "", &methods.NotFoundError{What: fmt.Sprintf("user %q", o.User), Where: where, Reads: true}
}

// knows reports whether AM has an identity that sessions call by the name, or that logs in with it.
func knows(ctx context.Context, known *inventory.Inventory, name string) (bool, error) {
	for _, err := range known.Users(ctx, inventory.UserQuery{Names: []string{name}}) {
		return err == nil, err
	}
	realms, err := known.RealmPaths(ctx)
	for _, realm := range realms {
		if users, err := known.UsersByLogin(ctx, realm, name); len(users) > 0 || err != nil {
			return err == nil, err
		}
	}
	return false, err
}

// AM may list a session for a minute after it has ended.
const (
	everybody = `select %[1]susername, realm, count(*) as sessions, max(latest_access_time) as last_active,
  max(min(max_idle_expiration_time, max_session_expiration_time)) as until
from %[2]sam_session
where not is_expired
group by %[1]susername, realm
order by last_active desc, username, realm`
	oneUser = `select %[1]s%[3]s as username, realm, latest_access_time as last_active,
  min(max_idle_expiration_time, max_session_expiration_time) as until, client_ip
from %[2]sam_session
where not is_expired and %[3]s = :who
order by last_active desc`
)
