package history

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/internal/benchmark/figures"
	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

var benchRows = flag.Int("history.rows", 1_000_000, "how many sessions the benchmark's snapshots have")

// rounds is how many times each snapshot is written, by amsql and by the loader. The best of each counts.
const rounds = 5

// BenchmarkSnapshot writes snapshots of many sessions to each store. It compares the time with the store's own fastest
// way of loading the same rows, and reports the bytes per row. Both have the rows in memory.
func BenchmarkSnapshot(b *testing.B) {
	b.Run("SQLite", benchSQLite)
	b.Run("PostgreSQL", benchPostgres)
	b.Run("Parquet", benchParquet)
}

// realistic returns sessions like those of a scan.
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

// bench runs a store and its loader in turn, so that both are slowed down equally by other programs, and compares the
// best time of each.
func bench(b *testing.B, name string, store Store, loader func() time.Duration) {
	b.Helper()
	rows := collected(sessionRelation())
	var ours, theirs time.Duration
	for i := range rounds {
		took, loaded := keepSnapshot(b, store, rows, noon.Add(time.Duration(i)*time.Minute)), loader()
		if i == 0 || took < ours {
			ours = took
		}
		if i == 0 || loaded < theirs {
			theirs = loaded
		}
	}
	figures.Report(b, figures.Figure{
		What: "a snapshot to " + name, Value: fmt.Sprintf("%.2f s", ours.Seconds()), Beside: fmt.Sprintf("%.2f s", theirs.Seconds()),
		Ratio: float64(ours) / float64(theirs), Target: 1.5,
	})
}

// benchBytes compares the size of one snapshot with that of one load.
func benchBytes(b *testing.B, name string, ours, theirs int64) {
	b.Helper()
	rows := float64(*benchRows)
	figures.Report(b, figures.Figure{
		What: "bytes a session in " + name, Value: fmt.Sprintf("%.1f", float64(ours)/rows), Beside: fmt.Sprintf("%.1f", float64(theirs)/rows),
		Ratio: float64(ours) / float64(theirs),
	})
}

func keepSnapshot(b *testing.B, store Store, rows [][]any, at time.Time) time.Duration {
	b.Helper()
	ready := func(yield func([]any, error) bool) {
		for _, row := range rows {
			if !yield(row[2:], nil) {
				return
			}
		}
	}
	started := time.Now()
	d, err := store.begin(b.Context(), "server", at, inventory.Shard{})
	must(b, err)
	must(b, d.write(b.Context(), sessionRelation(), ready))
	must(b, d.write(b.Context(), snapshots, madeRows(snapshots, 1)))
	must(b, d.commit(b.Context()))
	return time.Since(started)
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

// benchSQLite: the fastest way is a prepared statement in a transaction, into the same table.
func benchSQLite(b *testing.B) {
	rows := collected(sessionRelation())
	for b.Loop() {
		dir, bare := b.TempDir(), b.TempDir()
		store, err := OpenSQLite(b.Context(), filepath.Join(dir, "history.db"))
		must(b, err)
		n := 0
		bench(b, "SQLite", store, func() time.Duration {
			n++
			return insertSQLite(b, filepath.Join(bare, fmt.Sprint(n)), rows)
		})
		must(b, store.Close())
		benchBytes(b, "SQLite", sizeOf(b, dir)/rounds, sizeOf(b, bare)/rounds)
	}
}

func insertSQLite(b *testing.B, path string, rows [][]any) time.Duration {
	b.Helper()
	conn, err := sqlite3.Open(path)
	must(b, err)
	r := sessionRelation()
	must(b, conn.Exec(sqliteDialect.createTable(r)))
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
	took := time.Since(started)
	must(b, conn.Close())
	return took
}

func collected(r relation) (rows [][]any) {
	for row := range realistic(r, *benchRows) {
		rows = append(rows, append([]any{"server", noon}, row...))
	}
	return rows
}

// asCSV returns the rows in a form that PostgreSQL and DuckDB can read.
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

// benchPostgres: the fastest way is COPY of a prepared text into the same table.
func benchPostgres(b *testing.B) {
	k, r := newPostgres(b, postgrestest.Start(b), "bench"), sessionRelation()
	conn := connectPostgres(b, k.target)
	text := asCSV(b, r)
	bare := strings.TrimSuffix(strings.Replace(postgresDialect.createTable(r), r.name, "bare", 1), postgresDialect.suffix(r))
	for b.Loop() {
		_, err := conn.Exec(b.Context(), "truncate amsql.session, amsql.snapshot")
		must(b, err)
		bench(b, "PostgreSQL", k, func() time.Duration {
			_, err := conn.Exec(b.Context(), "drop table if exists bare; "+bare)
			must(b, err)
			started := time.Now()
			_, err = conn.PgConn().CopyFrom(b.Context(), bytes.NewReader(text), "copy bare from stdin with (format csv)")
			must(b, err)
			return time.Since(started)
		})
		ours := k.number(b, "select sum(pg_total_relation_size(inhrelid))::bigint from pg_inherits where inhparent = 'session'::regclass")
		benchBytes(b, "PostgreSQL", ours/rounds, k.number(b, "select pg_total_relation_size('public.bare')"))
	}
}

func (k kept) number(b *testing.B, sql string) (n int64) {
	b.Helper()
	_, err := fmt.Sscan(k.ask(b, sql)[0], &n)
	must(b, err)
	return n
}

// benchParquet: the fastest way is DuckDB's COPY of a table in memory, which does not wait until the file is safe on
// the disk.
func benchParquet(b *testing.B) {
	python, file := duckdbPython(b), filepath.Join(b.TempDir(), "rows.csv")
	must(b, os.WriteFile(file, asCSV(b, sessionRelation()), 0o600))
	for b.Loop() {
		dir := b.TempDir()
		store, err := OpenParquet(dir)
		must(b, err)
		var bytes int64
		copies := startCopies(b, python, file)
		bench(b, "Parquet", store, func() time.Duration {
			var seconds float64
			seconds, bytes = copies()
			return time.Duration(seconds * float64(time.Second))
		})
		benchBytes(b, "Parquet", sizeOf(b, dir)/rounds, bytes)
	}
}

// startCopies starts a DuckDB that reads the rows of a file, and copies them each time it is asked to.
func startCopies(b *testing.B, python, file string) func() (seconds float64, bytes int64) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), python, "-c", fmt.Sprintf(`import duckdb, os, sys, time
c = duckdb.connect()
c.execute("set enable_progress_bar = false")
c.execute("create table session as from read_csv(?, header = false)", [sys.argv[1]])
for _ in sys.stdin:
    started = time.monotonic()
    c.execute("copy session to '" + sys.argv[1] + ".parquet' (compression zstd, row_group_size %d)")
    print(time.monotonic() - started, os.path.getsize(sys.argv[1] + ".parquet"), flush=True)`, rowGroup), file)
	questions, err := cmd.StdinPipe()
	must(b, err)
	answers, err := cmd.StdoutPipe()
	must(b, err)
	must(b, cmd.Start())
	b.Cleanup(func() {
		_ = questions.Close()
		_ = cmd.Wait() // the context may have killed it
	})
	return func() (seconds float64, bytes int64) {
		_, err := fmt.Fprintln(questions)
		must(b, err)
		_, err = fmt.Fscanln(answers, &seconds, &bytes)
		must(b, err)
		return seconds, bytes
	}
}
