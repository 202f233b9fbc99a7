package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// parquetStore is a history in a folder: a dataset with Hive partitions, which DuckDB, Spark and Trino can read. A
// snapshot is one folder with a file for each relation, or one such folder for each of its shards. It is written under
// a hidden name, which no engine reads, and then renamed.
type parquetStore struct{ dir string }

const (
	snapshotGlob  = "server=*/date=*/snapshot=*"
	snapshotDepth = 3                         // depth of such a folder
	snapshotTime  = "20060102T150405.000000Z" // the time in its name
	shardSuffix   = "-%dof%d"                 // follows the time if it contains a shard

	draftPrefix   = ".draft-"   // of a snapshot that is being written
	removedPrefix = ".removed-" // of a snapshot that is being removed
)

// OpenParquet opens a history in a folder. If the folder does not exist, it creates one that only its owner can read.
func OpenParquet(dir string) (Store, error) {
	if dir == "" {
		return nil, errors.New("parquet: needs a directory, as in parquet:/var/lib/amsql/history")
	}
	dir = filepath.Clean(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil { //nolint:gosec // where the user wants it
		return nil, err
	}
	clearFolder(dir, draftPrefix, removedPrefix)
	return &parquetStore{dir}, nil
}

// clearFolder removes what killed processes have left in a folder: entries with these prefixes that are older than any
// scan that may still be running. If an entry cannot be removed, it belongs to another user, and does no harm.
func clearFolder(dir string, prefixes ...string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	before := time.Now().AddDate(0, 0, -daysOpen)
	for _, e := range entries {
		ours := slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(e.Name(), prefix) })
		if info, err := e.Info(); !ours || err != nil || info.ModTime().After(before) {
			continue
		}
		_ = os.RemoveAll(filepath.Join(dir, e.Name())) //nolint:gosec // what is in the folder
	}
}

func (s *parquetStore) String() string { return parquetScheme + s.dir }
func (s *parquetStore) Close() error   { return nil }

// escaped writes a value for the name of a partition. Hive, and everything that reads its partitions, reverses this.
func escaped(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

// folder returns the path of the folder of a snapshot, or of its shard, within the dataset.
func (id snapshotID) folder(shard inventory.Shard) string {
	at := id.at.UTC()
	name := "snapshot=" + at.Format(snapshotTime)
	if shard.Shards() > 1 {
		name += fmt.Sprintf(shardSuffix, shard.Index, shard.Count)
	}
	return path.Join("server="+escaped(id.server), "date="+at.Format(time.DateOnly), name)
}

// ofFolder returns the snapshot and shard that a folder belongs to. There may be other folders, too.
func ofFolder(folder string) (id snapshotID, shard inventory.Shard, is bool) {
	server, _, _ := strings.Cut(folder, "/")
	at, suffix, sharded := strings.Cut(strings.TrimPrefix(path.Base(folder), "snapshot="), "-")
	var err error
	if id.server, err = url.QueryUnescape(strings.TrimPrefix(server, "server=")); err == nil {
		id.at, err = time.Parse(snapshotTime, at)
	}
	if err == nil && sharded {
		_, err = fmt.Sscanf("-"+suffix, shardSuffix, &shard.Index, &shard.Count)
	}
	return id, shard, err == nil && id.folder(shard) == folder
}

// parquetFile returns the path of a relation's file within the folder of a snapshot.
func parquetFile(r relation) string { return path.Join("relation="+r.name, "rows.parquet") }

func (s *parquetStore) list(context.Context) ([]listed, error) {
	folders, err := fs.Glob(os.DirFS(s.dir), snapshotGlob)
	if err != nil {
		return nil, err
	}
	kept := map[snapshotID][]inventory.Shard{}
	for _, folder := range folders {
		if id, shard, is := ofFolder(folder); is {
			kept[id] = append(kept[id], shard)
		}
	}
	return listOf(kept), nil
}

func (s *parquetStore) shards(_ context.Context, server string, takenAt time.Time) (shards []inventory.Shard, err error) {
	folders, err := fs.Glob(os.DirFS(s.dir), snapshotID{server, takenAt}.folder(inventory.Shard{})+"*")
	for _, folder := range folders {
		if _, shard, is := ofFolder(folder); is {
			shards = append(shards, shard)
		}
	}
	return shards, err
}

func (s *parquetStore) before(ctx context.Context, server string, soon time.Time) (b before, err error) {
	all, err := s.list(ctx)
	if err != nil {
		return b, err
	}
	var last snapshotID
	for _, l := range all {
		switch {
		case l.server != server:
		case l.at.After(soon):
			b.ahead = latestTime(b.ahead, l.at)
		case l.at.After(last.at):
			last = l.snapshotID
		}
	}
	shards, err := s.shards(ctx, last.server, last.at)
	if err != nil || len(shards) == 0 {
		return b, err
	}
	name := filepath.Join(s.dir, last.folder(shards[0]), parquetFile(snapshots))
	content, err := os.ReadFile(name)
	if err != nil {
		return b, err
	}
	b.key, err = readKeyName(name, content)
	return b, err
}

func (s *parquetStore) previous(ctx context.Context, server, realm string, before time.Time) iter.Seq2[[]any, error] {
	return previousOf(ctx, s, server, realm, before)
}

func (s *parquetStore) earlier(ctx context.Context, server string, before time.Time) iter.Seq2[listed, error] {
	return func(yield func(listed, error) bool) {
		all, err := s.list(ctx)
		if err != nil {
			yield(listed{}, err)
			return
		}
		for _, l := range latestFirst(all) {
			if l.server == server && l.at.Before(before) && !yield(l, nil) {
				return
			}
		}
	}
}

func latestTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// remove first renames each snapshot, or each shard of it, to a hidden name, and then deletes it. If it is killed, some
// of the snapshots have been removed.
func (s *parquetStore) remove(ctx context.Context, removed, _ []snapshotID, now time.Time) error {
	for _, id := range removed {
		if err := ctx.Err(); err != nil {
			return err
		}
		hidden, err := os.MkdirTemp(s.dir, removedPrefix+"*")
		if err != nil {
			return err
		}
		shards, err := s.shards(ctx, id.server, id.at)
		for _, shard := range shards {
			folder := filepath.Join(s.dir, id.folder(shard))
			moved := os.Rename(folder, filepath.Join(hidden, filepath.Base(folder)))
			if !errors.Is(moved, fs.ErrNotExist) { // otherwise another process has already removed it
				err = errors.Join(err, moved)
			}
		}
		if err = errors.Join(err, os.RemoveAll(hidden)); err != nil {
			return fmt.Errorf("remove a snapshot: %w", err)
		}
		if now.Sub(id.at) > daysOpen*24*time.Hour {
			_ = os.Remove(filepath.Join(s.dir, filepath.Dir(id.folder(inventory.Shard{})))) // fails if the day has other snapshots
		}
	}
	return nil
}

func (s *parquetStore) begin(_ context.Context, server string, takenAt time.Time, shard inventory.Shard) (draft, error) {
	hidden, err := os.MkdirTemp(s.dir, draftPrefix+"*")
	if err != nil {
		return nil, err
	}
	return newParquetDraft(snapshotID{server, takenAt}, shard, hidden, s.rename), nil
}

// rename gives the folder of a complete snapshot its final name.
func (s *parquetStore) rename(_ context.Context, dir, folder string) error {
	target := filepath.Join(s.dir, folder)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	if err := syncFolders(dir); err != nil {
		return err
	}
	if err := os.Rename(dir, target); err != nil {
		return err
	}
	for dir := target; dir != s.dir; {
		dir = filepath.Dir(dir)
		if err := syncFolder(dir); err != nil {
			return err
		}
	}
	return nil
}

// parquetDraft is a folder in which a snapshot is written before others can see it.
type parquetDraft struct {
	at      time.Time
	folder  string // its future path in the dataset
	dir     string // "" after commit or abandon
	written map[string]bool
	publish func(ctx context.Context, dir, folder string) error // moves dir to folder
}

func newParquetDraft(id snapshotID, shard inventory.Shard, dir string, publish func(ctx context.Context, dir, folder string) error) draft {
	return &parquetDraft{at: id.at, folder: id.folder(shard), dir: dir, written: map[string]bool{}, publish: publish}
}

func (d *parquetDraft) write(ctx context.Context, r relation, rows iter.Seq2[[]any, error]) error {
	path := filepath.Join(d.dir, parquetFile(r))
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	err := writeParquet(path, r, d.at, rows)
	d.written[r.name] = err == nil
	if err != nil {
		return err
	}
	return ctx.Err()
}

// commit adds an empty file for each relation that has none, because some engines need it, and publishes the folder.
func (d *parquetDraft) commit(ctx context.Context) error {
	for _, r := range relations() {
		if d.written[r.name] {
			continue
		}
		if err := d.write(ctx, r, func(func([]any, error) bool) {}); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.publish(ctx, d.dir, d.folder); err != nil {
		return err
	}
	d.dir = ""
	return nil
}

func (d *parquetDraft) abandon(context.Context) {
	if d.dir != "" {
		_ = os.RemoveAll(d.dir) // anything left is removed later
	}
}

// syncFolders makes the names of a folder and of its subfolders survive a loss of power. The files have already been
// synced.
func syncFolders(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return syncFolder(path)
	})
}
