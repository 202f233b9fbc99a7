package benchmark

import (
	"os/exec"
	"slices"
	"testing"
	"time"
)

// BenchmarkStart runs a process that answers "select 1", and compares it with the machine's sqlite3, if there is one.
// The medians must differ by less than 40 ms.
func BenchmarkStart(b *testing.B) {
	for _, c := range []struct {
		name    string
		command []string
	}{
		{"amsql", []string{amsql, "query", "select 1"}},
		{"sqlite3", []string{"sqlite3", ":memory:", "select 1"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			if _, err := exec.LookPath(c.command[0]); err != nil {
				b.Skip(err)
			}
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				if err := exec.CommandContext(b.Context(), c.command[0], c.command[1:]...).Run(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
		})
	}
}
