package history

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// inShard opens the connection for a shard.
func inShard(t testing.TB, c *connection.Connection, shard inventory.Shard) *connection.Connection {
	t.Helper()
	url, token := c.BaseURL(), tokenOf(c)
	again, err := connection.Open(c.Name(), connection.Config{BaseURL: &url, SSOToken: &token}, connection.Host{Shard: shard})
	must(t, err)
	return again
}

// threeShardsAreOneSnapshot uses a server whose lists are truncated.
func threeShardsAreOneSnapshot(t *testing.T, k kept) {
	server, c := simulated(t, simulator.Options{Realms: 2, Users: 450, Sessions: 300, ListCap: 20, Seed: 1}, connection.Config{})
	server.LogRequests(false)
	at, o := noon, Options{Key: newKey(t)}
	o.Now = func() time.Time { return at }
	all := []string{"am_session", "am_realm", "am_session_service", "am_user", "am_server"}
	latest := func() (rows []string) {
		for _, view := range all {
			var columns []string
			for _, table := range am.Tables(c) {
				if table.Name() == view {
					columns = columnNames(table)
				}
			}
			columns = slices.DeleteFunc(columns, func(c string) bool { return c == "clock_skew_seconds" })
			for _, row := range k.ask(t, "select "+strings.Join(columns, ", ")+" from "+view) {
				rows = append(rows, view+": "+row)
			}
		}
		fingerprints := k.ask(t, "select session from am_session")
		scans := k.ask(t, "select realm, sessions, list_cap, list_cap_known, completeness, identities, identities_cut, reason, error from am_session_scan")
		rows = slices.Concat(rows, fingerprints, scans)
		slices.Sort(rows)
		return rows
	}
	snapshots := func() []string {
		return k.ask(t, "select taken_at, sessions, realms, realms_cut, missing, shards, shards_kept from am_snapshot order by taken_at")
	}
	one := inShard(t, c, inventory.Shard{})
	whole, err := Take(t.Context(), one, k, o)
	must(t, err)
	want := latest()
	at = noon.Add(time.Hour)
	sessions, requests := int64(0), int64(0)
	for i := range 3 {
		if got := latest(); !slices.Equal(got, want) {
			t.Errorf("with %d shards of three, the latest snapshot is another", i)
		}
		shard := inShard(t, c, inventory.Shard{Index: i, Count: 3})
		taken, err := Take(t.Context(), shard, k, o)
		must(t, err)
		sessions, requests = sessions+taken.Sessions, requests+shard.Requests()
		if got, want := snapshots()[1], fmt.Sprintf("%s | %d | 3 | %d | NULL | 3 | %d", timestamp(at), sessions, map[bool]int{true: 3}[i < 2], i+1); got != want {
			t.Errorf("with shard %d: %s, want %s", i, got, want)
		}
	}
	t.Logf("%d requests in three shards, %d in one scan: %+.1f %%", requests, one.Requests(), 100*(float64(requests)/float64(one.Requests())-1))
	if float64(requests) > 1.05*float64(one.Requests()) || sessions != whole.Sessions {
		t.Errorf("%d sessions by %d requests in three shards, %d by %d in one scan", sessions, requests, whole.Sessions, one.Requests())
	}
	if got := latest(); !slices.Equal(got, want) || len(want) < 1500 {
		t.Errorf("three shards have %d rows, one scan has %d", len(got), len(want))
	}
	if got := k.ask(t, "select count(*), count(gone_by), min(snapshots) from am_session_history"); got[0] != fmt.Sprintf("%d | 0 | 2", sessions) {
		t.Errorf("the history: %q", got)
	}
	aShardIsKeptOnce(t, k, c, o, snapshots)
}

func aShardIsKeptOnce(t *testing.T, k kept, c *connection.Connection, o Options, snapshots func() []string) {
	t.Helper()
	before := snapshots()
	again := inventory.Shard{Index: 1, Count: 3}
	for shard, want := range map[inventory.Shard]string{
		again:                "shard 1/3 of the snapshot of 2026-11-22T13:00:00.123Z already exists and was not changed",
		{Index: 3, Count: 4}: "the snapshot of 2026-11-22T13:00:00.123Z is stored in 3 shards, so shard 3/4 does not fit: use the same number of shards for a snapshot, or another time",
		{}:                   "the snapshot of 2026-11-22T13:00:00.123Z is stored in 3 shards, so shard 0/1 does not fit: use the same number of shards for a snapshot, or another time",
	} {
		if _, err := Take(t.Context(), inShard(t, c, shard), k, o); err == nil || err.Error() != k.String()+": "+want {
			t.Errorf("shard %s: %v", shard, err)
		}
	}
	at := noon.Add(2 * time.Hour)
	o.Now = func() time.Time { return at }
	slow := overtaken{k, func() {
		_, err := Take(t.Context(), inShard(t, c, again), k.reopen(t), o)
		must(t, err)
	}}
	if _, err := Take(t.Context(), inShard(t, c, again), slow, o); err == nil || !strings.HasSuffix(err.Error(), "shard 1/3 of the snapshot of 2026-11-22T14:00:00.123Z already exists and was not changed") {
		t.Errorf("a shard that another process has kept meanwhile: %v", err)
	}
	if got := snapshots(); len(got) != 3 || !slices.Equal(got[:2], before) || !strings.HasSuffix(got[2], " | 3 | 1") {
		t.Errorf("there are snapshots %q, and before %q", got, before)
	}
}

// overtaken is a store in which another process is faster.
type overtaken struct {
	kept
	first func()
}

func (s overtaken) begin(ctx context.Context, server string, at time.Time, shard inventory.Shard) (draft, error) {
	s.first()
	return s.Store.begin(ctx, server, at, shard)
}
