package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// Options describe how to take a snapshot.
type Options struct {
	Key         Key
	KeepHandles bool   // in addition to the fingerprints
	Version     string // the version of amsql
	Now         func() time.Time
}

// A Summary describes a stored snapshot and what it lacks.
type Summary struct {
	Server   string
	At       time.Time
	Shard    inventory.Shard
	Sessions int64
	Realms   map[inventory.Completeness]int
	Lacking  []string // realms that are truncated or failed, and why
	Missing  []string // small tables that could not be read, and why
	NewKey   bool     // earlier snapshots of the server have fingerprints made with another key

	Ahead time.Time // the latest snapshot of the server that is ahead of this machine's clock; zero if there is none
}

// Take scans the connection, or its shard, once and stores the result. If the list of a realm is truncated or fails,
// the snapshot and the Summary say so. An error means that nothing was stored.
func Take(ctx context.Context, c *connection.Connection, store Store, o Options) (*Summary, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &snapshotter{options: o, connection: c, started: time.Now()}
	t.Server, t.At, t.Shard, t.Realms = c.BaseURL(), o.Now().UTC().Truncate(time.Microsecond), c.Options().Shard, map[inventory.Completeness]int{}
	kept, err := store.shards(ctx, t.Server, t.At)
	if err = cmp.Or(err, t.clash(kept)); err != nil {
		return nil, fmt.Errorf("%s: %w", store, err)
	}
	before, err := store.before(ctx, t.Server, time.Now().Add(Tolerance))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", store, err)
	}
	t.NewKey, t.Ahead = before.key != "" && before.key != o.Key.Name(), before.ahead
	var previous *inventory.Previous
	if before.key == o.Key.Name() { // otherwise no fingerprint would match
		previous = t.previous(store)
	}
	t.tables = am.CensusAfter(previous, c)
	if err := t.keep(ctx, store); err != nil {
		kept, _ := store.shards(ctx, t.Server, t.At) // another process may have been faster
		if clash := t.clash(kept); clash != nil {
			err = fmt.Errorf("%s: %w", store, clash)
		}
		return nil, advise(err)
	}
	return &t.Summary, nil
}

// clash returns why the snapshot cannot be added to those shards of it that have been saved.
func (t *snapshotter) clash(kept []inventory.Shard) error {
	for _, k := range kept {
		switch {
		case k.Shards() != t.Shard.Shards():
			return fmt.Errorf("the snapshot of %s is stored in %s, so shard %s does not fit: use the same number of shards for a snapshot, or another time",
				t.At.Format(time.RFC3339Nano), english.Plural(k.Shards(), "shard", ""), t.Shard)
		case k.Index == t.Shard.Index:
			return fmt.Errorf("shard %s of the snapshot of %s already exists and was not changed", t.Shard, t.At.Format(time.RFC3339Nano))
		}
	}
	return nil
}

// A snapshotter saves a snapshot to a store.
type snapshotter struct {
	Summary
	options    Options
	connection *connection.Connection
	draft      draft
	tables     []table.Table // of the connection
	started    time.Time
}

func (t *snapshotter) keep(ctx context.Context, store Store) (err error) {
	if t.draft, err = store.begin(ctx, t.Server, t.At, t.Shard); err != nil {
		return fmt.Errorf("%s: %w", store, err)
	}
	defer t.draft.abandon(context.WithoutCancel(ctx))
	if err := t.take(ctx); err != nil {
		return err
	}
	if err := t.draft.commit(ctx); err != nil {
		return fmt.Errorf("%s: %w", store, err)
	}
	return nil
}

func (t *snapshotter) take(ctx context.Context) error {
	for _, r := range relations() {
		if r.of == nil || r.once && t.Shard.Index > 0 {
			continue
		}
		var err error
		switch r.of.Name() {
		case "am_session":
			err = t.draft.write(ctx, r, t.sessions(ctx, r))
		case "am_session_scan":
			err = t.draft.write(ctx, r, t.scans(ctx, r))
		default:
			err = t.small(ctx, r)
		}
		if err != nil {
			return err
		}
	}
	return t.draft.write(ctx, snapshots, one(t.snapshot()))
}

// snapshot returns the row of the relation of that name.
func (t *snapshotter) snapshot() []any {
	row := make([]any, len(snapshots.columns))
	t.setShard(snapshots, row)
	for name, cell := range map[string]any{
		"connection":         t.connection.Name(),
		"amsql_version":      t.options.Version,
		"elapsed_ms":         float64(time.Since(t.started).Microseconds()) / 1000,
		"fingerprint_key":    t.options.Key.Name(),
		"clock_skew_seconds": int64(t.connection.Client().Skew().Round(time.Second).Seconds()),
	} {
		row[snapshots.column(name)] = cell
	}
	if len(t.Missing) > 0 {
		row[snapshots.column("missing")] = strings.Join(t.Missing, "; ")
	}
	return row
}

// setShard sets the cells that contain the shard of a row.
func (t *snapshotter) setShard(r relation, row []any) {
	row[r.column("shard")], row[r.column("shards")] = int64(t.Shard.Index), int64(t.Shard.Shards())
}

func one(row []any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) { yield(row, nil) }
}

// rows returns the rows of the product's table that the relation saves.
func (t *snapshotter) rows(ctx context.Context, r relation) iter.Seq2[any, error] {
	i := slices.IndexFunc(t.tables, func(table table.Table) bool { return table.Name() == r.of.Name() })
	columns := []string{}
	for _, c := range r.of.Columns() {
		if r.has(c) {
			columns = append(columns, c.Name)
		}
	}
	return t.tables[i].Rows(ctx, table.Query{Columns: columns})
}

// sessions yields the rows of the scan.
func (t *snapshotter) sessions(ctx context.Context, r relation) iter.Seq2[[]any, error] {
	session, handle := r.column("session"), r.column("session_handle")
	return func(yield func([]any, error) bool) {
		for row, err := range t.rows(ctx, r) {
			if err != nil {
				yield(nil, err)
				return
			}
			t.Sessions++
			cells := r.cells(row)
			cells[session] = t.fingerprint(cells[handle])
			if !t.options.KeepHandles {
				cells[handle] = nil
			}
			if !yield(cells, nil) {
				return
			}
		}
	}
}

// fingerprint returns what identifies the session. A session without a handle gets one that occurs only in this
// snapshot.
func (t *snapshotter) fingerprint(handle any) string {
	if handle, _ := handle.(string); handle != "" {
		return t.options.Key.Fingerprint(handle)
	}
	return t.options.Key.Fingerprint(fmt.Sprintf("session %d of %s", t.Sessions, t.At))
}

// scans yields the rows of the scan's evidence.
func (t *snapshotter) scans(ctx context.Context, r relation) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for row, err := range t.rows(ctx, r) {
			if err != nil {
				yield(nil, err)
				return
			}
			cells := r.cells(row)
			t.setShard(r, cells)
			t.count(r, cells)
			if !yield(cells, nil) {
				return
			}
		}
	}
}

// count records how complete a realm is.
func (t *snapshotter) count(r relation, cells []any) {
	cell := func(name string) string {
		text, _ := cells[r.column(name)].(string)
		return text
	}
	completeness := inventory.Completeness(cell("completeness"))
	t.Realms[completeness]++
	switch failure := cell("error"); {
	case failure != "":
		t.Lacking = append(t.Lacking, fmt.Sprintf("realm %s failed (%s)", cell("realm"), failure))
	case completeness == inventory.Truncated:
		t.Lacking = append(t.Lacking, fmt.Sprintf("the list of realm %s is truncated (%s)", cell("realm"), cell("reason")))
	}
}

// small saves a table that describes the server. If it cannot be read, the snapshot is saved without it and says so.
func (t *snapshotter) small(ctx context.Context, r relation) error {
	var unread error
	err := t.draft.write(ctx, r, func(yield func([]any, error) bool) {
		for row, err := range t.rows(ctx, r) {
			if err != nil {
				unread = err
				yield(nil, err)
				return
			}
			if !yield(r.cells(row), nil) {
				return
			}
		}
	})
	if unread != nil && errors.Is(err, unread) && ctx.Err() == nil {
		t.Missing = append(t.Missing, fmt.Sprintf("%s: %v", r.of.Name(), unread))
		return nil
	}
	return err
}
