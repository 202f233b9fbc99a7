package history

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/internal/benchmark/figures"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var (
	kills    = flag.Int("history.kills", 5, "how often a process that writes snapshots is killed")
	killSeed = flag.Uint64("history.killseed", 0, "the seed of the times at which it is killed; 0: another each time, which is logged")
)

// rowsPerSnapshot is the number of rows in a snapshot of the tests of faults.
const rowsPerSnapshot = 2000

// TestMain makes this binary write snapshots if a test runs it as a process to be killed.
func TestMain(m *testing.M) {
	if target := os.Getenv("AMSQL_TEST_WRITE"); target != "" {
		if err := writeForever(target); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	status := m.Run()
	figures.Print()
	os.Exit(status)
}

func writeForever(target string) error {
	ctx := context.Background()
	store, err := Open(ctx, target)
	for err == nil {
		if err = writeMade(ctx, store, "killed", time.Now(), rowsPerSnapshot); err == nil {
			fmt.Println("a snapshot is written")
		}
	}
	return err
}

// writeMade writes a snapshot of n sessions.
func writeMade(ctx context.Context, store Store, server string, at time.Time, n int) error {
	d, err := store.begin(ctx, server, at, inventory.Shard{})
	if err != nil {
		return err
	}
	defer d.abandon(ctx)
	for _, r := range relations() {
		if err := d.write(ctx, r, madeRows(r, n)); err != nil {
			return err
		}
	}
	return d.commit(ctx)
}

// madeRows returns n sessions, and one row of every other relation.
func madeRows(r relation, n int) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		if r.name != "session" {
			n = 1
		}
		for i := range n {
			row := make([]any, len(r.columns))
			for j, c := range r.columns {
				switch {
				case c.Name == "shard":
					row[j] = int64(0)
				case c.Name == "shards":
					row[j] = int64(1)
				case c.Type == table.Text && c.Name != "error":
					row[j] = fmt.Sprintf("%s %d", c.Name, i)
				}
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// wholeOrAbsent counts the snapshots, and fails if one is incomplete.
func wholeOrAbsent(t *testing.T, k kept) (snapshots int) {
	t.Helper()
	if got := k.ask(t, fmt.Sprintf(`select s.taken_at, r.n from snapshot s left join (select server, taken_at, count(*) as n from session group by server, taken_at) r
		using (server, taken_at) where r.n is null or r.n <> %d`, rowsPerSnapshot)); got != nil {
		t.Fatalf("snapshots with other numbers of sessions than %d: %q", rowsPerSnapshot, got)
	}
	count := k.ask(t, "select count(*) from snapshot")
	for _, table := range []string{"session_scan", "realm", "identity", "deployment", "session_service", "(select distinct server, taken_at from session) s"} {
		if got := k.ask(t, "select count(*) from "+table); !slices.Equal(got, count) {
			t.Fatalf("%q snapshots, and %q of %s", count, got, table)
		}
	}
	snapshots, err := strconv.Atoi(count[0])
	must(t, err)
	return snapshots
}

func aKilledSnapshotIsWholeOrAbsent(t *testing.T, k kept) {
	before := 0
	seed := cmp.Or(*killSeed, rand.Uint64())
	t.Logf("to kill at the same times: -history.killseed=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range *kills {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "AMSQL_TEST_WRITE="+k.target)
		cmd.Stderr = os.Stderr
		written, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		if i%2 == 0 { // the others may be killed before
			_, err := written.Read(make([]byte, 1))
			must(t, err)
		}
		time.Sleep(time.Duration(50+random.IntN(300)) * time.Millisecond)
		must(t, cmd.Process.Kill())
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
			t.Fatalf("the process was not killed, but: %v", err)
		}
		for _, path := range []string{k.target, k.target + "-journal"} {
			// SQLite creates a journal, sets the file's mode, and only then writes to it.
			if info, err := os.Stat(path); err == nil && info.Mode().Perm() != 0o600 && info.Size() > 0 {
				t.Errorf("%s has mode %v", filepath.Base(path), info.Mode())
			}
		}
		// The next run succeeds.
		must(t, writeMade(t.Context(), k.reopen(t), "after", time.Now(), rowsPerSnapshot))
		k.settle(t)
		now := wholeOrAbsent(t, k)
		if now < before+1 {
			t.Fatalf("after kill %d there are %d snapshots, and before there were %d", i+1, now, before)
		}
		before = now
	}
	if before <= *kills {
		t.Errorf("nothing was written before a kill")
	}
}

func aSnapshotThatFailsInTheMiddleIsAbsent(t *testing.T, k kept) {
	must(t, writeMade(t.Context(), k, "server", noon, rowsPerSnapshot))
	broken := errors.New("the scan broke")
	for _, failing := range relations() {
		d, err := k.begin(t.Context(), "server", noon.Add(time.Hour), inventory.Shard{})
		must(t, err)
		for _, r := range relations() {
			rows := madeRows(r, rowsPerSnapshot)
			if r.name == failing.name {
				rows = func(yield func([]any, error) bool) {
					for row, err := range madeRows(r, 3) {
						if !yield(row, err) {
							return
						}
					}
					yield(nil, broken)
				}
			}
			if err := d.write(t.Context(), r, rows); err != nil && !errors.Is(err, broken) {
				t.Fatal(err)
			}
		}
		d.abandon(t.Context())
		if n := wholeOrAbsent(t, k); n != 1 {
			t.Fatalf("%s failed, and there are %d snapshots", failing.name, n)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	d, err := k.begin(ctx, "server", noon.Add(time.Hour), inventory.Shard{})
	must(t, err)
	must(t, d.write(ctx, snapshots, madeRows(snapshots, 1)))
	cancel()
	if err := d.commit(ctx); err == nil {
		t.Error("an interrupted snapshot is committed")
	}
	d.abandon(ctx)
	must(t, writeMade(t.Context(), k.reopen(t), "server", noon.Add(time.Hour), rowsPerSnapshot))
	if n := wholeOrAbsent(t, k); n != 2 {
		t.Errorf("afterwards there are %d snapshots", n)
	}
}

func snapshotsTakenAtOnceAreAllKept(t *testing.T, k kept) {
	const writers, each = 3, 4
	var group sync.WaitGroup
	for w := range writers {
		store := k.reopen(t)
		group.Go(func() {
			for i := range each {
				if err := writeMade(t.Context(), store, "server", noon.Add(time.Duration(w*each+i)*time.Microsecond), rowsPerSnapshot); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if n := wholeOrAbsent(t, k); n != writers*each {
		t.Errorf("%d snapshots of %d", n, writers*each)
	}
	if err := writeMade(t.Context(), k, "server", noon, rowsPerSnapshot); err == nil {
		t.Error("two snapshots of one server are of the same microsecond")
	}
	if n := wholeOrAbsent(t, k); n != writers*each {
		t.Errorf("afterwards %d snapshots of %d", n, writers*each)
	}
}
