package history

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Retention is how long to keep snapshots, by age. A field that is zero keeps nothing.
type Retention struct {
	All    time.Duration // up to this age: all
	Hourly time.Duration // up to this age: the first of each hour
	Daily  time.Duration // up to this age: the first of each day
}

// A snapshotID identifies a snapshot.
type snapshotID struct {
	server string
	at     time.Time
}

// Pruned describes what happened to the snapshots of a server.
type Pruned struct {
	Server        string
	Kept, Removed int
	First, Last   time.Time // of the removed snapshots
	Ahead         time.Time // the latest remaining snapshot that is ahead of the clock; zero if there is none
}

// compareIDs orders snapshots by server and time.
func compareIDs(a, b snapshotID) int {
	return cmp.Or(cmp.Compare(a.server, b.server), a.at.Compare(b.at))
}

// Tolerance is how far a snapshot may be ahead of the clock, because the clocks of machines differ.
const Tolerance = time.Minute

// ahead reports whether a snapshot has a time in the future, because a clock was ahead when it was taken.
func (id snapshotID) ahead(now time.Time) bool { return id.at.After(now.Add(Tolerance)) }

// DescribeAhead explains a snapshot with a time in the future.
func DescribeAhead(server string, at time.Time) string {
	return fmt.Sprintf("%s: the history has a snapshot of %s, which is ahead of this machine's clock: the clock was wrong when it was taken, "+
		"or is wrong here; until that time it does not count as the latest snapshot, and prune keeps it", server, at.UTC().Format(time.DateTime))
}

// Prune removes the snapshots that the retention does not keep, and frees their space: all of them or none, except in a
// Parquet dataset, where it removes them one by one. In a dry run it only reports which. These snapshots always remain:
// the latest of each server, the latest complete one, which the views show, and those ahead of the clock.
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

// split divides snapshots into those to keep and those to remove. The first snapshot of an hour or day stays the first
// when others are removed, so the result does not depend on how often a history is pruned.
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

// latestSnapshots returns the latest snapshot of each server and the latest complete one, ignoring those ahead of the
// clock.
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
	for _, s := range kept { // at least one of each server
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
