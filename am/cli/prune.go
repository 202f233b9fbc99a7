package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/history"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// PruneOptions are the options of amsql snapshot prune.
type PruneOptions struct {
	To      string
	KeepAll age
	Hourly  age
	Daily   age
	DryRun  bool
}

// An age is a duration with its original text.
type age struct {
	span time.Duration
	text string
}

func (a *age) String() string { return cmp.Or(a.text, "0s") }
func (a *age) Type() string   { return "duration" }

func (a *age) Set(text string) (err error) {
	a.text = text
	a.span, err = engine.ParseSpan(text)
	return err
}

func newPrune(streams terminal.Streams) *cobra.Command {
	var o PruneOptions
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove old snapshots from a history",
		Long: "prune removes snapshots. For each server it keeps all that are younger than --keep-all, the\n" +
			"first of each hour up to --hourly, the first of each day up to --daily, and the latest one\n" +
			"(if that lacks shards, also the latest complete one). It removes the others all at once (from\n" +
			"a Parquet dataset one by one). It keeps and reports snapshots that are ahead of this machine's\n" +
			"clock. Hours and days are in UTC.",
		Example: examples(
			"show what would be removed", "amsql snapshot prune --keep-all 7d --hourly 30d --daily 2y --dry-run",
			"every night with cron", "30 3 * * * amsql snapshot prune --to /var/lib/amsql/history.db --daily 2y",
			"keep only the last 90 days", "amsql snapshot prune --to postgres://amsql@db.example.com/audit --keep-all 90d",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), streams) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.To, "to", "", "prune the history at this `target` of amsql snapshot --to (default history.db in the user's data directory)")
	for _, f := range []struct {
		age         *age
		name, usage string
	}{
		{&o.KeepAll, "keep-all", "keep all snapshots up to this `age`: 12h, 7d, 8w or 2y"},
		{&o.Hourly, "hourly", "keep the first of each hour up to this `age`"},
		{&o.Daily, "daily", "keep the first of each day up to this `age`"},
	} {
		flags.Var(f.age, f.name, f.usage)
		flags.Lookup(f.name).DefValue = ""
	}
	flags.BoolVar(&o.DryRun, "dry-run", false, "only show what would be removed")
	return cmd
}

func (o *PruneOptions) run(ctx context.Context, streams terminal.Streams) error {
	retention, err := o.retention()
	if err != nil {
		return err
	}
	if o.To == "" {
		folder, err := history.Folder()
		if err != nil {
			return workspace.Usage("%v, or give --to", err)
		}
		o.To = filepath.Join(folder, "history.db")
	}
	if err := history.CheckTarget(o.To); err != nil {
		return workspace.Usage("--to: %v", err)
	}
	path := history.LocalPath(o.To)
	if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
		return workspace.Usage("--to: %v; amsql snapshot creates one", err)
	}
	store, err := history.Open(ctx, o.To)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	pruned, err := history.Prune(ctx, store, retention, time.Now(), o.DryRun)
	for _, p := range pruned {
		streams.Notice(o.describe(p))
		if !p.Ahead.IsZero() {
			streams.Notice(history.DescribeAhead(p.Server, p.Ahead))
		}
	}
	if len(pruned) == 0 && err == nil {
		streams.Notice(fmt.Sprintf("there is no snapshot in %s", store))
	}
	return cmp.Or(err, store.Close())
}

// retention refuses a retention that keeps nothing, or in which a coarser step ends before a finer one.
func (o *PruneOptions) retention() (history.Retention, error) {
	r := history.Retention{All: o.KeepAll.span, Hourly: o.Hourly.span, Daily: o.Daily.span}
	switch {
	case r == history.Retention{}:
		return r, workspace.Usage("use --keep-all, --hourly or --daily: without them, all but the latest snapshot would be removed; see amsql snapshot prune --help")
	case r.Hourly != 0 && r.Hourly < r.All, r.Daily != 0 && r.Daily < max(r.All, r.Hourly):
		return r, workspace.Usage("--keep-all %s, --hourly %s and --daily %s: each must be longer than the previous one, or omitted", &o.KeepAll, &o.Hourly, &o.Daily)
	}
	return r, nil
}

func (o *PruneOptions) describe(p history.Pruned) string {
	of := fmt.Sprintf("%s: %s of %s", p.Server, humanize.Comma(int64(p.Removed)), english.Plural(p.Kept+p.Removed, "snapshot", ""))
	done := map[bool]string{false: "removed", true: "would be removed"}[o.DryRun]
	if p.Removed == 0 {
		return of + " " + done
	}
	return fmt.Sprintf("%s %s, taken from %s to %s", of, done, p.First.UTC().Format(time.DateTime), p.Last.UTC().Format(time.DateTime))
}
