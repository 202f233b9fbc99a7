package history

import (
	"cmp"
	"context"
	"fmt"
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
}

// Prune removes the snapshots that the retention does not keep and gives their space back: all of them or none, but from a
// Parquet dataset one by one. On a dry run it only says which. The latest snapshot of a server stays, whatever its age.
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
	return tally(kept, removed), nil
}

// split divides snapshots. What is the first of its hour or day stays the first when others go, so that it does not matter
// how often a history is pruned.
func (r Retention) split(all []snapshotID, now time.Time) (kept, removed []snapshotID) {
	slices.SortFunc(all, func(a, b snapshotID) int { return cmp.Or(cmp.Compare(a.server, b.server), a.at.Compare(b.at)) })
	for i, s := range all {
		first := func(span time.Duration) bool {
			return i == 0 || all[i-1].server != s.server || all[i-1].at.UTC().Truncate(span).Before(s.at.UTC().Truncate(span))
		}
		last := i == len(all)-1 || all[i+1].server != s.server
		age := now.Sub(s.at)
		if last || age < r.All || age < r.Hourly && first(time.Hour) || age < r.Daily && first(24*time.Hour) {
			kept = append(kept, s)
		} else {
			removed = append(removed, s)
		}
	}
	return kept, removed
}

func tally(kept, removed []snapshotID) []Pruned {
	var servers []Pruned
	for _, s := range kept { // of each server, one at the least
		if len(servers) == 0 || servers[len(servers)-1].Server != s.server {
			servers = append(servers, Pruned{Server: s.server})
		}
		servers[len(servers)-1].Kept++
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
