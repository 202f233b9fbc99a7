package workspace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/report"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// Latest returns the product's tables as of the latest snapshot of each server in the attached history, and these
// snapshots. If a table that is used is missing from one of them, that is an error.
func (w *Workspace) Latest(ctx context.Context, used map[string]bool) ([]table.Table, []report.Snapshot, error) {
	snapshots, err := w.latestSnapshots(ctx, used)
	if err != nil {
		return nil, nil, err
	}
	var tables []table.Table
	for _, t := range am.Tables(nil) {
		columns, err := w.columnsOf(ctx, "history."+t.Name())
		if err == nil { // a history does not contain tables of tokens
			tables = append(tables, &latestTable{t, w, columns, snapshots})
		} else if used[t.Name()] {
			return nil, nil, err
		}
	}
	return tables, snapshots, nil
}

func (w *Workspace) latestSnapshots(ctx context.Context, used map[string]bool) (snapshots []report.Snapshot, err error) {
	const sql = `select l.base_url, unixepoch(l.taken_at), unixepoch(), group_concat(s.missing, '; ')
from history.am_latest l join history.snapshot s on s.server = l.base_url and s.taken_at = l.taken_at
group by l.base_url, l.taken_at order by l.base_url`
	for row, err := range w.ask(ctx, sql) {
		if err != nil {
			return nil, err
		}
		server, _ := row[0].(string)
		taken, _ := row[1].(int64)
		now, _ := row[2].(int64)
		s := report.Snapshot{Server: server, Taken: time.Unix(taken, 0).UTC(), Age: now - taken}
		missing, _ := row[3].(string)
		for lack := range strings.SplitSeq(missing, "; ") {
			if name, _, _ := strings.Cut(lack, ": "); used[name] {
				return nil, fmt.Errorf("the %s lacks %s: take another, or choose reports that do not need %s", s, lack, name)
			}
		}
		snapshots = append(snapshots, s)
	}
	if snapshots == nil {
		err = errors.New("the history has no snapshot: amsql snapshot takes one")
	}
	return snapshots, err
}

// columnsOf returns the columns of a table, in lower case.
func (w *Workspace) columnsOf(ctx context.Context, name string) (names []string, err error) {
	rows, err := w.DB.Query(ctx, "select * from "+name+" limit 0")
	if err != nil {
		return nil, err
	}
	for _, c := range rows.Columns() {
		names = append(names, strings.ToLower(c.Name))
	}
	return names, rows.Close() //nolint:contextcheck // the rows have theirs
}

// ask yields the rows of a statement.
func (w *Workspace) ask(ctx context.Context, sql string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		rows, err := w.DB.Query(ctx, sql)
		if err != nil {
			yield(nil, err)
			return
		}
		for rows.Next() { //nolint:contextcheck // the rows have theirs
			if !yield(slices.Clone(rows.Values()), nil) {
				_ = rows.Close() //nolint:contextcheck // as above; nobody asks any more
				return
			}
		}
		if err := cmp.Or(rows.Err(), rows.Close()); err != nil { //nolint:contextcheck // as above
			yield(nil, err)
		}
	}
}

// A latestTable is a table as of the latest snapshots. Its rows come from the view of the same name.
type latestTable struct {
	table.Table
	workspace *Workspace
	kept      []string // the columns that the history has
	snapshots []report.Snapshot
}

// Keys returns none, because the history is read completely.
func (*latestTable) Keys() []string { return nil }

// Rows yields all rows. For am_server, there is a row for each snapshot, with a clock that is behind by the snapshot's
// age: the current time is that of the snapshot.
func (t *latestTable) Rows(ctx context.Context, _ table.Query) iter.Seq2[any, error] {
	from, columns := "history."+t.Name()+" t", make([]string, len(t.Columns()))
	if t.Name() == "am_server" {
		from = "history.am_latest l left join history.am_server t on t.base_url = l.base_url"
	}
	clock := -1
	for i, c := range t.Columns() {
		switch {
		case t.Name() == "am_server" && c.Name == "base_url":
			columns[i] = "l.base_url"
		case t.Name() == "am_server" && c.Name == "clock_skew_seconds":
			columns[i], clock = "coalesce(t.clock_skew_seconds, 0)", i
		case slices.Contains(t.kept, c.Name):
			columns[i] = "t." + c.Name
		default:
			columns[i] = "null"
		}
	}
	ages := map[any]int64{}
	for _, s := range t.snapshots {
		ages[s.Server] = s.Age
	}
	server := slices.IndexFunc(t.Columns(), func(c table.Column) bool { return c.Name == "base_url" })
	return func(yield func(any, error) bool) {
		for row, err := range t.workspace.ask(ctx, "select "+strings.Join(columns, ", ")+" from "+from) {
			if err == nil && clock >= 0 {
				ahead, _ := row[clock].(int64)
				row[clock] = ahead - ages[row[server]]
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// Cell returns a cell of the row.
func (*latestTable) Cell(row any, column int) any { return row.([]any)[column] }
