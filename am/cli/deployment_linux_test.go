package cli

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// smallDisk is a folder that takes 64 KiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("amsql", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small disk cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestAFullDiskLeavesTheEarlierFile(t *testing.T) {
	connect(t, simulator.Options{Realms: 2, Users: 60, Sessions: 500, Seed: 1, ListCap: 1000})
	for _, c := range []struct {
		name string
		args []string
		want string // the end of the error, after the path
	}{
		{"sessions.html", []string{"report", "run", "--all", "--format", "html", "--out"}, ": no space left on device; nothing was changed there\n"},
		{"sessions.csv", []string{"query", "select * from am_session", "--export"}, ": no space left on device\n"},
	} {
		path := filepath.Join(smallDisk(t), c.name)
		if err := os.WriteFile(path, []byte("earlier"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errs, status := invoke(t, Streams{}, append(c.args, path)...)
		if status != statusFailed || out != "" || !strings.HasSuffix(errs, path+c.want) {
			t.Errorf("%s: status %d, output %q, error %q", c.name, status, out, errs)
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if text := readText(t, path); err != nil || len(entries) != 1 || text != "earlier" {
			t.Errorf("the folder has %v (%v), the file %.80q", entries, err, text)
		}
	}
}
