//go:build unix

package render_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/render"
)

func writeWhole(t *testing.T, path, text string) error {
	t.Helper()
	file, err := render.CreateWholeFile(path)
	if err != nil {
		return err
	}
	defer file.Discard()
	if _, err := file.Write([]byte(text)); err != nil {
		return err
	}
	return file.Commit()
}

func TestAWholeFileFollowsLinksAndKeepsThem(t *testing.T) {
	dir := t.TempDir()
	for _, made := range []string{"real", "real/deep", "elsewhere"} {
		if err := os.Mkdir(filepath.Join(dir, made), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "elsewhere/old.md"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"absolute.md":   filepath.Join(dir, "elsewhere/old.md"),
		"relative.md":   "elsewhere/old.md",
		"again.md":      "relative.md",
		"dangling.md":   "elsewhere/new.md",
		"folder":        "real/deep",
		"real/up.md":    "../elsewhere/old.md",
		"real/deep/two": "../../elsewhere/old.md",
		"loop":          "loop",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ path, content string }{
		{"absolute.md", "elsewhere/old.md"}, {"relative.md", "elsewhere/old.md"}, {"again.md", "elsewhere/old.md"}, {"dangling.md", "elsewhere/new.md"},
		{"real/up.md", "elsewhere/old.md"}, {"folder/two", "elsewhere/old.md"}, {"folder/plain.md", "real/deep/plain.md"},
	} {
		if err := writeWhole(t, filepath.Join(dir, test.path), "content for "+test.path); err != nil {
			t.Errorf("%s: %v", test.path, err)
			continue
		}
		if got, err := os.ReadFile(filepath.Join(dir, test.content)); err != nil || string(got) != "content for "+test.path {
			t.Errorf("%s: %s has %q, %v", test.path, test.content, got, err)
		}
		if info, err := os.Lstat(filepath.Join(dir, test.path)); err != nil || test.path != "folder/plain.md" && info.Mode().Type() != fs.ModeSymlink {
			t.Errorf("%s is no link any more: %v, %v", test.path, info.Mode(), err)
		}
	}
	for _, path := range []string{"loop", "folder", "missing/file", ""} {
		if err := writeWhole(t, filepath.Join(dir, path), "x"); err == nil {
			t.Errorf("%q can be written", path)
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*/.amsql-*"))
	if len(left) > 0 {
		t.Errorf("%s are left", left)
	}
}

func TestWhatIsNotAFileIsWrittenInto(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir := t.TempDir()
	null, pipe := filepath.Join(dir, "null"), filepath.Join(dir, "pipe")
	if err := os.Symlink(os.DevNull, null); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(t, null, "x"); err != nil {
		t.Error(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0) // so that opening it does not block
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	file, err := render.CreateWholeFile(pipe)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte("half of ")); err != nil {
		t.Fatal(err)
	}
	file.Discard()
	if err := writeWhole(t, pipe, "all"); err != nil {
		t.Fatal(err)
	}
	if err := reader.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil { // otherwise it would wait forever if nothing was written
		t.Fatal(err)
	}
	got := make([]byte, 100)
	if n, err := reader.Read(got); err != nil || string(got[:n]) != "all" {
		t.Errorf("the reader gets %q, %v", got[:n], err)
	}
	for path, want := range map[string]fs.FileMode{null: fs.ModeSymlink, pipe: fs.ModeNamedPipe} {
		if info, err := os.Lstat(path); err != nil || info.Mode().Type() != want {
			t.Errorf("%s is %v, %v", path, info.Mode(), err)
		}
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// With `> report.md --out /dev/stdout`, the file must not be replaced with another of the same name, because the
// caller's shell has it open.
func TestAFileThatIsStandardOutputIsWrittenInto(t *testing.T) {
	path := filepath.Join(t.TempDir(), "redirected")
	redirected, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func(stdout *os.File) { os.Stdout = stdout }(os.Stdout)
	os.Stdout = redirected
	if _, err := redirected.WriteString("before, "); err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(t, path, "the report, "); err != nil {
		t.Fatal(err)
	}
	if _, err := redirected.WriteString("after"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "before, the report, after" {
		t.Errorf("%q, %v", got, err)
	}
}
