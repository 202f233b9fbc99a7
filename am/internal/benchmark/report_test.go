package benchmark

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/internal/benchmark/figures"
)

// BenchmarkReports compares pages of reports over 100,000 sessions, with thousands of findings, with the scan alone.
func BenchmarkReports(b *testing.B) {
	s := simulate(b, "--users", "5000", "--sessions", fmt.Sprint(listed), "--list-cap", "1000000")
	page := filepath.Join(b.TempDir(), "page.html")
	runs := []struct {
		name string
		args []string
		best time.Duration
	}{
		{name: "scan", args: []string{"query", "select * from am_session", "--output", "csv"}},
		{name: "one report", args: []string{"report", "run", "idle", "--format", "html", "--out", page}},
		{name: "all reports", args: []string{"report", "run", "--all", "--format", "html", "--out", page}},
	}
	for b.Loop() {
		for range rounds {
			for i := range runs {
				command := exec.Command(amsql, runs[i].args...)
				command.Env = s.environment()
				start := time.Now()
				must(b, command.Run())
				if took := time.Since(start); runs[i].best == 0 || took < runs[i].best {
					runs[i].best = took
				}
			}
		}
	}
	for _, r := range runs[1:] {
		figures.Report(b, figures.Figure{What: r.name, Value: r.best.Round(time.Millisecond).String(), Beside: runs[0].best.Round(time.Millisecond).String(), Ratio: float64(r.best) / float64(runs[0].best), Target: 2})
	}
}
