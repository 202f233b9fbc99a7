package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/watch"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// WatchOptions are the options of amsql watch.
type WatchOptions struct {
	ConnectionOptions

	SQL      string
	Interval string // a duration
}

func newWatch(streams terminal.Streams) *cobra.Command {
	var o WatchOptions
	cmd := &cobra.Command{
		Use:   "watch [SQL]",
		Short: "Show sessions as they begin and end",
		Long: "watch lists the sessions of all connections repeatedly, with one session of its own, and shows which\n" +
			"sessions began, changed and ended. On a terminal it redraws the screen; otherwise it writes one JSON\n" +
			"object per line: login, logout, expired, changed. The SQL selects the sessions and columns; it must\n" +
			"return session_handle. A session that is missing from an incomplete list is never reported as ended.\n" +
			"Ctrl-C stops it.",
		Example: examples(
			"all sessions", "amsql watch",
			"logins to a realm, for other programs", `amsql watch "select * from am_session where realm = '/alpha'" |
      jq 'select(.event == "login")'`,
			"every minute", "amsql watch --interval 1m",
		),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return misuse(cmd, "the SQL must be one argument, not %d: put it in quotes", len(args))
			}
			if o.SQL = strings.Join(args, ""); len(args) == 1 && strings.TrimSpace(o.SQL) == "" {
				return misuse(cmd, "the SQL is empty")
			}
			return o.run(cmd.Context(), cmd, streams)
		},
	}
	cmd.Flags().StringVar(&o.Interval, "interval", watch.DefaultInterval.String(), "list the sessions again after this `time`, or later if that takes long or fails: 30s, 5 minutes")
	o.addFlags(cmd.Flags())
	return cmd
}

// interval parses the duration between two looks or scans.
func interval(cmd *cobra.Command, text string) (time.Duration, error) {
	every, err := engine.ParseSpan(text)
	if err != nil || every < watch.LeastInterval {
		return 0, misuse(cmd, "--interval %q must be at least a second, such as 30s or '5 minutes'", text)
	}
	return every, nil
}

func (o *WatchOptions) run(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) error {
	every, err := interval(cmd, o.Interval)
	if err != nil {
		return err
	}
	w, err := o.openDistinct(ctx, streams)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	err = w.Watch(ctx, w.Connections, o.SQL, every)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // the usual end of a watch
	}
	return err
}

// openDistinct opens the connections, which must have different servers.
func (o *ConnectionOptions) openDistinct(ctx context.Context, streams terminal.Streams) (*workspace.Workspace, error) {
	configs, err := o.configs()
	if err != nil {
		return nil, err
	}
	if len(configs) == 0 {
		return nil, workspace.ErrNoConnection
	}
	w, err := o.open(ctx, configs, streams)
	if err != nil {
		return nil, err
	}
	if err := distinctServers(w.Connections); err != nil {
		w.Close(ctx)
		return nil, err
	}
	return w, nil
}
