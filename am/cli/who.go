package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/engine"
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
		Long: "who lists the users who are logged in, with how many sessions they have, when they were last active and\n" +
			"until when they stay logged in if they do nothing. With a user, it lists that user's sessions. It asks\n" +
			"every connection.",
		Example: examples("", "amsql who", "one user", "amsql who bjensen", "for a script", "amsql who --output json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return misuse(cmd, "%s takes one user, but there are %d", cmd.CommandPath(), len(args))
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
		return workspace.Usage("there is no connection: %s", workspace.HowToConnect)
	}
	from, address := "am_session", ""
	if len(w.Connections) > 1 {
		const everywhere = "everywhere"
		if err := w.AttachAll(everywhere); err != nil {
			return err
		}
		from, address = everywhere+"."+from, "base_url, "
	}
	p := workspace.Printing{
		SQL: fmt.Sprintf(everybody, address, from), Output: o.Output, LocalTime: o.LocalTime,
		Format: render.Options{Header: true, Separator: ','},
	}
	if o.User != "" {
		p.SQL, p.Args = fmt.Sprintf(oneUser, address, from), []engine.Arg{{Name: "who", Value: o.User}}
	}
	return w.Print(ctx, p)
}

// AM may list a session for a minute after it has ended.
const (
	everybody = `select %[1]susername, realm, count(*) as sessions, max(latest_access_time) as last_active,
  max(min(max_idle_expiration_time, max_session_expiration_time)) as until
from %[2]s
where not is_expired
group by %[1]susername, realm
order by last_active desc, username, realm`
	oneUser = `select %[1]susername, realm, latest_access_time as last_active,
  min(max_idle_expiration_time, max_session_expiration_time) as until, client_ip
from %[2]s
where not is_expired and username = :who
order by last_active desc`
)
