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

// parquetStore is a history in a folder: a dataset with Hive partitions, which DuckDB, Spark and Trino know. A snapshot is
// one folder with a file for each relation, or such a folder for each of its shards. It is written under a hidden name,
// which no engine reads, and then renamed.
type parquetStore struct{ dir string }

const (
	snapshotGlob = "server=*/date=*/snapshot=*"
	snapshotTime = "20060102T150405.000000Z" // in the name of a snapshot's folder
	shardSuffix  = "-%dof%d"                 // after it, where it is a shard's

	draftPrefix   = ".draft-"   // of a snapshot that is being written
	removedPrefix = ".removed-" // of one that is being removed
)

// OpenParquet opens a history in a folder, and makes it where there is none. Only its owner can read it.
func OpenParquet(dir string) (Store, error) {
	if dir == "" {
		return nil, errors.New("parquet: lacks a folder, as in parquet:/var/lib/amsql/history")
	}
	dir = filepath.Clean(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil { //nolint:gosec // where the user wants it
		return nil, err
	}
	s := &parquetStore{dir}
	return s, s.clear(time.Now().AddDate(0, 0, -daysOpen))
}

// clear removes what killed processes have left behind: hidden folders that are older than any scan that still runs.
func (s *parquetStore) clear(before time.Time) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		ours := strings.HasPrefix(e.Name(), draftPrefix) || strings.HasPrefix(e.Name(), removedPrefix)
		if info, err := e.Info(); !ours || err != nil || info.ModTime().After(before) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (s *parquetStore) String() string { return parquetScheme + s.dir }
func (s *parquetStore) Close() error   { return nil }

// escaped is a value in the name of a partition. Hive, and all who read its partitions, undo it.
func escaped(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

// folder is a snapshot's, or that of its shard, within the dataset.
func (id snapshotID) folder(shard inventory.Shard) string {
	at := id.at.UTC()
	name := "snapshot=" + at.Format(snapshotTime)
	if shard.Shards() > 1 {
		name += fmt.Sprintf(shardSuffix, shard.Index, shard.Count)
	}
	return filepath.Join("server="+escaped(id.server), "date="+at.Format(time.DateOnly), name)
}

// parquetFile is a relation's, within the folder of a snapshot.
func parquetFile(r relation) string { return filepath.Join("relation="+r.name, "rows.parquet") }

func (s *parquetStore) list(context.Context) (all []snapshotID, err error) {
	folders, err := fs.Glob(os.DirFS(s.dir), snapshotGlob)
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		parts := strings.Split(folder, "/")
		server, err := url.QueryUnescape(strings.TrimPrefix(parts[0], "server="))
		if err != nil {
			return nil, fmt.Errorf("the folder %s: %w", folder, err)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(parts[2], "snapshot="), "-")
		at, err := time.Parse(snapshotTime, name)
		if err != nil {
			return nil, fmt.Errorf("the folder %s: %w", folder, err)
		}
		all = append(all, snapshotID{server, at})
	}
	return slices.Compact(all), nil // in the order of names
}

func (s *parquetStore) shards(_ context.Context, server string, takenAt time.Time) (shards []inventory.Shard, err error) {
	folders, err := fs.Glob(os.DirFS(s.dir), filepath.ToSlash(snapshotID{server, takenAt}.folder(inventory.Shard{}))+"*")
	for _, folder := range folders {
		var shard inventory.Shard
		if _, suffix, is := strings.Cut(path.Base(folder), "Z-"); is {
			if _, err := fmt.Sscanf("-"+suffix, shardSuffix, &shard.Index, &shard.Count); err != nil {
				return nil, fmt.Errorf("the folder %s: %w", folder, err)
			}
		}
		shards = append(shards, shard)
	}
	return shards, err
}

func (s *parquetStore) lastKey(ctx context.Context, server string) (string, error) {
	all, err := s.list(ctx)
	if err != nil {
		return "", err
	}
	var last snapshotID
	for _, id := range all {
		if id.server == server && id.at.After(last.at) {
			last = id
		}
	}
	shards, err := s.shards(ctx, last.server, last.at)
	if err != nil || len(shards) == 0 {
		return "", err
	}
	return readKeyName(filepath.Join(s.dir, last.folder(shards[0]), parquetFile(snapshots)))
}

// remove hides each snapshot, a shard in one step, and then deletes it. One that is killed has removed some of them.
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
			if !errors.Is(moved, fs.ErrNotExist) { // else another process has been quicker
				err = errors.Join(err, moved)
			}
		}
		if err = errors.Join(err, os.RemoveAll(hidden)); err != nil {
			return fmt.Errorf("remove a snapshot: %w", err)
		}
		if now.Sub(id.at) > daysOpen*24*time.Hour {
			_ = os.Remove(filepath.Join(s.dir, filepath.Dir(id.folder(inventory.Shard{})))) // fails where the day has other snapshots
		}
	}
	return nil
}

func (s *parquetStore) begin(_ context.Context, server string, takenAt time.Time, shard inventory.Shard) (draft, error) {
	hidden, err := os.MkdirTemp(s.dir, draftPrefix+"*")
	if err != nil {
		return nil, err
	}
	return &parquetDraft{store: s, id: snapshotID{server, takenAt}, shard: shard, dir: hidden, written: map[string]bool{}}, nil
}

type parquetDraft struct {
	store   *parquetStore
	id      snapshotID
	shard   inventory.Shard
	dir     string // "" when it is done
	written map[string]bool
}

func (d *parquetDraft) write(ctx context.Context, r relation, rows iter.Seq2[[]any, error]) error {
	path := filepath.Join(d.dir, parquetFile(r))
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	err := writeParquet(path, r, d.id.at, rows)
	d.written[r.name] = err == nil
	if err != nil {
		return err
	}
	return ctx.Err()
}

// commit gives each relation that lacks a file an empty one, for engines that want some, and the folder its name.
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
	target := filepath.Join(d.store.dir, d.id.folder(d.shard))
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	if err := syncFolders(d.dir); err != nil {
		return err
	}
	if err := os.Rename(d.dir, target); err != nil {
		return err
	}
	d.dir = ""
	for dir := target; dir != d.store.dir; {
		dir = filepath.Dir(dir)
		if err := syncFolder(dir); err != nil {
			return err
		}
	}
	return nil
}

func (d *parquetDraft) abandon(context.Context) {
	if d.dir != "" {
		_ = os.RemoveAll(d.dir) // what is left is cleared later
	}
}

// syncFolders makes a folder's names and those in it outlast a loss of power; the files have seen to themselves.
func syncFolders(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return syncFolder(path)
	})
}
