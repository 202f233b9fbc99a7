package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/table"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// manySessions returns a table of n rows, created before the measurement.
func manySessions(n int) *fakeTable {
	source := sessions()
	source.rows = make([]session, n)
	start := at("2026-11-22T03:16:30.123Z")
	for i := range source.rows {
		source.rows[i] = session{
			fmt.Sprintf("/realm%d", i%10), fmt.Sprintf("user%d", i%5000), fmt.Sprintf("shandle:AQIC5wM2LY4Sfcx%012d*AAJTSQACMDE", i),
			int64(i), float64(i) / 3, i%2 == 0, start.Add(time.Duration(i) * time.Millisecond), json.RawMessage(`{"amlbcookie":"01"}`),
		}
	}
	return source
}

func BenchmarkEngineScan(b *testing.B) {
	const n = 100_000
	db := open(b, manySessions(n))
	for _, sql := range []string{
		`select * from am_session`,
		`select realm, username, session_handle from am_session`,
		`select realm, count(*) from am_session group by realm`,
		`select count(*) from am_session where latest < '2026-11-22T03:17:00Z'`,
		`select count(*) from am_session`,
		`select session_handle from am_session order by latest desc limit 10`,
	} {
		b.Run(strings.ReplaceAll(sql, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rows, err := db.Query(b.Context(), sql)
				if err != nil {
					b.Fatal(err)
				}
				for rows.Next() {
				}
				if err := rows.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}

// BenchmarkEngineStart measures how long SQLite takes in `amsql query "select 1"`.
func BenchmarkEngineStart(b *testing.B) {
	for b.Loop() {
		db, err := engine.Open(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Attach("am", sessions()); err != nil {
			b.Fatal(err)
		}
		all(b, db, `select 1`)
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEngineMemory reports the maximum resident memory of the process. Run it alone.
func BenchmarkEngineMemory(b *testing.B) {
	for _, sql := range []string{
		`select realm, count(*) from am_session group by realm`,
		`select count(distinct session_handle) from am_session`,
		`select * from am_session order by session_handle desc`,
	} {
		b.Run(strings.ReplaceAll(sql, " ", "_"), func(b *testing.B) {
			db := open(b, generated(1_000_000))
			for b.Loop() {
				rows, err := db.Query(b.Context(), sql)
				if err != nil {
					b.Fatal(err)
				}
				for rows.Next() {
				}
				if err := rows.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(peakMegabytes(b), "MB-peak")
		})
	}
}

func peakMegabytes(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kilobytes float64
	if _, err := fmt.Sscan(after, &kilobytes); err != nil {
		b.Fatal(err)
	}
	return kilobytes / 1024
}

// generated returns a table of n rows, each created when it is read.
func generated(n int) *fakeTable {
	source := sessions()
	few := manySessions(1000).rows
	source.source = func(context.Context, table.Query) iter.Seq2[any, error] {
		return func(yield func(any, error) bool) {
			for i := range n {
				row := slices.Clone(few[i%len(few)])
				row[2] = fmt.Sprintf("shandle:AQIC5wM2LY4Sfcx%012d*AAJTSQACMDE", i)
				if !yield(row, nil) {
					return
				}
			}
		}
	}
	return source
}
