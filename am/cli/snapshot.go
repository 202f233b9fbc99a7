package cli

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/history"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// SnapshotOptions are those of amsql snapshot.
type SnapshotOptions struct {
	ConnectionOptions

	To          string
	KeyFile     string
	KeepHandles bool

	Shard string // one of several, as inventory.ParseShard reads it
	At    string // the time that its snapshot has, or a span to round now down to
}

func newSnapshot(streams terminal.Streams) *cobra.Command {
	var o SnapshotOptions
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Keep a scan, to ask about later",
		Long: "snapshot scans the sessions of all connections once and adds what it finds to a history:\n" +
			"sessions, how completely each realm was listed, realms, limits, users and the server. A\n" +
			"realm that is cut or fails is kept as such; the exit status is then 1. Handles are kept as\n" +
			"keyed fingerprints.\n\n" +
			"--shard shares one scan out among several runs, on several machines perhaps: each asks for\n" +
			"its part of the users, at its part of the rate. Together they are one snapshot, known by its\n" +
			"time, --at, which all of them are given.",
		Example: examples(
			"into the user's own history", "amsql snapshot",
			"into a file, every ten minutes by cron", "*/10 * * * * amsql snapshot --to /var/lib/amsql/history.db",
			"into PostgreSQL", "amsql snapshot --to postgres://amsql@db.example.com/audit",
			"into a Parquet dataset", "amsql snapshot --to parquet:/var/lib/amsql/history",
			"into one in a bucket, with the credentials of the environment", "amsql snapshot --to s3://audit/amsql",
			"the first of three shards, of the snapshot of this hour", "amsql snapshot --shard 0/3 --at 1h --to postgres://amsql@db.example.com/audit",
			"only of some connections", "amsql snapshot --connection east --connection west",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), streams) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.To, "to", "", "keep it in this `target`: a file of SQLite, postgres://USER@HOST/DATABASE, parquet:FOLDER, or s3://, gs:// or azblob://BUCKET/PREFIX (default history.db in the user's data folder)")
	flags.StringVar(&o.KeyFile, "key-file", "", "read the key of the fingerprints from a `file`, which is made where there is none (default fingerprint.key in the user's data folder)")
	flags.BoolVar(&o.KeepHandles, "keep-handles", false, "keep the handles, too, by which administrators can end the sessions")
	flags.StringVar(&o.Shard, "shard", "", "scan one `shard` of several: 0/3, 1/3 and 2/3 are all of three")
	flags.StringVar(&o.At, "at", "", "with --shard, the `time` of the snapshot: 2026-11-17T03:00:00Z, or a span such as 1h, which is now, rounded down to that in UTC")
	o.addFlags(flags)
	cmd.AddCommand(newPrune(streams))
	return cmd
}

func (o *SnapshotOptions) run(ctx context.Context, streams terminal.Streams) error {
	configs, err := o.configs()
	if err != nil {
		return err
	}
	if len(configs) == 0 {
		return workspace.ErrNoConnection
	}
	if err := o.complete(); err != nil {
		return err
	}
	if err := history.CheckTarget(o.To); err != nil {
		return workspace.Usage("--to: %v", err)
	}
	shard, clock, err := o.share(time.Now())
	if err != nil {
		return err
	}
	key, err := history.ReadKey(o.KeyFile)
	if err != nil {
		return workspace.Usage("--key-file: %v", err)
	}
	w, err := workspace.Open(ctx, configs, streams, workspace.Options{Version: version(), Quiet: o.Quiet, Shard: shard})
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	if err := distinctServers(w.Connections); err != nil {
		return err
	}
	store, err := history.Open(ctx, o.To)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	return cmp.Or(snapshots(ctx, w, store, history.Options{Key: key, KeepHandles: o.KeepHandles, Version: version(), Now: clock}), store.Close())
}

// complete fills in what lies in the user's data folder.
func (o *SnapshotOptions) complete() error {
	if o.To != "" && o.KeyFile != "" {
		return nil
	}
	folder, err := history.Folder()
	if err != nil {
		return workspace.Usage("%v, or give --to and --key-file", err)
	}
	o.To = cmp.Or(o.To, filepath.Join(folder, "history.db"))
	o.KeyFile = cmp.Or(o.KeyFile, filepath.Join(folder, "fingerprint.key"))
	return nil
}

// share reads which shard to scan, and the clock that all shards of its snapshot have.
func (o *SnapshotOptions) share(now time.Time) (shard inventory.Shard, clock func() time.Time, err error) {
	switch {
	case o.Shard == "" && o.At == "":
		return shard, nil, nil
	case o.Shard == "" || o.At == "":
		return shard, nil, workspace.Usage("--shard and --at go together: the shards of a snapshot are known by its time; see amsql snapshot --help")
	}
	if shard, err = inventory.ParseShard(o.Shard); err != nil {
		return shard, nil, workspace.Usage("--shard: %v", err)
	}
	at, err := time.Parse(time.RFC3339, o.At)
	if span, other := engine.ParseSpan(o.At); other == nil && span > 0 {
		at, err = now.Truncate(span), nil
	}
	if err != nil || at.After(now.Add(history.Tolerance)) {
		return shard, nil, workspace.Usage("--at: %q is neither a time, such as 2026-11-17T03:00:00Z, that is not to come, nor a span such as 1h", o.At)
	}
	return shard, func() time.Time { return at }, nil
}

// distinctServers refuses two connections to one server, whose snapshots could not be told apart.
func distinctServers(connections []*connection.Connection) error {
	of := map[string]string{}
	for _, c := range connections {
		if other := of[c.BaseURL()]; other != "" {
			return workspace.Usage("connections %s and %s have the same server %s, of which there is one snapshot at a time: choose one with --connection",
				other, c.Name(), c.BaseURL())
		}
		of[c.BaseURL()] = c.Name()
	}
	return nil
}

// snapshots takes one of each connection. Those that can be taken are, whatever becomes of the others.
func snapshots(ctx context.Context, w *workspace.Workspace, store history.Store, o history.Options) error {
	var failure error
	for _, c := range w.Connections {
		taken, err := history.Take(ctx, c, store, o)
		if err == nil {
			tellSnapshot(w, c, taken, store)
			err = lacks(taken)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && w.Several {
			err = fmt.Errorf("connection %s: %w", c.Name(), err)
		}
		if failure != nil && err != nil {
			err = fmt.Errorf("%w; %w", failure, err)
		}
		failure = cmp.Or(err, failure)
	}
	return failure
}

func tellSnapshot(w *workspace.Workspace, c *connection.Connection, t *history.Taken, store history.Store) {
	tell := w.Notices.Add
	if w.Several {
		tell = func(notice string) { w.Notices.Add(fmt.Sprintf("connection %s: %s", c.Name(), notice)) }
	}
	var realms []string
	count := 0
	for _, completeness := range []inventory.Completeness{inventory.Complete, inventory.ByUser, inventory.Truncated} {
		if n := t.Realms[completeness]; n > 0 {
			count += n
			realms = append(realms, fmt.Sprintf("%d %s", n, completeness))
		}
	}
	of := ""
	if t.Shard.Shards() > 1 {
		of = fmt.Sprintf("shard %s of %s: ", t.Shard, t.At.Format(time.RFC3339Nano))
	}
	tell(of + fmt.Sprintf("%s in %s (%s) kept in %s", english.Plural(int(t.Sessions), "session", ""),
		english.Plural(count, "realm", ""), cmp.Or(strings.Join(realms, ", "), "none listed"), store))
	for _, missing := range t.Missing {
		tell("the snapshot is without " + missing)
	}
	if !t.Ahead.IsZero() {
		tell(history.DescribeAhead(t.Server, t.Ahead))
	}
	if t.NewKey {
		tell("the fingerprints are of another key than those before, so that no session is known from earlier snapshots: " +
			"let all that write to one history have one key (--key-file)")
	}
}

// lacks is the error of a snapshot that has less than the server.
func lacks(t *history.Taken) error {
	if len(t.Lacking) == 0 {
		return nil
	}
	return fmt.Errorf("the snapshot is kept, and marked as not whole (am_snapshot, am_session_scan): %s; docs/index.md#completeness has the ways out",
		strings.Join(t.Lacking, "; "))
}
