package cli

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// smallDisk mounts a file system of this size.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("amsql", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Log(err)
		t.Skip("needs the right to mount a file system: root of Linux")
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
		want string // end of the error, after the path
	}{
		{"sessions.html", []string{"report", "run", "--all", "--format", "html", "--out"}, ": no space left on device; nothing was changed\n"},
		{"sessions.csv", []string{"query", "select * from am_session", "--export"}, ": no space left on device\n"},
	} {
		path := filepath.Join(smallDisk(t, "64k"), c.name)
		if err := os.WriteFile(path, []byte("earlier"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errs, status := invoke(t, terminal.Streams{}, append(c.args, path)...)
		if status != statusFailed || out != "" || !strings.HasSuffix(errs, path+c.want) {
			t.Errorf("%s: status %d, output %q, error %q", c.name, status, out, errs)
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if text := readText(t, path); err != nil || len(entries) != 1 || text != "earlier" {
			t.Errorf("the folder has %v (%v), the file %.80q", entries, err, text)
		}
	}
}

func TestAFullDiskIsNamedByASnapshot(t *testing.T) {
	connect(t, simulator.Options{Realms: 2, Users: 60, Sessions: 500, Seed: 1, ListCap: 1000})
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	for _, c := range []struct{ scheme, written string }{
		{"", "-journal"},
		{"parquet:", `/\.draft-\d+/relation=\w+/rows\.parquet`},
	} {
		dir := smallDisk(t, "2m")
		path := filepath.Join(dir, "history")
		take := func() (errs string, status int) {
			_, errs, status = invoke(t, terminal.Streams{}, "snapshot", "--to", c.scheme+path)
			return errs, status
		}
		if errs, status := take(); status != 0 {
			t.Fatal(errs)
		}
		filler := filepath.Join(dir, "filler")
		if err := os.WriteFile(filler, make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		want := regexp.MustCompile(`Error: .*write ` + path + c.written + `: no space left on device: the snapshot was not saved, ` +
			`and earlier ones are unchanged: free some space there and take it again\n$`)
		if errs, status := take(); status != statusFailed || !want.MatchString(errs) {
			t.Errorf("status %d, error %q, want %s", status, errs, want)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		if errs, status := take(); status != 0 {
			t.Error(errs)
		}
	}
}
