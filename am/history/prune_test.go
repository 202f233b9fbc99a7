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

// keptOf is the model of a retention: it returns which snapshots of a server, in the order of their times, are kept.
func keptOf(all []modelSnapshot, r Retention, now time.Time) (kept []modelSnapshot) {
	hours, days := map[string]bool{}, map[string]bool{}
	last, complete := -1, -1
	for i, s := range all {
		if s.at.After(now.Add(Tolerance)) {
			break
		}
		if last = i; len(s.kept) == s.of {
			complete = i
		}
	}
	for i, s := range all {
		hour, day, age := s.at.Format("2006-01-02 15"), s.at.Format(time.DateOnly), now.Sub(s.at)
		if i == last || i == complete || s.at.After(now.Add(Tolerance)) || age < r.All || age < r.Hourly && !hours[hour] || age < r.Daily && !days[day] {
			kept = append(kept, s)
		}
		hours[hour], days[day] = true, true
	}
	return kept
}

// After random series of snapshots and a random retention, queries return what they would with only the snapshots that
// are kept. A second run, or the same retention later, does what the model does.
func whatIsPrunedIsAsIfItHadNeverBeenTaken(t *testing.T, k kept) {
	series := 0
	rapid.Check(t, func(rt *rapid.T) {
		series++
		servers := map[string][]modelSnapshot{}
		for _, name := range []string{"p", "q"} {
			server := fmt.Sprintf("%s%d", name, series)
			all := drawSnapshots(rt, name)
			for i := range all { // over several days
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
			planned, err := Prune(t.Context(), k, r, now, true)
			must(t, err)
			for server, snapshots := range servers {
				k.agrees(t, rt, server, snapshots) // nothing has changed
			}
			done, err := Prune(t.Context(), k, r, now, false)
			must(t, err)
			if !slices.Equal(planned, done) {
				rt.Fatalf("the dry run planned %+v, and %+v was done", planned, done)
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

// aSnapshotOfTheFutureIsNotTheLatest: a snapshot taken while the clock was a day ahead hides no later one, and prune
// removes neither.
func aSnapshotOfTheFutureIsNotTheLatest(t *testing.T, k kept) {
	now := time.Now().UTC().Truncate(time.Second)
	old, latest, future := now.Add(-2*time.Hour), now.Add(-time.Hour), now.Add(24*time.Hour)
	for i, at := range []time.Time{future, old, latest} {
		must(t, writeMade(t.Context(), k, "server", at, i+1))
	}
	must(t, writeMade(t.Context(), k, "only ahead", future, 4))
	seen := func() []string { return k.ask(t, "select base_url, taken_at from am_latest order by base_url") }
	want := []string{"only ahead | " + timestamp(future), "server | " + timestamp(latest)}
	if got := seen(); !slices.Equal(got, want) {
		t.Errorf("the latest are %q, want %q", got, want)
	}
	if got := k.ask(t, "select count(*) from am_session where base_url = 'server'"); got[0] != "3" {
		t.Errorf("the latest snapshot has %s sessions, want 3", got[0])
	}
	if b, err := k.before(t.Context(), "server", now.Add(Tolerance)); err != nil || !b.ahead.Equal(future) || b.key != "fingerprint_key 0" {
		t.Errorf("before a snapshot, the store has %+v, %v", b, err)
	}
	pruned, err := Prune(t.Context(), k, Retention{All: time.Minute}, now, false)
	must(t, err)
	wantPruned := []Pruned{{Server: "only ahead", Kept: 1, Ahead: future}, {Server: "server", Kept: 2, Removed: 1, First: old, Last: old, Ahead: future}}
	if !slices.Equal(pruned, wantPruned) {
		t.Errorf("pruned are %+v, want %+v", pruned, wantPruned)
	}
	if got := seen(); !slices.Equal(got, want) {
		t.Errorf("the latest after pruning are %q, want %q", got, want)
	}
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

// pruningDropsPartitions of days for which nothing is left, if nobody can still write to them, and does not wait long
// for others.
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
	if err == nil || !strings.HasSuffix(err.Error(), "nothing was removed, try again when it has ended") {
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
