//go:build unix

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// soakFaults affect the requests of commands, but neither sign-in nor sign-out, so no session of amsql may be left.
var soakFaults = []string{
	"503:every=7:action=query:retry-after=1", "429:every=9:retry-after=1:action=query", "cut:every=6:action=query", "html:every=8:action=query",
	"slow=300ms:every=4:action=query", "500:every=3:action=logoutByHandle", "reset:every=4:action=logoutByHandle", "500:every=2:action=logoutByUser",
	"reset:every=6:path=/users",
}

// A soaker runs commands one after the other, with its own users and its own journal. All soakers share one history.
type soaker struct {
	name    string
	journal string
	run     func(args ...string) (errs string, status int)
	ended   map[string]bool // handles that were listed before a logout and not afterwards
	runs    map[string]int  // number of runs, by command and status
}

// TestSoak runs commands against a simulated AM with faults for the time in AMSQL_TEST_SOAK: in this process, which
// allows it to count what they leave behind, and at the same time in other processes.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("AMSQL_TEST_SOAK"))
	if err != nil {
		t.Skip("needs an hour: make soak")
	}
	server := connect(t, simulator.Options{Realms: 2, Users: 40, Sessions: 0, Seed: 1, ListCap: 60})
	temporary, dir, program := t.TempDir(), t.TempDir(), filepath.Join(programs(t), "amsql")
	t.Setenv("TMPDIR", temporary)
	t.Setenv("HOME", t.TempDir())
	here, child := newSoaker(t, server, dir, "here"), newSoaker(t, server, dir, "child")
	here.run = func(args ...string) (string, int) {
		_, errs, status := invoke(t, terminal.Streams{}, args...)
		return errs, status
	}
	child.run = func(args ...string) (string, int) { return runProcess(t, program, args) }
	both := []*soaker{here, child}
	round := func(of *soaker, i int) { of.round(t, server, dir, i) }
	for i := range 3 { // first runs what is only initialized once per process
		round(here, i)
	}
	goroutines, files := holds(t)
	if err := server.SetFaults(); err != nil {
		t.Fatal(err)
	}
	exporter := startExporter(t, program)
	end := time.Now().Add(length)
	var running sync.WaitGroup
	for _, of := range both {
		running.Go(func() {
			for i := 0; time.Now().Before(end) && !t.Failed(); i++ {
				round(of, i)
			}
		})
	}
	memory := exporter.sample(t, end)
	running.Wait()
	if err := server.SetFaults(); err != nil {
		t.Fatal(err)
	}
	for _, of := range both {
		of.settle(t, server)
	}
	goroutinesAfter, filesAfter := holds(t)
	t.Logf("goroutines %d, then %d; open files %d, then %d", goroutines, goroutinesAfter, files, filesAfter)
	if goroutinesAfter > goroutines || filesAfter > files {
		t.Errorf("%d goroutines became %d, and %d open files %d", goroutines, goroutinesAfter, files, filesAfter)
	}
	quarter := len(memory) / 4
	first, last := median(memory[:quarter]), median(memory[len(memory)-quarter:])
	t.Logf("metrics --listen: measured %d times, %.1f MiB in the first quarter, %.1f in the last", len(memory), first, last)
	if last > 1.25*first {
		t.Errorf("metrics --listen had %.1f MiB, and at last %.1f", first, last)
	}
	signedOut(t, server)
	if files, err := os.ReadDir(temporary); err != nil || len(files) > 0 {
		t.Errorf("temporary files are left: %v, %v", files, err)
	}
}

// holds returns the number of goroutines and open files of this process after it has closed idle connections. The size
// of the heap would say nothing about amsql, because in this process cobra accumulates the flags of all command lines,
// and the simulator accumulates requests.
func holds(t *testing.T) (goroutines, files int) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	time.Sleep(2 * time.Second)
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return runtime.NumGoroutine(), len(open)
}

// An exporter is a long-running process: it scans every second, with the same faults.
type exporter struct {
	cmd  *exec.Cmd
	errs bytes.Buffer
}

// startExporter waits for the end of the first scan, which must succeed.
func startExporter(t *testing.T, program string) *exporter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	e := &exporter{cmd: exec.CommandContext(t.Context(), program, "metrics", "--listen", address, "--interval", "1s")}
	e.cmd.Stderr = &e.errs
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		response, err := http.Get("http://" + address + "/metrics")
		if err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK {
			return e
		}
	}
	t.Fatal("metrics --listen has no metrics after a minute")
	return nil
}

// sample measures the memory of the process every second, in MiB, until the end, and stops the process. The maximum
// that the system reports for a process that has ended cannot be used: on Linux, it includes the memory of its parent.
func (e *exporter) sample(t *testing.T, end time.Time) (mebibytes []float64) {
	t.Helper()
	for len(mebibytes) < 8 || time.Now().Before(end) && !t.Failed() {
		time.Sleep(time.Second)
		out, err := exec.CommandContext(t.Context(), "ps", "-o", "rss=", "-p", fmt.Sprint(e.cmd.Process.Pid)).Output()
		kibibytes, errNumber := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err := errors.Join(err, errNumber); err != nil || kibibytes == 0 {
			t.Errorf("the memory of metrics --listen is %q: %v", out, err)
		}
		mebibytes = append(mebibytes, kibibytes/(1<<10))
	}
	err := errors.Join(e.cmd.Process.Signal(os.Interrupt), e.cmd.Wait())
	if code := e.cmd.ProcessState.ExitCode(); code != statusFine || strings.Contains(e.errs.String(), "panic") {
		t.Errorf("metrics --listen: status %d, %v, %s", code, err, e.errs.String())
	}
	return mebibytes
}

func median(of []float64) float64 { return slices.Sorted(slices.Values(of))[len(of)/2] }

const usersOfASoaker = 8

func newSoaker(t *testing.T, server *simulator.Server, dir, name string) *soaker {
	t.Helper()
	for i := range usersOfASoaker {
		if err := server.AddUser("/alpha", fmt.Sprint(name, i), "changeit"); err != nil {
			t.Fatal(err)
		}
	}
	return &soaker{name: name, journal: filepath.Join(dir, name+".jsonl"), ended: map[string]bool{}, runs: map[string]int{}}
}

// runProcess runs a command in a separate process.
func runProcess(t *testing.T, program string, args []string) (string, int) {
	var errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stderr = &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Errorf("%q: %v", args, err)
	}
	return errs.String(), cmd.ProcessState.ExitCode()
}

// round logs in users, chooses random faults and runs each command once.
func (s *soaker) round(t *testing.T, server *simulator.Server, dir string, i int) {
	user := fmt.Sprint(s.name, i%usersOfASoaker)
	for range 1 + rand.IntN(6) {
		if _, err := server.Login("/alpha", user); err != nil {
			t.Error(err)
		}
	}
	faults := slices.DeleteFunc(slices.Clone(soakFaults), func(string) bool { return rand.IntN(3) > 0 })
	if err := server.SetFaults(faults...); err != nil {
		t.Error(err)
	}
	before := handlesOf(server, user)
	logout := [][]string{{"--username", user, "--realm", "/alpha"}, {"--where", "realm = '/alpha' and username = '" + user + "'"}}[rand.IntN(2)]
	for _, args := range [][]string{
		{"query", "-o", "csv", "select realm, count(*) from am_session join am_user using (realm, username) group by realm"},
		append([]string{"logout", "--yes", "--journal", s.journal}, logout...),
		{"snapshot", "--to", filepath.Join(dir, "history.db")},
		{"report", "run", "--all", "--format", "json"},
	} {
		errs, status := s.run(args...)
		s.runs[fmt.Sprint(args[0], " ", status)]++
		if status != statusFine && status != statusFailed || strings.Contains(errs, "panic") || status == statusFailed && !strings.Contains(errs, "Error: ") {
			t.Errorf("%q with %q: status %d, %s", args, faults, status, errs)
		}
	}
	after := handlesOf(server, user)
	for handle := range before {
		if !after[handle] {
			s.ended[handle] = true
		}
	}
}

// settle ends the remaining sessions without faults, which also settles what was open or unknown in the journal because
// of faults, and compares the journal with what happened to the sessions.
func (s *soaker) settle(t *testing.T, server *simulator.Server) {
	for i := range usersOfASoaker {
		user := fmt.Sprint(s.name, i)
		maps.Copy(s.ended, handlesOf(server, user))
		if errs, status := s.run("logout", "--yes", "--journal", s.journal, "--username", user, "--realm", "/alpha"); status != statusFine {
			t.Errorf("logout of %s without faults: status %d, %s", user, status, errs)
		}
		if n := len(handlesOf(server, user)); n > 0 {
			t.Errorf("%d sessions of %s are left", n, user)
		}
	}
	outcomes, unaccounted := journalled(t, s.journal), map[string]int{}
	unknown := 0 // unknown to the run that sent the request
	for handle := range s.ended {
		of := outcomes[methods.Fingerprint(handle)]
		if slices.Contains(of, string(methods.Unknown)) {
			unknown++
		}
		switch last := methods.State(strings.Join(of[max(0, len(of)-1):], "")); last {
		case methods.Ended, methods.AlreadyGone:
		default:
			unaccounted[strings.Join(of, ", ")]++
		}
	}
	t.Logf("%s: %d sessions ended, %d of them unknown for a while; runs %v", s.name, len(s.ended), unknown, s.runs)
	if len(unaccounted) > 0 {
		t.Errorf("%s: sessions that ended, by what the journal has of them: %v", s.name, unaccounted)
	}
}

func handlesOf(server *simulator.Server, user string) map[string]bool {
	handles := map[string]bool{}
	for _, s := range server.Sessions() {
		if s.Username == user {
			handles[s.Handle] = true
		}
	}
	return handles
}
