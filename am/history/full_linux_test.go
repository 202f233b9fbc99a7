package history

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
)

// smallDisk mounts a small file system that any user can write to.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "amsql-disk-") // not below t.TempDir, which PostgreSQL's user cannot enter
	must(t, err)
	t.Cleanup(func() { must(t, os.Remove(dir)) })
	if err := syscall.Mount("amsql", dir, "tmpfs", 0, "size=8m,mode=777"); err != nil {
		t.Log(err)
		t.Skip("needs the right to mount a file system: root of Linux")
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// fill leaves this number of bytes free, until the file that it creates is removed.
func fill(t *testing.T, dir string, left uint64) (filler string) {
	t.Helper()
	var disk syscall.Statfs_t
	must(t, syscall.Statfs(dir, &disk))
	filler = filepath.Join(dir, "filler")
	must(t, os.WriteFile(filler, make([]byte, disk.Bavail*uint64(disk.Bsize)-left), 0o600))
	return filler
}

// names returns the names of all files on a disk.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	}))
	return all
}

func TestAFullDiskLeavesTheEarlierSnapshots(t *testing.T) {
	for name, newStore := range map[string]func(t *testing.T, dir string) kept{
		"SQLite":     func(t *testing.T, dir string) kept { return newSQLiteIn(t, dir) },
		"Parquet":    func(t *testing.T, dir string) kept { return newFolder(t, "DuckDB", duckdbPython(t), dir) },
		"PostgreSQL": newPostgresIn,
	} {
		t.Run(name, func(t *testing.T) {
			dir := smallDisk(t)
			aFullDiskLeavesTheEarlierSnapshots(t, newStore(t, dir), dir)
		})
	}
}

func aFullDiskLeavesTheEarlierSnapshots(t *testing.T, k kept, dir string) {
	at := noon
	take := func(store Store) error {
		at = at.Add(time.Second)
		return writeMade(t.Context(), store, "server", at, rowsPerSnapshot)
	}
	must(t, take(k))
	before := names(t, dir)
	for _, left := range []uint64{0, 4 << 10, 12 << 10, 30 << 10} {
		filler := fill(t, dir, left)
		if err := take(k); !full(err) {
			t.Errorf("with %d bytes left: %v", left, err)
		}
		if n := wholeOrAbsent(t, k); n != 1 {
			t.Errorf("with %d bytes left, there are %d snapshots", left, n)
		}
		must(t, os.Remove(filler))
		// PostgreSQL keeps files that it has made larger, and may create more.
		if after := names(t, dir); k.name != "Postgres" && !slices.Equal(after, before) {
			t.Errorf("with %d bytes left, there is %q, and before there was %q", left, after, before)
		}
	}
	must(t, take(k))
	must(t, take(k.reopen(t)))
	if n := wholeOrAbsent(t, k); n != 3 {
		t.Errorf("with room again, there are %d snapshots", n)
	}
}

// newPostgresIn creates a history with tables in a folder.
func newPostgresIn(t *testing.T, dir string) kept {
	t.Helper()
	server := postgrestest.Start(t)
	space := filepath.Join(dir, "space")
	must(t, os.Mkdir(space, 0o700))
	must(t, os.Chown(space, 65534, 65534)) // the user that runs the server
	for _, sql := range []string{"create tablespace small location '" + space + "'", "alter system set default_tablespace = small", "select pg_reload_conf()"} {
		_, err := connectPostgres(t, server).Exec(t.Context(), sql)
		must(t, err)
	}
	return newPostgres(t, server, "small")
}

func TestAFullFolderOfTemporaryFilesIsNamed(t *testing.T) {
	k := newSQLite(t)
	must(t, writeMade(t.Context(), k, "server", noon, rowsPerSnapshot))
	dir := smallDisk(t)
	t.Setenv("SQLITE_TMPDIR", dir)
	filler := fill(t, dir, 64<<10)
	err := writeMade(t.Context(), k, "server", noon.Add(time.Hour), 10*rowsPerSnapshot)
	if !full(err) || !strings.Contains(fmt.Sprint(err), ": write "+dir+"/") {
		t.Errorf("error %v", err)
	}
	must(t, os.Remove(filler))
	if left := names(t, dir); len(left) > 1 {
		t.Errorf("left behind: %q", left)
	}
	must(t, writeMade(t.Context(), k, "server", noon.Add(time.Hour), rowsPerSnapshot))
	if n := wholeOrAbsent(t, k); n != 2 {
		t.Errorf("there are %d snapshots", n)
	}
}

func TestADraftThatCannotBeRemovedStopsNothing(t *testing.T) {
	dir := t.TempDir()
	draft := filepath.Join(dir, draftPrefix+"of-another")
	must(t, os.Mkdir(draft, 0o700))
	cannotBeRemoved(t, draft)
	old := time.Now().AddDate(0, 0, -daysOpen-1)
	must(t, os.Chtimes(draft, old, old))
	must(t, writeMade(t.Context(), openParquet(t, dir), "server", noon, 3))
	if _, err := os.Stat(draft); err != nil {
		t.Errorf("it has been removed: %v", err)
	}
}

// cannotBeRemoved mounts a file system on a folder, so that not even root can remove it.
func cannotBeRemoved(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mount("amsql", dir, "tmpfs", 0, "size=8k,mode=777"); err != nil {
		t.Log(err)
		t.Skip("needs the right to mount a file system: root of Linux")
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
}
