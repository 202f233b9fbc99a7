package history

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// A scanned realm is what one snapshot, or one shard, contains of it.
type scanned struct {
	cut      bool
	sessions map[string]time.Time // maximum expiration times, by session
}

// A modelShard is one of the shards of a snapshot, or the only one.
type modelShard struct {
	inventory.Shard
	realms map[string]scanned
}

// A modelSnapshot is a snapshot of a server in the model. Only some of its shards may have been stored.
type modelSnapshot struct {
	at     time.Time
	of     int // number of shards
	kept   []modelShard
	realms map[string]scanned // merged from the stored shards
}

// merge sets the snapshot's realms from those of its shards. A realm that is missing from a shard is truncated.
func (s *modelSnapshot) merge() {
	s.realms = map[string]scanned{}
	for _, shard := range s.kept {
		for realm := range shard.realms {
			s.realms[realm] = scanned{sessions: map[string]time.Time{}}
		}
	}
	for realm, merged := range s.realms {
		for _, shard := range s.kept {
			found, is := shard.realms[realm]
			merged.cut = merged.cut || !is || found.cut
			maps.Copy(merged.sessions, found.sessions)
		}
		merged.cut = merged.cut || len(s.kept) < s.of
		s.realms[realm] = merged
	}
}

var modelStart = time.Date(2026, 11, 17, 22, 0, 0, 0, time.UTC)

// drawSnapshots draws random snapshots of a server, in the order of their times. Sessions begin, stay and end, realms
// appear and disappear, and some realms are truncated. Some snapshots consist of shards, some of which are missing or
// lack a realm.
func drawSnapshots(t *rapid.T, server string) (all []modelSnapshot) {
	at := modelStart
	alive := map[string]map[string]time.Time{}
	count := 0
	for range rapid.IntRange(0, 6).Draw(t, server+" snapshots") {
		at = at.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "minutes")) * time.Minute)
		s := modelSnapshot{at: at, of: max(1, rapid.IntRange(-2, 3).Draw(t, "shards"))}
		for i := range s.of {
			if s.of == 1 || rapid.IntRange(0, 5).Draw(t, "kept") > 0 || i == s.of-1 && s.kept == nil {
				s.kept = append(s.kept, modelShard{inventory.Shard{Index: i, Count: s.of}, map[string]scanned{}})
			}
		}
		for _, realm := range []string{"/", "/alpha"} {
			if rapid.IntRange(0, 9).Draw(t, "realm") == 0 {
				continue // the realm does not exist then
			}
			if alive[realm] == nil {
				alive[realm] = map[string]time.Time{}
			}
			for _, session := range slices.Sorted(maps.Keys(alive[realm])) {
				if rapid.IntRange(0, 3).Draw(t, "ends") == 0 {
					delete(alive[realm], session)
				}
			}
			for range rapid.IntRange(0, 3).Draw(t, "begin") {
				count++
				alive[realm][fmt.Sprintf("%s%s%d", server, strings.TrimPrefix(realm, "/"), count)] = at.Add(time.Duration(rapid.IntRange(-5, 300).Draw(t, "lasts")) * time.Minute)
			}
			for _, shard := range s.kept {
				if s.of > 1 && rapid.IntRange(0, 9).Draw(t, "realm of shard") == 0 {
					continue
				}
				found := scanned{cut: rapid.IntRange(0, 3).Draw(t, "cut") == 0, sessions: map[string]time.Time{}}
				for _, session := range slices.Sorted(maps.Keys(alive[realm])) {
					if shard.Has(realm, session) && (!found.cut || rapid.Bool().Draw(t, "found")) {
						found.sessions[session] = alive[realm][session]
					}
				}
				shard.realms[realm] = found
			}
		}
		s.merge()
		all = append(all, s)
	}
	return all
}

// keep stores the model's snapshot as Take would.
func keep(ctx context.Context, store Store, server string, s modelSnapshot) error {
	for _, shard := range s.kept {
		if err := s.keep(ctx, store, server, shard); err != nil {
			return err
		}
	}
	return nil
}

func (s modelSnapshot) keep(ctx context.Context, store Store, server string, shard modelShard) error {
	d, err := store.begin(ctx, server, s.at, shard.Shard)
	if err != nil {
		return err
	}
	defer d.abandon(ctx)
	for _, r := range relations() {
		if err := d.write(ctx, r, s.rows(r, shard)); err != nil {
			return err
		}
	}
	return d.commit(ctx)
}

func (s modelSnapshot) rows(r relation, shard modelShard) iter.Seq2[[]any, error] {
	row := func(cells map[string]any) []any {
		cells["shard"], cells["shards"] = int64(shard.Index), int64(shard.Count)
		row := make([]any, len(r.columns))
		for i, c := range r.columns {
			row[i] = cells[c.Name]
		}
		return row
	}
	return func(yield func([]any, error) bool) {
		if r.name == "snapshot" && !yield(row(map[string]any{"connection": "am", "fingerprint_key": "k"}), nil) {
			return
		}
		for realm, found := range shard.realms {
			completeness := map[bool]string{true: "truncated", false: "complete"}[found.cut]
			if r.name == "session_scan" && !yield(row(map[string]any{"realm": realm, "sessions": int64(len(found.sessions)), "completeness": completeness}), nil) {
				return
			}
			for session, ends := range found.sessions {
				cells := map[string]any{"session": session, "realm": realm, "username": "u" + session, "latest_access_time": s.at, "max_session_expiration_time": ends}
				if r.name == "session" && !yield(row(cells), nil) {
					return
				}
			}
		}
	}
}

// known returns what the model knows about a session from the snapshots up to a time: when it was seen, and when it was
// known to have ended.
func known(all []modelSnapshot, session string, until time.Time) (realm string, seen []time.Time, gone time.Time, ends time.Time) {
	for _, s := range all {
		if s.at.After(until) {
			break
		}
		for in, found := range s.realms {
			if end, is := found.sessions[session]; is {
				realm, ends, gone = in, end, time.Time{}
				seen = append(seen, s.at)
			}
		}
		if found, is := s.realms[realm]; is && !found.cut && gone.IsZero() && seen[len(seen)-1].Before(s.at) {
			gone = s.at
		}
	}
	return realm, seen, gone, ends
}

// sessionsOf returns all sessions that were ever found.
func sessionsOf(all []modelSnapshot) (sessions []string) {
	for _, s := range all {
		for _, found := range s.realms {
			sessions = slices.AppendSeq(sessions, maps.Keys(found.sessions))
		}
	}
	slices.Sort(sessions)
	return slices.Compact(sessions)
}

// who returns the sessions at a time, according to the model.
func who(all []modelSnapshot, at time.Time) (lines []string) {
	for _, session := range sessionsOf(all) {
		if realm, seen, gone, ends := known(all, session, at); len(seen) > 0 && gone.IsZero() && ends.After(at) {
			lines = append(lines, strings.Join([]string{session, realm, timestamp(seen[len(seen)-1])}, " | "))
		}
	}
	return lines
}

// latestOf returns the index of the latest snapshot, which is a complete one if there is any.
func latestOf(all []modelSnapshot) int {
	for i, s := range slices.Backward(all) {
		if len(s.kept) == s.of {
			return i
		}
	}
	return len(all) - 1
}

func shownTime(t time.Time) string {
	if t.IsZero() {
		return "NULL"
	}
	return timestamp(t)
}

// equalsThePlainModel takes random series of snapshots of two servers, and expects that the store answers as the model
// does. Each series has new servers, so nothing need be removed.
func equalsThePlainModel(t *testing.T, k kept) {
	series := 0
	rapid.Check(t, func(rt *rapid.T) {
		series++
		for _, name := range []string{"a", "b"} {
			server := fmt.Sprintf("%s%d", name, series)
			all := drawSnapshots(rt, name)
			var shards []modelSnapshot // snapshots with one shard each
			for _, s := range all {
				for i := range s.kept {
					one := s
					one.kept = s.kept[i : i+1]
					shards = append(shards, one)
				}
			}
			for _, s := range rapid.Permutation(shards).Draw(rt, "order") { // a scan that takes long is stored after scans that began later
				must(t, keep(t.Context(), k, server, s))
			}
			k.agrees(t, rt, server, all)
		}
	})
}

func (k kept) agrees(t *testing.T, rt *rapid.T, server string, all []modelSnapshot) {
	same := func(what string, want []string, sql string, args ...any) {
		got := k.ask(t, fmt.Sprintf(sql, args...))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			rt.Fatalf("%s of %d snapshots:\n got %q\nwant %q\n%+v", what, len(all), got, want, all)
		}
	}
	var history, changes, over, now, scans, snapshots []string
	for _, session := range sessionsOf(all) {
		realm, seen, gone, ends := known(all, session, modelStart.AddDate(1, 0, 0))
		first, last := seen[0], seen[len(seen)-1]
		history = append(history, strings.Join([]string{session, realm, "u" + session, timestamp(first), timestamp(last), shownTime(gone), fmt.Sprint(len(seen)), timestamp(last), timestamp(ends)}, " | "))
		changes = append(changes, session+" | appeared | "+timestamp(first))
		if !gone.IsZero() {
			changes = append(changes, session+" | vanished | "+timestamp(gone))
		}
	}
	latest := latestOf(all)
	for i, s := range all {
		sessions, cut := 0, 0
		for realm, found := range s.realms {
			n := fmt.Sprint(len(found.sessions))
			over = append(over, strings.Join([]string{timestamp(s.at), realm, map[bool]string{true: "NULL", false: n}[found.cut], n}, " | "))
			if sessions += len(found.sessions); found.cut {
				cut++
			}
			if i == latest {
				scans = append(scans, fmt.Sprintf("%s | %s | %s", realm, n, map[bool]string{true: "truncated", false: "complete"}[found.cut]))
				for session := range found.sessions {
					now = append(now, session+" | "+realm)
				}
			}
		}
		snapshots = append(snapshots, fmt.Sprintf("%s | %d | %d | %d | %d | %d", timestamp(s.at), sessions, len(s.realms), cut, s.of, len(s.kept)))
	}
	same("the history", history, `select session, realm, username, first_seen, last_seen, gone_by, snapshots, last_access, max_session_expiration_time
		from am_session_history where base_url = '%s'`, server)
	same("the changes", changes, "select session, change, seen_at from am_session_change where base_url = '%s'", server)
	same("the concurrency", over, "select taken_at, realm, sessions, at_least from am_concurrency where base_url = '%s'", server)
	same("the latest snapshot", now, "select session, realm from am_session where base_url = '%s'", server)
	same("its scans", scans, "select realm, sessions, completeness from am_session_scan where base_url = '%s'", server)
	same("the snapshots", snapshots, "select taken_at, sessions, realms, realms_cut, shards, shards_kept from am_snapshot where base_url = '%s'", server)
	for range 3 {
		at := modelStart.Add(time.Duration(rapid.IntRange(-10, 700).Draw(rt, "at")) * time.Minute)
		want := who(all, at)
		same("who at "+at.String(), want, `select session, realm, taken_at from am_session_seen
			where base_url = '%s' and taken_at <= '%s' and (valid_until is null or valid_until > '%[2]s')`, server, k.moment(at))
		same("am_session_at "+at.String(), want, "select session, realm, taken_at from am_session_at('%[2]s') where base_url = '%[1]s'", server, k.moment(at))
	}
}

// moment returns a time in the store's SQL.
func (k kept) moment(at time.Time) string {
	if k.name != "SQLite" {
		return at.Format(time.RFC3339)
	}
	return timestamp(at)
}
