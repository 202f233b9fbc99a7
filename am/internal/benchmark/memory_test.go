package benchmark

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/internal/benchmark/figures"
	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
)

// BenchmarkMemory groups and stores a million sessions with amsql in its own process.
func BenchmarkMemory(b *testing.B) {
	const sessions = 1_000_001
	s := simulate(b, "--users", "200000", "--sessions", fmt.Sprint(sessions), "--list-cap", "2000000")
	dir := b.TempDir()
	snapshot := func(to string) []string {
		return []string{"snapshot", "--key-file", filepath.Join(dir, "key"), "--to", to}
	}
	runs := []struct {
		name, says string
		limit      float64 // megabytes
		args       []string
	}{
		{
			"memory for a million", fmt.Sprintf("realm,sessions\n/alpha,%d\n", sessions), 150,
			[]string{"query", "--output", "csv", "select realm, count(*) as sessions from am_session where realm = '/alpha' group by realm"},
		},
		{"memory for a million to SQLite", "", 200, snapshot(filepath.Join(dir, "history.db"))},
		{"memory for a million to PostgreSQL", "", 200, snapshot(postgrestest.Start(b))},
		{"memory for a million to Parquet", "", 200, snapshot("parquet:" + filepath.Join(dir, "history"))},
	}
	for b.Loop() {
		for _, r := range runs {
			command := exec.Command(amsql, r.args...)
			command.Env = s.environment()
			var stdout, stderr bytes.Buffer
			command.Stdout, command.Stderr = &stdout, &stderr
			start := time.Now()
			must(b, command.Start())
			ended := make(chan error)
			go func() { ended <- command.Wait() }()
			most := peak(b, command.Process.Pid, ended)
			if stdout.String() != r.says {
				b.Fatalf("amsql says %q %q, want %q", stdout.String(), stderr.String(), r.says)
			}
			figures.Report(b, figures.Figure{
				What: r.name, Value: fmt.Sprintf("%.0f MB in %.1f s", most, time.Since(start).Seconds()), Beside: fmt.Sprintf("%.0f MB", r.limit),
				Ratio: most / r.limit, Target: 1,
			})
		}
	}
}

// peak returns the maximum resident memory of a process in megabytes, as long as it could be read.
func peak(b *testing.B, pid int, ended <-chan error) (megabytes float64) {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				b.Error(err)
			}
			return megabytes
		case <-ticker.C:
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if os.IsNotExist(err) && megabytes == 0 {
				b.Skip("only Linux tells the memory of a process this way")
			}
			var kilobytes float64
			if _, after, found := strings.Cut(string(status), "VmHWM:"); found {
				_, _ = fmt.Sscan(after, &kilobytes)
				megabytes = max(megabytes, kilobytes/1024)
			}
		}
	}
}
