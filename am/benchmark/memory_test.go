package benchmark

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// BenchmarkMemory groups a million sessions with amsql in a process of its own.
func BenchmarkMemory(b *testing.B) {
	const sessions, limit = 1_000_000, 150 // megabytes
	s := simulate(b, "--users", "200000", "--sessions", fmt.Sprint(sessions), "--list-cap", "2000000")
	for b.Loop() {
		command := exec.Command(amsql, "query", "--output", "csv", "select realm, count(*) as sessions from am_session where realm = '/alpha' group by realm")
		command.Env = s.environment()
		var stdout, stderr bytes.Buffer
		command.Stdout, command.Stderr = &stdout, &stderr
		start := time.Now()
		if err := command.Start(); err != nil {
			b.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- command.Wait() }()
		most := peak(b, command.Process.Pid, ended)
		if want := fmt.Sprintf("realm,sessions\n/alpha,%d\n", sessions); stdout.String() != want {
			b.Fatalf("amsql says %q %q, want %q", stdout.String(), stderr.String(), want)
		}
		report(b, figure{
			what: "memory for a million", value: fmt.Sprintf("%.0f MB in %.1f s", most, time.Since(start).Seconds()), beside: fmt.Sprintf("%d MB", limit),
			ratio: most / limit, target: 1,
		})
	}
}

// peak is the most that a process had resident, in megabytes, as long as it could be asked.
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
