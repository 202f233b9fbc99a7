package history

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// keptOf is the plain model of a retention: what is kept of one server's snapshots, given in the order of their times.
func keptOf(all []modelSnapshot, r Retention, now time.Time) (kept []modelSnapshot) {
	hours, days := map[string]bool{}, map[string]bool{}
	for i, s := range all {
		hour, day, age := s.at.Format("2006-01-02 15"), s.at.Format(time.DateOnly), now.Sub(s.at)
		if i == len(all)-1 || age < r.All || age < r.Hourly && !hours[hour] || age < r.Daily && !days[day] {
			kept = append(kept, s)
		}
		hours[hour], days[day] = true, true
	}
	return kept
}

// Random series of snapshots and retentions: the answers are those of the snapshots that are kept, and a second run, or
// the same retention later, finds what the model does.
func whatIsPrunedIsAsIfItHadNeverBeenTaken(t *testing.T, k kept) {
	series := 0
	rapid.Check(t, func(rt *rapid.T) {
		series++
		servers := map[string][]modelSnapshot{}
		for _, name := range []string{"p", "q"} {
			server := fmt.Sprintf("%s%d", name, series)
			all := drawSnapshots(rt, name)
			for i := range all { // over some days
				all[i].at = all[i].at.Add(time.Duration(i/2) * 11 * time.Hour)
				must(t, keep(t.Context(), k, server, all[i]))
			}
			servers[server] = all
		}
		hours := func(what string, least int) int { return rapid.IntRange(least, 80).Draw(rt, what) }
		all := hours("all", 0)
		hourly := hours("hourly", all)
		daily := hours("daily", hourly)
		r := Retention{time.Duration(all) * time.Hour, time.Duration(hourly) * time.Hour, time.Duration(daily) * time.Hour}
		now := modelStart
		for range 2 {
			now = now.Add(time.Duration(hours("later", 1)) * time.Hour)
			said, err := Prune(t.Context(), k, r, now, true)
			must(t, err)
			for server, snapshots := range servers {
				k.agrees(t, rt, server, snapshots) // still
			}
			done, err := Prune(t.Context(), k, r, now, false)
			must(t, err)
			if !slices.Equal(said, done) {
				rt.Fatalf("the dry run said %+v, and done was %+v", said, done)
			}
			for server, snapshots := range servers {
				servers[server] = keptOf(snapshots, r, now)
				i := slices.IndexFunc(done, func(p Pruned) bool { return p.Server == server })
				if i >= 0 && (done[i].Kept != len(servers[server]) || done[i].Removed != len(snapshots)-len(servers[server])) {
					rt.Fatalf("%+v of %+v", done[i], snapshots)
				}
				k.agrees(t, rt, server, servers[server])
			}
		}
	})
}

func TestPruningGivesSpaceBack(t *testing.T) {
	k := newSQLite(t)
	for i := range 10 {
		must(t, writeMade(t.Context(), k, "server", noon.Add(time.Duration(i)*time.Minute), rowsPerSnapshot))
	}
	size := func() int64 {
		info, err := os.Stat(k.target)
		must(t, err)
		return info.Size()
	}
	before := size()
	_, err := Prune(t.Context(), k, Retention{Daily: 24 * time.Hour}, noon.Add(time.Hour), false)
	must(t, err)
	if n, after := wholeOrAbsent(t, k), size(); n != 2 || after > before/3 {
		t.Errorf("%d snapshots are left, in %d bytes of %d", n, after, before)
	}
	must(t, writeMade(t.Context(), k.reopen(t), "server", noon.Add(time.Hour), rowsPerSnapshot))
}

// pruningDropsPartitions of days that nothing is left of, if nobody can still write to them, and waits for nobody long.
func pruningDropsPartitions(t *testing.T, k kept) {
	for i := range 4 {
		must(t, writeMade(t.Context(), k, "server", noon.AddDate(0, 0, i), rowsPerSnapshot))
		must(t, writeMade(t.Context(), k, "server", noon.AddDate(0, 0, i).Add(time.Minute), rowsPerSnapshot))
	}
	busy := connectPostgres(t, k.target)
	tx, err := busy.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), "select count(*) from amsql.session")
	must(t, err)
	_, err = Prune(t.Context(), k, Retention{}, noon.AddDate(0, 0, 3), false)
	if err == nil || !strings.HasSuffix(err.Error(), "nothing is removed, try again when it has ended") {
		t.Errorf("with a query under way: %v", err)
	}
	if n := wholeOrAbsent(t, k); n != 8 {
		t.Errorf("then %d snapshots are left of 8", n)
	}
	must(t, tx.Rollback(t.Context()))
	_, err = Prune(t.Context(), k, Retention{}, noon.AddDate(0, 0, 3), false)
	must(t, err)
	if n := wholeOrAbsent(t, k); n != 1 {
		t.Errorf("%d snapshots are left", n)
	}
	got := k.ask(t, "select inhrelid::regclass::text from pg_inherits where inhparent = 'session'::regclass order by 1")
	if want := []string{"session_20261124", "session_20261125"}; !slices.Equal(got, want) {
		t.Errorf("partitions %q, want %q", got, want)
	}
}
