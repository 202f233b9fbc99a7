package history

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/postgrestest"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"
)

func openParquet(t testing.TB, dir string) Store {
	t.Helper()
	store, err := Open(t.Context(), parquetScheme+dir)
	must(t, err)
	return store
}

func TestADatasetHasHivePartitionsAndRowGroupsToSkip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	must(t, writeMade(t.Context(), openParquet(t, dir), "https://am.example.com:8443/am", noon, rowGroup+5))
	path := filepath.Join(dir, "server=https%3A%2F%2Fam.example.com%3A8443%2Fam/date=2026-11-22/snapshot=20261122T120000.123000Z/relation=session/rows.parquet")
	file, err := os.Open(path)
	must(t, err)
	defer func() { must(t, file.Close()) }()
	info, err := file.Stat()
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	content, err := parquet.OpenFile(file, info.Size())
	must(t, err)
	var rows []int64
	for _, group := range content.RowGroups() {
		rows = append(rows, group.NumRows())
		column, _ := content.Schema().Lookup("session")
		if group.ColumnChunks()[column.ColumnIndex].BloomFilter() == nil {
			t.Error("a row group has no filter of its sessions")
		}
	}
	if !slices.Equal(rows, []int64{rowGroup, 5}) {
		t.Errorf("row groups of %d rows", rows)
	}
	if codec := content.Metadata().RowGroups[0].Columns[0].MetaData.Codec.String(); codec != "ZSTD" {
		t.Errorf("compressed with %s", codec)
	}
}

func TestWhatAKillLeavesInAFolderIsClearedLater(t *testing.T) {
	dir := t.TempDir()
	store := openParquet(t, dir)
	for range 2 { // neither is ended
		d, err := store.begin(t.Context(), "server", noon, inventory.Shard{})
		must(t, err)
		must(t, d.write(t.Context(), snapshots, madeRows(snapshots, 1)))
	}
	left, err := filepath.Glob(filepath.Join(dir, draftPrefix+"*"))
	must(t, err)
	old := time.Now().AddDate(0, 0, -daysOpen-1)
	must(t, os.Chtimes(left[0], old, old))
	must(t, os.WriteFile(filepath.Join(dir, ".mine"), nil, 0o600))
	must(t, os.Chtimes(filepath.Join(dir, ".mine"), old, old))
	openParquet(t, dir)
	got, err := fs.Glob(os.DirFS(dir), "*")
	must(t, err)
	if want := []string{filepath.Base(left[1]), ".mine"}; !slices.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
	if all, err := store.list(t.Context()); err != nil || all != nil {
		t.Errorf("snapshots %v, %v", all, err)
	}
}

func TestADatasetNeedsAFolder(t *testing.T) {
	if _, err := Open(t.Context(), parquetScheme); err == nil || err.Error() != "parquet: lacks a folder, as in parquet:/var/lib/amsql/history" {
		t.Errorf("without one: %v", err)
	}
}

// All stores answer the same questions of the same thirty snapshots with the same rows.
func TestStoresAgreeOnThirtySnapshots(t *testing.T) {
	python := duckdbPython(t)
	stores := []kept{newSQLite(t), newPostgres(t, postgrestest.Start(t), "thirty"), newParquet(t, python)}
	var servers []string
	series := rapid.Custom(func(rt *rapid.T) []modelSnapshot { return drawSnapshots(rt, "s") })
	for n, seed := 0, 0; n < 30; seed++ {
		server := "https://am" + string(rune('a'+seed%26)) + ".example.com/am"
		if seed == 26 {
			t.Fatalf("only %d snapshots", n)
		}
		servers = append(servers, server)
		for _, s := range series.Example(seed) {
			if n++; n > 30 {
				break
			}
			for _, k := range stores {
				must(t, keep(t.Context(), k, server, s))
			}
		}
	}
	for _, question := range []string{
		"select base_url, taken_at, sessions, realms, realms_cut from am_snapshot",
		"select base_url, session, realm, first_seen, last_seen, gone_by, snapshots, last_access from am_session_history",
		"select base_url, session, taken_at, valid_until from am_session_seen",
		"select base_url, session, change, seen_at from am_session_change",
		"select base_url, realm, taken_at, sessions, at_least from am_concurrency",
		"select base_url, session, username, realm, title from am_session",
		"select base_url, realm, sessions, completeness from am_session_scan",
	} {
		want := stores[0].ask(t, question)
		slices.Sort(want)
		for _, k := range stores[1:] {
			got := k.ask(t, question)
			slices.Sort(got)
			if !slices.Equal(got, want) || len(got) < len(servers) {
				t.Errorf("%s\n%s has %q\nSQLite has %q", question, k.name, got, want)
			}
		}
	}
}
