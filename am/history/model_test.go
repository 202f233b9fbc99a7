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
)

// A scanned realm is what one snapshot has of it.
type scanned struct {
	cut      bool
	sessions map[string]time.Time // by session, when it ends at the latest
}

// A modelSnapshot is a snapshot of a server in the plain model.
type modelSnapshot struct {
	at     time.Time
	realms map[string]scanned
}

var modelStart = time.Date(2026, 11, 17, 22, 0, 0, 0, time.UTC)

// drawSnapshots draws some snapshots of a server, in the order of their times: sessions come, stay and go, realms too, and
// some realms are cut.
func drawSnapshots(t *rapid.T, server string) (all []modelSnapshot) {
	at := modelStart
	alive := map[string]map[string]time.Time{}
	count := 0
	for range rapid.IntRange(0, 6).Draw(t, server+" snapshots") {
		at = at.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "minutes")) * time.Minute)
		s := modelSnapshot{at, map[string]scanned{}}
		for _, realm := range []string{"/", "/alpha"} {
			if rapid.IntRange(0, 9).Draw(t, "realm") == 0 {
				continue // it is not there
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
			found := scanned{cut: rapid.IntRange(0, 3).Draw(t, "cut") == 0, sessions: map[string]time.Time{}}
			for _, session := range slices.Sorted(maps.Keys(alive[realm])) {
				if !found.cut || rapid.Bool().Draw(t, "found") {
					found.sessions[session] = alive[realm][session]
				}
			}
			s.realms[realm] = found
		}
		all = append(all, s)
	}
	return all
}

// keep writes the model's snapshot as Take would.
func keep(ctx context.Context, store Store, server string, s modelSnapshot) error {
	d, err := store.begin(ctx, server, s.at)
	if err != nil {
		return err
	}
	defer d.abandon(ctx)
	for _, r := range relations() {
		if err := d.write(ctx, r, s.rows(r)); err != nil {
			return err
		}
	}
	return d.commit(ctx)
}

func (s modelSnapshot) rows(r relation) iter.Seq2[[]any, error] {
	row := func(cells map[string]any) []any {
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
		for realm, found := range s.realms {
			completeness := map[bool]string{true: "cut", false: "whole"}[found.cut]
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

// known is what the model knows of a session from the snapshots up to a time: when it was seen, and by when it was gone.
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

// sessionsOf are all that were ever found.
func sessionsOf(all []modelSnapshot) (sessions []string) {
	for _, s := range all {
		for _, found := range s.realms {
			sessions = slices.AppendSeq(sessions, maps.Keys(found.sessions))
		}
	}
	slices.Sort(sessions)
	return slices.Compact(sessions)
}

// who are the sessions that the model has at a time.
func who(all []modelSnapshot, at time.Time) (lines []string) {
	for _, session := range sessionsOf(all) {
		if realm, seen, gone, ends := known(all, session, at); len(seen) > 0 && gone.IsZero() && ends.After(at) {
			lines = append(lines, strings.Join([]string{session, realm, timestamp(seen[len(seen)-1])}, " | "))
		}
	}
	return lines
}

func shownTime(t time.Time) string {
	if t.IsZero() {
		return "NULL"
	}
	return timestamp(t)
}

// equalsThePlainModel: random series of snapshots of two servers, whose stores answer as the model does. Each series has
// servers of its own, so that they need not be taken away.
func equalsThePlainModel(t *testing.T, k kept) {
	series := 0
	rapid.Check(t, func(rt *rapid.T) {
		series++
		for _, name := range []string{"a", "b"} {
			server := fmt.Sprintf("%s%d", name, series)
			all := drawSnapshots(rt, name)
			order := rapid.Permutation(all).Draw(rt, "order") // a scan that took long comes after those begun later
			for _, s := range order {
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
	var history, changes, over, now []string
	for _, session := range sessionsOf(all) {
		realm, seen, gone, ends := known(all, session, modelStart.AddDate(1, 0, 0))
		first, last := seen[0], seen[len(seen)-1]
		history = append(history, strings.Join([]string{session, realm, "u" + session, timestamp(first), timestamp(last), shownTime(gone), fmt.Sprint(len(seen)), timestamp(last), timestamp(ends)}, " | "))
		changes = append(changes, session+" | appeared | "+timestamp(first))
		if !gone.IsZero() {
			changes = append(changes, session+" | vanished | "+timestamp(gone))
		}
	}
	for i, s := range all {
		for realm, found := range s.realms {
			n := fmt.Sprint(len(found.sessions))
			over = append(over, strings.Join([]string{timestamp(s.at), realm, map[bool]string{true: "NULL", false: n}[found.cut], n}, " | "))
			for session := range found.sessions {
				if i == len(all)-1 {
					now = append(now, session+" | "+realm)
				}
			}
		}
	}
	same("the history", history, `select session, realm, username, first_seen, last_seen, gone_by, snapshots, last_access, max_session_expiration_time
		from am_session_history where base_url = '%s'`, server)
	same("the changes", changes, "select session, change, seen_at from am_session_change where base_url = '%s'", server)
	same("the concurrency", over, "select taken_at, realm, sessions, at_least from am_concurrency where base_url = '%s'", server)
	same("the latest snapshot", now, "select session, realm from am_session where base_url = '%s'", server)
	for range 3 {
		at := modelStart.Add(time.Duration(rapid.IntRange(-10, 700).Draw(rt, "at")) * time.Minute)
		want := who(all, at)
		same("who at "+at.String(), want, `select session, realm, taken_at from am_session_seen
			where base_url = '%s' and taken_at <= '%s' and (valid_until is null or valid_until > '%[2]s')`, server, k.moment(at))
		if k.name != "SQLite" {
			same("am_session_at "+at.String(), want, "select session, realm, taken_at from am_session_at('%[2]s') where base_url = '%[1]s'", server, k.moment(at))
		}
	}
}

// moment is a time in the store's SQL.
func (k kept) moment(at time.Time) string {
	if k.name != "SQLite" {
		return at.Format(time.RFC3339)
	}
	return timestamp(at)
}
