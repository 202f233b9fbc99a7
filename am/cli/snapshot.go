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

// SnapshotOptions are the options of amsql snapshot.
type SnapshotOptions struct {
	ConnectionOptions

	To          string
	KeyFile     string
	KeepHandles bool

	Shard string // one of several shards, in the form of inventory.ParseShard
	At    string // the time of the shard's snapshot, or a duration to which the current time is rounded down
}

func newSnapshot(streams terminal.Streams) *cobra.Command {
	var o SnapshotOptions
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Save the current sessions to a history",
		Long: "snapshot scans the sessions of all connections once and adds the result to a history:\n" +
			"sessions, the completeness of each realm's list, realms, limits, users and the server. If\n" +
			"the list of a realm is truncated or fails, the snapshot records that, and the exit status is\n" +
			"1. Instead of handles, it stores keyed fingerprints.\n\n" +
			"--shard splits one scan between several runs, even on several machines: each run looks up\n" +
			"its part of the users, at its part of the rate. All runs get the same time with --at, which\n" +
			"makes them one snapshot.",
		Example: examples(
			"to the default history", "amsql snapshot",
			"to a file, every ten minutes with cron", "*/10 * * * * amsql snapshot --to /var/lib/amsql/history.db",
			"to PostgreSQL", "amsql snapshot --to postgres://amsql@db.example.com/audit",
			"to a Parquet dataset", "amsql snapshot --to parquet:/var/lib/amsql/history",
			"to a bucket, with credentials from the environment", "amsql snapshot --to s3://audit/amsql",
			"the first of three shards of this hour's snapshot", "amsql snapshot --shard 0/3 --at 1h --to postgres://amsql@db.example.com/audit",
			"only some connections", "amsql snapshot --connection east --connection west",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), streams) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.To, "to", "", "save it to this `target`: an SQLite file, postgres://USER@HOST/DATABASE, parquet:FOLDER, or s3://, gs:// or azblob://BUCKET/PREFIX (default history.db in the user's data directory)")
	flags.StringVar(&o.KeyFile, "key-file", "", "read the key of the fingerprints from this `file`, and create it if it does not exist (default fingerprint.key in the user's data directory)")
	flags.BoolVar(&o.KeepHandles, "keep-handles", false, "also store the handles, with which administrators can end the sessions")
	flags.StringVar(&o.Shard, "shard", "", "scan one `shard` of several: of three shards 0/3, 1/3 or 2/3")
	flags.StringVar(&o.At, "at", "", "with --shard, the `time` of the snapshot: 2026-11-17T03:00:00Z, or an interval such as 1h, which means the current time in UTC rounded down to it")
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

// complete sets the defaults, which are in the user's data folder.
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

// share parses the shard, and returns a clock that is the same for all shards of the snapshot.
func (o *SnapshotOptions) share(now time.Time) (shard inventory.Shard, clock func() time.Time, err error) {
	switch {
	case o.Shard == "" && o.At == "":
		return shard, nil, nil
	case o.Shard == "" || o.At == "":
		return shard, nil, workspace.Usage("--shard and --at need each other: the time identifies the shards of a snapshot; see amsql snapshot --help")
	}
	if shard, err = inventory.ParseShard(o.Shard); err != nil {
		return shard, nil, workspace.Usage("--shard: %v", err)
	}
	at, err := time.Parse(time.RFC3339, o.At)
	if span, other := engine.ParseSpan(o.At); other == nil && span > 0 {
		at, err = now.Truncate(span), nil
	}
	if err != nil || at.After(now.Add(history.Tolerance)) {
		return shard, nil, workspace.Usage("invalid --at %q: must be a time that is not in the future, such as 2026-11-17T03:00:00Z, or an interval such as 1h", o.At)
	}
	return shard, func() time.Time { return at }, nil
}

// distinctServers refuses two connections to one server, because their snapshots would be indistinguishable.
func distinctServers(connections []*connection.Connection) error {
	of := map[string]string{}
	for _, c := range connections {
		if other := of[c.BaseURL()]; other != "" {
			return workspace.Usage("connections %s and %s have the same server %s, which can have only one snapshot at a time: choose one with --connection",
				other, c.Name(), c.BaseURL())
		}
		of[c.BaseURL()] = c.Name()
	}
	return nil
}

// snapshots takes a snapshot of each connection. If one fails, the others are still taken.
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

func tellSnapshot(w *workspace.Workspace, c *connection.Connection, t *history.Summary, store history.Store) {
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
	tell(of + fmt.Sprintf("%s in %s (%s) saved to %s", english.Plural(int(t.Sessions), "session", ""),
		english.Plural(count, "realm", ""), cmp.Or(strings.Join(realms, ", "), "none listed"), store))
	for _, missing := range t.Missing {
		tell("the snapshot lacks " + missing)
	}
	if !t.Ahead.IsZero() {
		tell(history.DescribeAhead(t.Server, t.Ahead))
	}
	if t.NewKey {
		tell("the fingerprints were made with another key than before, so sessions cannot be matched with earlier snapshots: " +
			"use the same key for all programs that write to a history (--key-file)")
	}
}

// lacks returns the error for a snapshot that is not complete.
func lacks(t *history.Summary) error {
	if len(t.Lacking) == 0 {
		return nil
	}
	return fmt.Errorf("the snapshot is saved and marked as incomplete (am_snapshot, am_session_scan): %s; see docs/index.md#completeness",
		strings.Join(t.Lacking, "; "))
}
