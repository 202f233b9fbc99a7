package history

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Retention says how long snapshots are kept, by their age. Its zero fields keep nothing by themselves.
type Retention struct {
	All    time.Duration // younger: all
	Hourly time.Duration // younger: the first of each hour
	Daily  time.Duration // younger: the first of each day
}

// A snapshotID names a snapshot.
type snapshotID struct {
	server string
	at     time.Time
}

// Pruned is what became of the snapshots of one server.
type Pruned struct {
	Server        string
	Kept, Removed int
	First, Last   time.Time // of those removed
	Ahead         time.Time // the latest of those kept that are ahead of the clock, the zero time if none is
}

// compareIDs orders snapshots by their servers and times.
func compareIDs(a, b snapshotID) int {
	return cmp.Or(cmp.Compare(a.server, b.server), a.at.Compare(b.at))
}

// Tolerance is how far ahead of the clock a snapshot may be, as the clocks of several machines differ.
const Tolerance = time.Minute

// ahead reports whether a snapshot is of the future: it was taken where a clock was ahead.
func (id snapshotID) ahead(now time.Time) bool { return id.at.After(now.Add(Tolerance)) }

// DescribeAhead is what to know of a snapshot of the future.
func DescribeAhead(server string, at time.Time) string {
	return fmt.Sprintf("%s: the history has a snapshot of %s, which is ahead of this machine's clock: the clock was wrong when it was taken, "+
		"or is wrong here; until that time it does not count as the latest snapshot, and prune keeps it", server, at.UTC().Format(time.DateTime))
}

// Prune removes the snapshots that the retention does not keep and gives their space back: all of them or none, except from a
// Parquet dataset, where they go one by one. On a dry run it only reports which. These stay, whatever their age: the latest
// snapshot of a server, its latest complete one, which the views show, and those ahead of the clock.
func Prune(ctx context.Context, store Store, r Retention, now time.Time, dryRun bool) ([]Pruned, error) {
	all, err := store.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: list the snapshots: %w", store, err)
	}
	kept, removed := r.split(all, now)
	if !dryRun {
		if err := store.remove(ctx, removed, kept, now); err != nil {
			return nil, fmt.Errorf("%s: %w", store, err)
		}
	}
	return tally(kept, removed, now), nil
}

// split divides snapshots. What is the first of its hour or day stays the first when others go, so that it does not matter
// how often a history is pruned.
func (r Retention) split(all []listed, now time.Time) (kept, removed []snapshotID) {
	slices.SortFunc(all, func(a, b listed) int { return compareIDs(a.snapshotID, b.snapshotID) })
	latest := map[snapshotID]bool{}
	for _, s := range latestSnapshots(all, now) {
		latest[s] = true
	}
	for i, s := range all {
		first := func(span time.Duration) bool {
			return i == 0 || all[i-1].server != s.server || all[i-1].at.UTC().Truncate(span).Before(s.at.UTC().Truncate(span))
		}
		age := now.Sub(s.at)
		if latest[s.snapshotID] || s.ahead(now) || age < r.All || age < r.Hourly && first(time.Hour) || age < r.Daily && first(24*time.Hour) {
			kept = append(kept, s.snapshotID)
		} else {
			removed = append(removed, s.snapshotID)
		}
	}
	return kept, removed
}

// latestSnapshots are the latest snapshot of each server and the latest complete one, not ahead of the clock.
func latestSnapshots(sorted []listed, now time.Time) (latest []snapshotID) {
	last, complete := map[string]snapshotID{}, map[string]snapshotID{}
	for _, s := range sorted {
		if s.ahead(now) {
			continue
		}
		last[s.server] = s.snapshotID
		if s.complete {
			complete[s.server] = s.snapshotID
		}
	}
	return slices.AppendSeq(slices.Collect(maps.Values(last)), maps.Values(complete))
}

func tally(kept, removed []snapshotID, now time.Time) []Pruned {
	var servers []Pruned
	for _, s := range kept { // of each server, at least one
		if len(servers) == 0 || servers[len(servers)-1].Server != s.server {
			servers = append(servers, Pruned{Server: s.server})
		}
		p := &servers[len(servers)-1]
		p.Kept++
		if s.ahead(now) {
			p.Ahead = s.at
		}
	}
	for _, s := range removed {
		p := &servers[slices.IndexFunc(servers, func(p Pruned) bool { return p.Server == s.server })]
		if p.Removed++; p.Removed == 1 {
			p.First = s.at
		}
		p.Last = s.at
	}
	return servers
}
