package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// DefaultSQL is watched unless there is other SQL. It selects all sessions except those of amsql, which cause no events
// with any SQL.
const DefaultSQL = `select username, realm, latest_access_time, max_idle_expiration_time, max_session_expiration_time, base_url, session_handle
from am_session where is_current is not true order by realm, username, max_session_expiration_time, session_handle`

// handleColumn identifies sessions.
const handleColumn = "session_handle"

// A Watcher remembers the sessions of its earlier looks. It must be used by one goroutine at a time.
type Watcher struct {
	tables []table.Table // each is read once per look
	named  *engine.DB    // has its own tables, for lookups of sessions and users by name
	sql    string

	known map[string]*session // by handle; nil before the first look
	bases map[Realm]base
}

// New returns a Watcher of two tolerant am.Census: one for complete lists and one for lookups by name, because each
// contains the evidence of what was last read from it. The SQL must return session_handle, and selects the sessions and
// columns to watch; "" means [DefaultSQL]. The caller closes the Watcher.
func New(ctx context.Context, census, named []table.Table, sql string) (*Watcher, error) {
	db, err := engine.Open(ctx)
	if err != nil {
		return nil, err
	}
	if err := db.Attach("am", named...); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Watcher{tables: census, named: db, sql: cmp.Or(sql, DefaultSQL), bases: map[Realm]base{}}, nil
}

// Close releases the Watcher's database.
func (w *Watcher) Close() error { return w.named.Close() }

// A Realm is a realm of a server.
type Realm struct{ Server, Path string }

// base is how much the Watcher knew about a realm's sessions at a look, and therefore which new sessions certainly
// began after it: all of them if the look was complete, and those of users in the directory if each of them was looked
// up by name.
type base int

const (
	unknown base = iota
	byUser
	complete
)

// session is what is known about a session from the last look that found it.
type session struct {
	realm    Realm
	username string
	own      bool      // whether it belongs to amsql itself
	end      time.Time // when it ends if it is not used
	row      []any     // its row of the SQL; nil if the SQL does not select it
}

// A Kind is what happened to a session.
type Kind string

// Seen is a session that is new to the Watcher, but may be older than the previous look, which was not complete.
// Expired is a session that is gone and had reached its end, by the times that AM listed last; Logout is one that had
// not.
const (
	Login   Kind = "login"
	Seen    Kind = "seen"
	Changed Kind = "changed"
	Logout  Kind = "logout"
	Expired Kind = "expired"
)

// An Event is what happened to one session between two looks.
type Event struct {
	Kind   Kind
	Row    []any // the row of the SQL, or the last one if the session has ended; nil if the SQL no longer selects it
	Before []any // the row at the previous look, if it has changed; nil if the SQL did not select it
}

// A Look is the result of listing the sessions once.
type Look struct {
	At       time.Time
	First    bool // there is nothing to compare with, so there are no events
	Sessions int
	Realms   map[inventory.Completeness]int
	Columns  []engine.ResultColumn
	Rows     [][]any // the rows of the SQL
	Events   []Event

	Incomplete []Gap         // what could not be listed, and was not compared
	Failure    error         // why the look failed; if it is set, nothing else is
	Next       time.Duration // time until the next look
}

// A Gap is a realm that a look could not list completely.
type Gap struct {
	Realm

	Reason string
}

// The statements of every look, in addition to the SQL.
const (
	sessionsSQL = `select session_handle, username, realm, base_url, is_current, max_idle_expiration_time, max_session_expiration_time from am_session`
	realmsSQL   = `select realm, base_url, completeness, reason, error from am_session_scan order by base_url, realm`
	clocksSQL   = `select base_url, clock_skew_seconds from am_server`
)

// uses reports whether a look reads the table: one that the SQL names, or am_session, am_session_scan or am_server.
func (w *Watcher) uses(name string) bool {
	return slices.ContainsFunc(w.Statements(), func(sql string) bool {
		return slices.Contains(words.FindAllString(strings.ToLower(sql), -1), name)
	})
}

var words = regexp.MustCompile(`\w+`)

// Statements returns the statements of [Watcher.Compare].
func (w *Watcher) Statements() []string { return []string{sessionsSQL, realmsSQL, clocksSQL, w.sql} }

// Look reads the tables and compares them with what the Watcher knows.
func (w *Watcher) Look(ctx context.Context) (*Look, error) {
	at := time.Now()
	used := slices.DeleteFunc(slices.Clone(w.tables), func(t table.Table) bool { return !w.uses(t.Name()) })
	kept, err := engine.Materialize(ctx, w.Statements(), used...)
	if err != nil {
		return nil, err
	}
	defer kept.Close()
	return w.Compare(ctx, kept, at)
}

// seen is what a look has read.
type seen struct {
	sessions map[string]*session
	order    []string // handles of the SQL's rows, in order
	realms   map[Realm]evidence
	clocks   map[string]time.Time // the time on each server's clock
}

type evidence struct {
	completeness inventory.Completeness
	reason       string
	failed       bool
}

// Compare reports what has happened since the last look, from tables that were read at the given time. After an error,
// the Watcher's knowledge is unchanged.
func (w *Watcher) Compare(ctx context.Context, kept *engine.Materialized, at time.Time) (_ *Look, err error) {
	db, err := kept.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	look := &Look{At: at.UTC(), First: w.known == nil, Realms: map[inventory.Completeness]int{}}
	now, err := w.read(ctx, db, look)
	if err != nil {
		return nil, err
	}
	look.Incomplete = w.gaps(now)
	ended := map[string]bool{}
	if !look.First {
		if ended, err = w.compare(ctx, now, look); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(look.Incomplete, func(a, b Gap) int { return strings.Compare(a.Server+a.Path, b.Server+b.Path) })
	w.remember(now, ended)
	return look, nil
}

// read reads the present state.
func (w *Watcher) read(ctx context.Context, db *engine.DB, look *Look) (*seen, error) {
	now := &seen{sessions: map[string]*session{}, realms: map[Realm]evidence{}, clocks: map[string]time.Time{}}
	for _, of := range []struct {
		sql string
		row func(row []any) error
	}{{clocksSQL, func(row []any) error { return now.clock(look.At, row) }}, {realmsSQL, now.realm}, {sessionsSQL, now.session}} {
		_, found, err := query(ctx, db, of.sql)
		if err != nil {
			return nil, err
		}
		for _, row := range found {
			if err := of.row(row); err != nil {
				return nil, err
			}
		}
	}
	for _, e := range now.realms {
		look.Realms[e.completeness]++
	}
	look.Sessions = len(now.sessions)
	return now, w.selected(ctx, db, now, look)
}

func (now *seen) clock(at time.Time, row []any) error {
	skew, _ := row[1].(int64)
	now.clocks[text(row[0])] = at.Add(time.Duration(skew) * time.Second)
	return nil
}

func (now *seen) realm(row []any) error {
	now.realms[Realm{text(row[1]), text(row[0])}] = evidence{
		inventory.Completeness(text(row[2])), cmp.Or(text(row[4]), text(row[3])), row[4] != nil,
	}
	return nil
}

func (now *seen) session(row []any) error {
	handle := text(row[0])
	if handle == "" {
		return fmt.Errorf("AM lists a session of %q in realm %s without a handle, so amsql cannot recognize it", text(row[1]), text(row[2]))
	}
	s := &session{realm: Realm{text(row[3]), text(row[2])}, username: text(row[1])}
	s.own, _ = row[4].(bool)
	for _, cell := range row[5:] {
		if end, ok := cell.(time.Time); ok && (s.end.IsZero() || end.Before(s.end)) {
			s.end = end
		}
	}
	now.sessions[handle] = s
	return nil
}

// A SelectError means that the SQL cannot be watched.
type SelectError struct{ message string }

func (e *SelectError) Error() string { return e.message }

// selected reads the rows of the SQL.
func (w *Watcher) selected(ctx context.Context, db *engine.DB, now *seen, look *Look) (err error) {
	if look.Columns, look.Rows, err = query(ctx, db, w.sql); err != nil {
		return err
	}
	column := slices.IndexFunc(look.Columns, func(c engine.ResultColumn) bool { return c.Name == handleColumn })
	if column < 0 {
		return &SelectError{"session_handle identifies sessions: add it to the columns of the SQL"}
	}
	for _, row := range look.Rows {
		s := now.sessions[text(row[column])]
		switch {
		case s == nil:
			return &SelectError{"the column session_handle of the SQL must come from am_session"}
		case s.row != nil:
			return &SelectError{"the SQL returns more than one row for a session"}
		}
		s.row = row
		now.order = append(now.order, text(row[column]))
	}
	return nil
}

// query returns the rows of one statement.
func query(ctx context.Context, db *engine.DB, sql string, args ...engine.Arg) (columns []engine.ResultColumn, found [][]any, err error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }() //nolint:contextcheck // the rows have theirs
	for rows.Next() {                                       //nolint:contextcheck // as above
		found = append(found, slices.Clone(rows.Values()))
	}
	columns = rows.Columns()
	if rows.Err() == nil && rows.NextResultSet() { //nolint:contextcheck // as above
		return nil, nil, &SelectError{"the SQL contains more than one statement that returns rows"}
	}
	return columns, found, rows.Err()
}

func text(cell any) string {
	s, _ := cell.(string)
	return s
}
