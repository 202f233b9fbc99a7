package history

import (
	"bytes"
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/postgrestest"
	"github.com/ncruces/go-sqlite3"
)

var benchRows = flag.Int("history.rows", 1_000_000, "how many sessions the benchmark's snapshots have")

// BenchmarkSnapshot writes snapshots of many sessions to each store: how long, as a ratio to the fastest way of loading the
// same rows that the store itself has, and bytes a row.
func BenchmarkSnapshot(b *testing.B) {
	b.Run("SQLite", benchSQLite)
	b.Run("PostgreSQL", benchPostgres)
	b.Run("Parquet", benchParquet)
}

// realistic are sessions as a scan has them.
func realistic(r relation, n int) iter.Seq[[]any] {
	key := Key{[]byte("bench")}
	return func(yield func([]any) bool) {
		for i := range n {
			realm := []string{"/alpha", "/bravo", "/"}[i%3]
			user := fmt.Sprintf("user%07d", i*7%n)
			at := noon.Add(-time.Duration(i%7200) * time.Second).Truncate(time.Millisecond)
			cells := map[string]any{
				"session": key.Fingerprint(user), "username": user, "realm": realm,
				"universal_id":       "id=" + user + ",ou=user,o=" + strings.TrimPrefix(realm, "/") + ",ou=services,dc=openam,dc=example,dc=org",
				"latest_access_time": at, "max_idle_expiration_time": at.Add(30 * time.Minute), "max_session_expiration_time": at.Add(2 * time.Hour),
				"is_current": false, "is_expired": false,
			}
			row := make([]any, len(r.columns))
			for j, c := range r.columns {
				row[j] = cells[c.Name]
			}
			if !yield(row) {
				return
			}
		}
	}
}

func sessionRelation() relation {
	for _, r := range relations() {
		if r.name == "session" {
			return r
		}
	}
	return relation{}
}

// snapshotRate writes snapshots and returns seconds for each.
func snapshotRate(b *testing.B, store Store) float64 {
	b.Helper()
	rows, at := collected(sessionRelation()), noon
	ready := func(yield func([]any, error) bool) {
		for _, row := range rows {
			if !yield(row[2:], nil) {
				return
			}
		}
	}
	started := time.Now()
	for b.Loop() {
		d, err := store.begin(b.Context(), "server", at, inventory.Shard{})
		must(b, err)
		must(b, d.write(b.Context(), sessionRelation(), ready))
		must(b, d.write(b.Context(), snapshots, madeRows(snapshots, 1)))
		must(b, d.commit(b.Context()))
		at = at.Add(time.Minute)
	}
	return time.Since(started).Seconds() / float64(b.N)
}

func reportSnapshot(b *testing.B, seconds, loader float64, size int64) {
	b.Helper()
	b.ReportMetric(seconds/loader, "x-of-loader")
	b.ReportMetric(seconds/float64(*benchRows)*1e6, "µs/row")
	b.ReportMetric(float64(size)/float64(b.N)/float64(*benchRows), "bytes/row")
}

func sizeOf(b *testing.B, dir string) (size int64) {
	b.Helper()
	must(b, filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			info, err := e.Info()
			must(b, err)
			size += info.Size()
		}
		return err
	}))
	return size
}

// benchSQLite: the fastest way is one prepared statement in one transaction, into the same table.
func benchSQLite(b *testing.B) {
	dir := b.TempDir()
	store, err := OpenSQLite(b.Context(), filepath.Join(dir, "history.db"))
	must(b, err)
	seconds := snapshotRate(b, store)
	must(b, store.Close())
	size := sizeOf(b, dir)
	conn, err := sqlite3.Open(filepath.Join(b.TempDir(), "bare.db"))
	must(b, err)
	r := sessionRelation()
	must(b, conn.Exec(sqliteDialect.createTable(r)))
	rows := collected(r)
	started := time.Now()
	must(b, conn.Exec("begin"))
	stmt, _, err := conn.Prepare("insert into session values (?, ?" + strings.Repeat(", ?", len(r.columns)) + ")")
	must(b, err)
	for _, row := range rows {
		for i, cell := range row {
			must(b, bind(stmt, i+1, cell))
		}
		must(b, stmt.Exec())
	}
	must(b, stmt.Close())
	must(b, conn.Exec("commit"))
	loader := time.Since(started).Seconds()
	must(b, conn.Close())
	reportSnapshot(b, seconds, loader, size)
}

func collected(r relation) (rows [][]any) {
	for row := range realistic(r, *benchRows) {
		rows = append(rows, append([]any{"server", noon}, row...))
	}
	return rows
}

// asCSV are the rows as PostgreSQL and DuckDB read them.
func asCSV(b *testing.B, r relation) []byte {
	b.Helper()
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	for _, row := range collected(r) {
		line := make([]string, len(row))
		for i, cell := range row {
			if line[i] = shown(cell); cell == nil {
				line[i] = ""
			}
		}
		must(b, w.Write(line))
	}
	w.Flush()
	return text.Bytes()
}

// benchPostgres: the fastest way is COPY of a text that lies ready, into the same table.
func benchPostgres(b *testing.B) {
	k := newPostgres(b, postgrestest.Start(b), "bench")
	seconds := snapshotRate(b, k)
	var size int64
	_, err := fmt.Sscan(k.ask(b, "select sum(pg_total_relation_size(inhrelid))::bigint from pg_inherits where inhparent = 'session'::regclass")[0], &size)
	must(b, err)
	r := sessionRelation()
	text := asCSV(b, r)
	conn := connectPostgres(b, k.target)
	_, err = conn.Exec(b.Context(), strings.TrimSuffix(postgresDialect.createTable(r), postgresDialect.suffix(r)))
	must(b, err)
	started := time.Now()
	_, err = conn.PgConn().CopyFrom(b.Context(), bytes.NewReader(text), "copy session from stdin with (format csv)")
	must(b, err)
	reportSnapshot(b, seconds, time.Since(started).Seconds(), size)
}

// benchParquet: the fastest way is DuckDB's COPY of a table in its memory.
func benchParquet(b *testing.B) {
	python := duckdbPython(b)
	dir := b.TempDir()
	store, err := OpenParquet(dir)
	must(b, err)
	seconds := snapshotRate(b, store)
	size := sizeOf(b, dir)
	file := filepath.Join(b.TempDir(), "rows.csv")
	must(b, os.WriteFile(file, asCSV(b, sessionRelation()), 0o600))
	const load = `import duckdb, sys, time
c = duckdb.connect()
c.execute("create table session as from read_csv(?, header = false)", [sys.argv[1]])
started = time.time()
c.execute("copy session to '" + sys.argv[1] + ".parquet' (compression zstd, row_group_size 100000)")
print(time.time() - started)`
	loader := runPython(b.Context(), b, python, load, file)
	reportSnapshot(b, seconds, loader, size)
}

func runPython(ctx context.Context, b *testing.B, python, program, argument string) (seconds float64) {
	b.Helper()
	cmd := exec.CommandContext(ctx, python, "-c", program, argument)
	cmd.Stderr = io.Discard
	out, err := cmd.Output()
	must(b, err)
	_, err = fmt.Sscan(string(out), &seconds)
	must(b, err)
	return seconds
}
