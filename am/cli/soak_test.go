//go:build unix

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// soakFaults spoil what the commands ask, but neither sign-in nor sign-out, so that no session of amsql may be left.
var soakFaults = []string{
	"503:every=7:action=query:retry-after=1", "429:every=9:retry-after=1:action=query", "cut:every=6:action=query", "html:every=8:action=query",
	"slow=300ms:every=4:action=query", "500:every=3:action=logoutByHandle", "reset:every=4:action=logoutByHandle", "500:every=2:action=logoutByUser",
	"reset:every=6:path=/users",
}

// A soaker runs one command after the other about users of its own. Its journal is its own, too; the history is everybody's.
type soaker struct {
	name    string
	journal string
	run     func(args ...string) (errs string, status int)
	ended   map[string]bool // handles that were listed before a logout and not after it
	runs    map[string]int  // by command and status
	memory  []float64       // of its processes, in MiB
}

// TestSoak runs commands against a simulated AM with faults for as long as AMSQL_TEST_SOAK says: in this process, where what
// they leave behind can be counted, and at the same time in processes of their own.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("AMSQL_TEST_SOAK"))
	if err != nil {
		t.Skip("make soak runs it, with AMSQL_TEST_SOAK")
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
	child.run = func(args ...string) (string, int) { return child.process(t, program, args) }
	both := []*soaker{here, child}
	round := func(of *soaker, i int) { of.round(t, server, dir, i) }
	for i := range 3 { // what is made once in a process is made
		round(here, i)
	}
	goroutines, heap := holds()
	end := time.Now().Add(length)
	var running sync.WaitGroup
	for _, of := range both {
		running.Go(func() {
			for i := 0; time.Now().Before(end) && !t.Failed(); i++ {
				round(of, i)
			}
		})
	}
	running.Wait()
	if err := server.SetFaults(); err != nil {
		t.Fatal(err)
	}
	for _, of := range both {
		of.settle(t, server)
	}
	goroutinesAfter, heapAfter := holds()
	t.Logf("goroutines %d, then %d; heap %.1f MiB, then %.1f", goroutines, goroutinesAfter, heap, heapAfter)
	if goroutinesAfter > goroutines {
		t.Errorf("%d goroutines became %d", goroutines, goroutinesAfter)
	}
	if heapAfter > heap+16 {
		t.Errorf("a heap of %.1f MiB became one of %.1f", heap, heapAfter)
	}
	if tenth := len(child.memory) / 10; tenth > 0 {
		first, last := slices.Max(child.memory[:tenth]), slices.Max(child.memory[len(child.memory)-tenth:])
		t.Logf("processes of up to %.1f MiB at first, and of %.1f at last", first, last)
		if last > 1.5*first {
			t.Errorf("processes of up to %.1f MiB became such of %.1f", first, last)
		}
	}
	if n := administrators(server); n > 0 {
		t.Errorf("%d sessions of amsql are left", n)
	}
	if files, err := os.ReadDir(temporary); err != nil || len(files) > 0 {
		t.Errorf("temporary files are left: %v, %v", files, err)
	}
}

// holds tells what a process holds once connections that were kept open for the next request are closed.
func holds() (goroutines int, mebibytes float64) {
	var stats runtime.MemStats
	http.DefaultClient.CloseIdleConnections()
	time.Sleep(2 * time.Second)
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return runtime.NumGoroutine(), float64(stats.HeapAlloc) / (1 << 20)
}

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

// process runs a command as a process of its own, and keeps how much memory it took.
func (s *soaker) process(t *testing.T, program string, args []string) (string, int) {
	var errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stderr = &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Errorf("%q: %v", args, err)
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		unit := map[bool]float64{true: 1 << 20, false: 1 << 10}[runtime.GOOS == "darwin"] // bytes there, else KiB
		s.memory = append(s.memory, float64(usage.Maxrss)/unit)
	}
	return errs.String(), cmd.ProcessState.ExitCode()
}

// round signs users in, draws faults and runs each command once.
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

// settle ends what is left without faults, which also settles what faults had left open or unknown in the journal, and compares
// the journal with what became of sessions.
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
	unknown := 0 // to the run that sent it
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
