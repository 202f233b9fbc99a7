package history

import (
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
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

// Columns are encoded concurrently and in batches, while row groups are written.
func TestAFileHasAllRowsInTheirOrder(t *testing.T) {
	r, path := sessionRelation(), filepath.Join(t.TempDir(), "rows.parquet")
	var want []string
	must(t, writeParquet(path, r, noon, func(yield func([]any, error) bool) {
		for row := range realistic(r, 2*rowGroup+writeBatch+5) {
			if want = append(want, row[0].(string)); !yield(row, nil) {
				return
			}
		}
	}))
	rows, err := parquet.ReadFile[struct {
		Session string    `parquet:"session,optional"`
		At      time.Time `parquet:"taken_at,timestamp(microsecond),optional"`
	}](path)
	must(t, err)
	for i, row := range rows {
		if row.Session != want[i] || !row.At.Equal(noon) {
			t.Fatalf("row %d has %v, want %s at %s", i, row, want[i], noon)
		}
	}
	if len(rows) != len(want) {
		t.Errorf("%d rows, want %d", len(rows), len(want))
	}
	file, err := os.Open(path)
	must(t, err)
	defer func() { must(t, file.Close()) }()
	info, err := file.Stat()
	must(t, err)
	content, err := parquet.OpenFile(file, info.Size())
	must(t, err)
	for i, group := range content.RowGroups() {
		column, _ := content.Schema().Lookup("session")
		of := group.ColumnChunks()[column.ColumnIndex].BloomFilter()
		for j := i * rowGroup; j < min((i+1)*rowGroup, len(want)); j += 997 {
			if found, err := of.Check(parquet.ValueOf(want[j])); err != nil || !found {
				t.Errorf("the filter of row group %d lacks row %d: %v", i, j, err)
			}
		}
		// A fingerprint is stored as 16 bytes.
		if size := content.Metadata().RowGroups[i].Columns[column.ColumnIndex].MetaData.TotalCompressedSize; size > 18*group.NumRows() {
			t.Errorf("row group %d has %d bytes for %d fingerprints", i, size, group.NumRows())
		}
	}
}

func TestAFileThatCannotBeWrittenIsGone(t *testing.T) {
	r, path := sessionRelation(), filepath.Join(t.TempDir(), "rows.parquet")
	row := make([]any, len(r.columns))
	row[len(row)-1] = make(chan int) // JSON cannot contain it
	err := writeParquet(path, r, noon, one(row))
	if err == nil || err.Error() != "column properties: json: unsupported type: chan int" {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file: %v", err)
	}
}

func TestWhatAKillLeavesInAFolderIsClearedLater(t *testing.T) {
	dir := t.TempDir()
	store := openParquet(t, dir)
	for range 2 { // none of them is ended
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

// Folders that amsql has not created, and drafts of other users, do no harm in a dataset.
func TestStrayFoldersStopNothing(t *testing.T) {
	folder := t.TempDir()
	startS3(t, httptest.NewServer)
	for _, target := range []string{parquetScheme + folder, "s3://audit/team"} {
		store, err := Open(t.Context(), target)
		must(t, err)
		must(t, writeMade(t.Context(), store, "server", noon, 3))
		whole := snapshotID{"server", noon.Truncate(time.Microsecond)}
		kept := whole.folder(inventory.Shard{})
		for _, stray := range []string{
			"server=server/date=2026-11-22/snapshot=copy", kept + ".bak", kept + "-0of3.bak", "server=%zz/date=2026-11-22/snapshot=20261122T120000.123000Z",
			"server=server/date=2026-11-21/snapshot=20261122T120000.123000Z", "server=server/date=2026-11-23/of/mine", "server=server/date=2026-11-23/snapshot=zz",
		} {
			if bucket, is := store.(*bucketStore); is {
				must(t, bucket.bucket.create(t.Context(), "team/"+stray+snapshotFile, []byte("stray")))
			} else {
				must(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, stray+snapshotFile)), 0o700))
				must(t, os.WriteFile(filepath.Join(folder, stray+snapshotFile), []byte("stray"), 0o600))
			}
		}
		if all, err := store.list(t.Context()); err != nil || !slices.Equal(all, []listed{{whole, true}}) {
			t.Errorf("%s: snapshots %v, %v", target, all, err)
		}
		if shards, err := store.shards(t.Context(), "server", noon); err != nil || len(shards) != 1 {
			t.Errorf("%s: shards %v, %v", target, shards, err)
		}
		if b, err := store.before(t.Context(), "server", noon); err != nil || b.key != "fingerprint_key 0" {
			t.Errorf("%s: before, there is %+v, %v", target, b, err)
		}
		must(t, writeMade(t.Context(), store, "server", noon.AddDate(0, 0, 1), 3))
		pruned, err := Prune(t.Context(), store, Retention{}, noon.AddDate(0, 0, 2), false)
		if err != nil || len(pruned) != 1 || pruned[0].Removed != 1 || pruned[0].Kept != 1 {
			t.Errorf("%s: pruned %v, %v", target, pruned, err)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "server=server/date=2026-11-22/snapshot=copy")); err != nil {
		t.Errorf("a stray folder is gone: %v", err)
	}
}

func TestADatasetNeedsAFolder(t *testing.T) {
	if _, err := Open(t.Context(), parquetScheme); err == nil || err.Error() != "parquet: needs a directory, as in parquet:/var/lib/amsql/history" {
		t.Errorf("without one: %v", err)
	}
}

// All stores return the same rows for the same queries of the same thirty snapshots.
func TestStoresAgreeOnThirtySnapshots(t *testing.T) {
	python := duckdbPython(t)
	sqlite, duckdb := newSQLite(t), newParquet(t, python)
	agreeOnThirtySnapshots(t, sqlite, newPostgres(t, postgrestest.Start(t), "thirty"), duckdb)
	for _, p := range parts(t) {
		readsOnlyPart(t, sqlite, duckdb, p)
	}
}

// agreeOnThirtySnapshots stores the snapshots, of several servers in the hours around midnight, in empty stores, and
// queries them.
func agreeOnThirtySnapshots(t *testing.T, stores ...kept) {
	t.Helper()
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
