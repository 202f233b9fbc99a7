//go:build unix

package cli

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// TestEveryHistoryGivesTheSameAnswers stores the same two snapshots in each kind of target, and sends the same queries
// to each. The time of a snapshot can only be chosen for a shard, so each has a single shard.
func TestEveryHistoryGivesTheSameAnswers(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir()) // for the key of the fingerprints
	startS3(t)
	server := connect(t, simulator.Options{Realms: 2, Users: 30, Sessions: 90, Seed: 1})
	must(t, server.AddUser("/alpha", "leaver", "secret"))
	_, err := server.Login("/alpha", "leaver")
	must(t, err)
	targets := []string{filepath.Join(t.TempDir(), "history.db"), "parquet:" + t.TempDir(), "s3://audit/team/history", postgrestest.Start(t)}

	now := time.Now().UTC().Truncate(time.Second)
	snapshots := func(at time.Time) {
		for _, target := range targets {
			succeed(t, "snapshot", "--to", target, "--shard", "0/1", "--at", at.Format(time.RFC3339))
		}
	}
	snapshots(now.Add(-time.Second))
	succeed(t, "logout", "--username", "leaver", "--yes")
	snapshots(now)

	// Besides the leaver's, there are the administrator's session and amsql's own, which differs between targets.
	const changes = "select change, count(*) from am_session_change group by 1 order by 1"
	if got, want := succeed(t, "query", "--history", targets[0], changes, "-o", "csv", "--header=false"), "appeared,94\nvanished,2\n"; got != want {
		t.Errorf("SQLite has the changes %q, want %q", got, want)
	}
	for _, sql := range []string{
		changes,
		"select * from am_session_change where username <> 'amadmin' order by 1, 2, 3, 4, 5",
		"select * from am_session_history where username <> 'amadmin' order by 1, 2, 3, 4",
		"select * from am_concurrency order by 1, 2, 3",
		"select * from am_session_at('" + now.Add(-time.Second).Format(time.DateTime) + "') where username <> 'amadmin' order by 1, 2, 3, 4",
	} {
		want := succeed(t, "query", "--history", targets[0], sql, "-o", "json")
		for _, target := range targets[1:] {
			if diff := cmp.Diff(want, succeed(t, "query", "--history", target, sql, "-o", "json")); diff != "" {
				t.Errorf("%s: %s answers otherwise than SQLite:\n%s", sql, target, diff)
			}
		}
	}
	want := reported(t, targets[0])
	for _, target := range targets[1:] {
		if diff := cmp.Diff(want, reported(t, target)); diff != "" {
			t.Errorf("reports over %s are others than over SQLite:\n%s", target, diff)
		}
	}
}

// reported returns the rows of all reports on a history that do not depend on its time. It omits the administrator's
// own sessions, and reports that use the server's clock, which each snapshot measures to the second.
func reported(t *testing.T, target string) map[string][]map[string]any {
	t.Helper()
	var run struct {
		Findings int
		Reports  []struct {
			Name, SQL string
			Rows      []map[string]any
		}
	}
	must(t, json.Unmarshal([]byte(succeed(t, "report", "run", "--all", "--history", target, "--format", "json")), &run))
	if run.Findings == 0 {
		t.Errorf("the reports over %s find nothing", target)
	}
	rows := map[string][]map[string]any{}
	for _, r := range run.Reports {
		if !strings.Contains(r.SQL, "clock_skew_seconds") {
			rows[r.Name] = slices.DeleteFunc(r.Rows, func(row map[string]any) bool { return row["username"] == "amadmin" })
		}
	}
	return rows
}

// succeed returns the output of a command, which must succeed.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	out, err, status := invoke(t, terminal.Streams{}, args...)
	if status != statusFine {
		t.Fatalf("amsql %s: status %d, %s", strings.Join(args, " "), status, err)
	}
	return out
}
