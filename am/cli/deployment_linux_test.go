package cli

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestAFullDiskLeavesTheEarlierReport(t *testing.T) {
	connect(t, simulator.Options{Realms: 2, Users: 60, Sessions: 500, Seed: 1, ListCap: 1000})
	dir := t.TempDir()
	if err := syscall.Mount("amsql", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small disk cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "sessions.html")
	if err := os.WriteFile(path, []byte("earlier"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, status := invoke(t, Streams{}, "report", "run", "--all", "--format", "html", "--out", path)
	want := "Error: --out: write " + path + ": no space left on device; nothing was changed there\n"
	if status != statusFailed || out != "" || !strings.HasSuffix(errs, want) {
		t.Errorf("status %d, output %q, error %q, want %q", status, out, errs, want)
	}
	entries, err := os.ReadDir(dir)
	if text := readText(t, path); err != nil || len(entries) != 1 || text != "earlier" {
		t.Errorf("the folder has %v (%v), the report %.80q", entries, err, text)
	}
}
