//go:build !demo

package workspace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/history"
)

// DefaultHistory stands for the default target of amsql snapshot.
const DefaultHistory = "default"

// AttachHistory adds the history at a target, read-only, as the schema history: an SQLite file directly, other targets
// as a copy of what the SQL needs. If sql is "", it copies everything.
func (w *Workspace) AttachHistory(ctx context.Context, target, sql string) error {
	if target == "" {
		return nil
	}
	path, err := w.historyFile(ctx, target, sql)
	if err == nil {
		w.DB.TrustTimes("history")
		err = cmp.Or(history.CheckSQLite(ctx, path), w.DB.AttachFile("history", path),
			w.DB.Define("am_session_at", history.SessionAt, history.KnownAt, w.tellKnown))
	}
	if err == nil {
		w.hasHistory = true
		err = w.tellAhead(ctx)
	}
	if err != nil && ctx.Err() == nil {
		return Usage("%v", err)
	}
	return err
}

// historyFile returns the path of the SQLite file with the history.
func (w *Workspace) historyFile(ctx context.Context, target, sql string) (path string, err error) {
	if target == DefaultHistory {
		folder, err := history.Folder()
		if err != nil {
			return "", fmt.Errorf("%w, or give a target", err)
		}
		target = filepath.Join(folder, "history.db")
	}
	if local := history.LocalPath(target); local != "" {
		if _, err := os.Stat(local); errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%w; amsql snapshot creates one", err)
		}
	}
	if !history.IsCopied(target) {
		return target, nil
	}
	if w.copied != "" {
		return "", errors.New("a history is already open")
	}
	if w.copied, err = os.MkdirTemp("", "amsql-history-*"); err != nil {
		return "", fmt.Errorf("create a directory for a copy of the history (set TMPDIR to choose where): %w", err)
	}
	start := time.Now()
	path = filepath.Join(w.copied, "history.db")
	copied, err := history.Copy(ctx, target, path, sql)
	if err == nil {
		w.Notices.Add(fmt.Sprintf("copied %s of the history to query it: %s rows, %s, in %s", english.Plural(copied.Snapshots, "snapshot", ""),
			humanize.Comma(copied.Rows), humanize.Bytes(uint64(copied.Bytes)), time.Since(start).Round(100*time.Millisecond)))
	}
	return path, err
}

// tellKnown reports which snapshots the answer for a time is based on, and how old they were then. For a time before
// the first snapshot, it returns an error.
func (w *Workspace) tellKnown(servers [][]string) error {
	const server, before, first, moment = 0, 1, 2, 3
	answered := false
	var unknown []string
	for _, s := range servers {
		if s[before] == "" {
			unknown = append(unknown, fmt.Sprintf("am_session_at: nothing is known about %s at %s: its first snapshot is from %s", s[server], s[moment], s[first]))
			continue
		}
		answered = true
		w.Notices.Add(fmt.Sprintf("am_session_at: %s as of the snapshot from %s, %s earlier", s[server], s[before], apart(s[before], s[moment])))
	}
	switch {
	case answered:
		for _, notice := range unknown {
			w.Notices.Add(notice)
		}
		return nil
	case len(servers) == 0:
		return errors.New("am_session_at: the history has no snapshots: take one with amsql snapshot")
	}
	earliest := servers[0]
	for _, s := range servers {
		if s[first] < earliest[first] {
			earliest = s
		}
	}
	return fmt.Errorf("am_session_at: nothing is known about %s: the first snapshot is from %s", earliest[moment], earliest[first])
}

// apart returns the duration between two times in SQL's form.
func apart(a, b string) time.Duration {
	from, _ := time.Parse(time.DateTime, a) // also accepts a fraction
	to, _ := time.Parse(time.DateTime, b)
	return to.Sub(from).Round(time.Second)
}

// tellAhead reports snapshots with a time in the future.
func (w *Workspace) tellAhead(ctx context.Context) error {
	rows, err := w.DB.Query(ctx, history.Ahead)
	if err != nil {
		return err
	}
	for rows.Next() { //nolint:contextcheck // the rows have theirs
		server, _ := rows.Values()[0].(string)
		at, _ := rows.Values()[1].(string)
		ahead, err := time.Parse(time.DateTime, at)
		if err != nil {
			return cmp.Or(rows.Close(), err) //nolint:contextcheck // as above
		}
		w.Notices.Add(history.DescribeAhead(server, ahead))
	}
	return cmp.Or(rows.Err(), rows.Close()) //nolint:contextcheck // as above
}
