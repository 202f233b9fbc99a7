package watch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// compare records what has happened since the last look, and returns the handles of the sessions that have ended.
func (w *Watcher) compare(ctx context.Context, now *seen, look *Look) (ended map[string]bool, err error) {
	uncertain, err := w.uncertain(ctx, now)
	if err != nil {
		return nil, err
	}
	for _, handle := range now.order {
		s, before := now.sessions[handle], w.known[handle]
		switch {
		case s.own:
		case before == nil && uncertain[handle]:
			look.Events = append(look.Events, Event{Kind: Seen, Row: s.row})
		case before == nil:
			look.Events = append(look.Events, Event{Kind: Login, Row: s.row})
		case !reflect.DeepEqual(before.row, s.row):
			look.Events = append(look.Events, Event{Kind: Changed, Row: s.row, Before: before.row})
		}
	}
	for _, handle := range slices.Sorted(maps.Keys(w.known)) {
		if s := now.sessions[handle]; s != nil && s.row == nil && w.known[handle].row != nil && !s.own {
			look.Events = append(look.Events, Event{Kind: Changed, Before: w.known[handle].row})
		}
	}
	ended, gaps, err := w.ended(ctx, now)
	if err != nil {
		return nil, err
	}
	look.Incomplete = append(look.Incomplete, gaps...)
	for _, handle := range slices.Sorted(maps.Keys(ended)) {
		if s := w.known[handle]; s.row != nil && !s.own {
			look.Events = append(look.Events, Event{Kind: now.end(s), Row: s.row})
		}
	}
	return ended, nil
}

// end returns how a session that is gone has ended.
func (now *seen) end(s *session) Kind {
	if clock := now.clocks[s.realm.Server]; !s.end.IsZero() && !clock.Before(s.end) {
		return Expired
	}
	return Logout
}

// uncertain returns the new sessions that may be older than the previous look.
func (w *Watcher) uncertain(ctx context.Context, now *seen) (map[string]bool, error) {
	uncertain, asked := map[string]bool{}, map[Realm]map[string][]string{}
	for handle, s := range now.sessions {
		switch base := w.bases[s.realm]; {
		case w.known[handle] != nil || base == complete:
		case base == byUser && s.username != "":
			add(asked, s, handle)
		default:
			uncertain[handle] = true
		}
	}
	for realm, users := range asked {
		listed, err := w.ask(ctx, "select username from am_user", realm, slices.Sorted(maps.Keys(users)))
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		names := map[string]bool{}
		for name := range listed {
			names[crest.Fold(name)] = true
		}
		for name, handles := range users {
			for _, handle := range handles {
				uncertain[handle] = err != nil || !names[name]
			}
		}
	}
	return uncertain, nil
}

// ask runs a query for users of a realm by name, and returns what it finds by user.
func (w *Watcher) ask(ctx context.Context, sql string, realm Realm, users []string) (found map[string]bool, err error) {
	names, err := json.Marshal(users)
	if err != nil {
		return nil, err
	}
	_, rows, err := query(ctx, w.named, sql+` where realm = :realm and base_url = :server and username in (select value from json_each(:names))`,
		engine.Arg{Name: "realm", Value: realm.Path}, engine.Arg{Name: "server", Value: realm.Server}, engine.Arg{Name: "names", Value: string(names)})
	found = map[string]bool{}
	for _, row := range rows {
		found[text(row[0])] = true
	}
	return found, err
}

// alive returns the handles of all sessions of some users of a realm.
func (w *Watcher) alive(ctx context.Context, realm Realm, users []string) (map[string]bool, error) {
	handles, err := w.ask(ctx, "select session_handle from am_session", realm, users)
	if err != nil {
		return nil, err
	}
	_, evidence, err := query(ctx, w.named, `select completeness, error from am_session_scan where realm = :realm and base_url = :server`,
		engine.Arg{Name: "realm", Value: realm.Path}, engine.Arg{Name: "server", Value: realm.Server})
	switch {
	case err != nil:
		return nil, err
	case len(evidence) != 1:
		return nil, errors.New("AM does not list the realm")
	case evidence[0][1] != nil:
		return nil, errors.New(text(evidence[0][1]))
	case evidence[0][0] != string(inventory.Complete):
		return nil, errCut
	}
	return handles, nil
}

// add adds a session to those of its user.
func add(of map[Realm]map[string][]string, s *session, handle string) {
	if of[s.realm] == nil {
		of[s.realm] = map[string][]string{}
	}
	name := crest.Fold(s.username)
	of[s.realm][name] = append(of[s.realm][name], handle)
}

// ended returns the handles of the sessions that are gone. If a session is missing from a list that was not complete,
// it looks up the user's sessions by name; the session is gone only if that list is complete and does not contain it
// either. The gaps are the realms in which that could not be done.
func (w *Watcher) ended(ctx context.Context, now *seen) (ended map[string]bool, gaps []Gap, err error) {
	ended, missing := map[string]bool{}, map[Realm]map[string][]string{}
	for handle, s := range w.known {
		switch e, listed := now.realms[s.realm]; {
		case now.sessions[handle] != nil || !listed || e.failed:
		case e.completeness == inventory.Complete:
			ended[handle] = true
		case s.username != "":
			add(missing, s, handle)
		}
	}
	for realm, users := range missing {
		gone, err := w.gone(ctx, realm, users, slices.Sorted(maps.Keys(users)))
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			gaps = append(gaps, Gap{realm, fmt.Sprintf("could not find out whether missing sessions have ended: %v", err)})
		}
		for _, handle := range gone {
			ended[handle] = true
		}
	}
	return ended, gaps, nil
}

// errCut means that a list by name was not complete either.
var errCut = errors.New("AM truncates the list of a user")

// gone returns which of the missing sessions of these users AM no longer has. If the list of one user is truncated, it
// looks up the others without that user.
func (w *Watcher) gone(ctx context.Context, realm Realm, missing map[string][]string, names []string) (gone []string, err error) {
	alive, err := w.alive(ctx, realm, names)
	if half := len(names) / 2; half > 0 && errors.Is(err, errCut) {
		first, err := w.gone(ctx, realm, missing, names[:half])
		second, other := w.gone(ctx, realm, missing, names[half:])
		return append(first, second...), cmp.Or(err, other)
	}
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		gone = append(gone, slices.DeleteFunc(missing[name], func(handle string) bool { return alive[handle] })...)
	}
	return gone, nil
}

// gaps returns the realms that a look could not list completely.
func (w *Watcher) gaps(now *seen) (gaps []Gap) {
	for realm, e := range now.realms {
		if e.failed || e.completeness == inventory.Truncated {
			gaps = append(gaps, Gap{realm, e.reason})
		}
	}
	for realm := range w.bases {
		if _, listed := now.realms[realm]; !listed {
			gaps = append(gaps, Gap{realm, "the realm is no longer listed"})
		}
	}
	return gaps
}

// remember updates what the Watcher knows with what a look has found.
func (w *Watcher) remember(now *seen, ended map[string]bool) {
	if w.known == nil {
		w.known = map[string]*session{}
	}
	maps.DeleteFunc(w.known, func(handle string, _ *session) bool { return ended[handle] })
	maps.Copy(w.known, now.sessions)
	for realm, e := range now.realms {
		switch {
		case e.failed || e.completeness == inventory.Truncated:
			w.bases[realm] = max(w.bases[realm], unknown)
		case e.completeness == inventory.ByUser:
			w.bases[realm] = max(w.bases[realm], byUser)
		default:
			w.bases[realm] = complete
		}
	}
}
