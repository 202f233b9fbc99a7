//go:build unix

package openamtest

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeMaven puts a mvn on the path that runs the script, with the last argument's value as $out.
func fakeMaven(t *testing.T, script string) {
	t.Helper()
	bin := t.TempDir()
	text := "#!/bin/sh\nfor a; do :; done; out=${a#-DoutputDirectory=}\n" + script
	if err := os.WriteFile(filepath.Join(bin, "mvn"), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestAnArtifactIsUnpackedOnce(t *testing.T) {
	build := t.TempDir()
	a := artifact{coordinates: "g:a:1:zip", root: "top", folder: "a-1"}
	fakeMaven(t, `mkdir -p "$out/top" && echo content >"$out/top/file"`)
	for range 2 {
		dir, err := a.unpacked(t.Context(), build)
		text, _ := os.ReadFile(filepath.Join(dir, "file"))
		if err != nil || string(text) != "content\n" {
			t.Fatalf("%s: %q, %v", dir, text, err)
		}
		fakeMaven(t, "echo asked again; exit 1")
	}
	onlyEntry(t, build, "a-1")
}

func TestAnArtifactThatFailsLeavesNothingBehind(t *testing.T) {
	build := t.TempDir()
	a := artifact{coordinates: "g:a:1:zip", folder: "a-1"}
	fakeMaven(t, `mkdir -p "$out" && echo half >"$out/file" && echo "no such artifact"; exit 1`)
	if dir, err := a.unpacked(t.Context(), build); err == nil || !strings.Contains(err.Error(), "no such artifact") {
		t.Errorf("got %q, %v; want Maven's own words", dir, err)
	}
	onlyEntry(t, build, "")
}

func onlyEntry(t *testing.T, dir, want string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); err != nil || got != want {
		t.Errorf("the build folder holds %q, %v; want %q", got, err, want)
	}
}

func TestTheDirectoryServerIsKeptOnLoopback(t *testing.T) {
	war := t.TempDir()
	archive := filepath.Join(war, "WEB-INF", "template", "opendj", "opendj.zip")
	if err := os.MkdirAll(filepath.Dir(archive), 0o700); err != nil {
		t.Fatal(err)
	}
	writeZip(t, archive, map[string]string{
		"template/config/config.ldif": "ds-cfg-listen-address: 0.0.0.0\nds-cfg-listen-port: 389\n",
		"other":                       "ds-cfg-listen-address: 0.0.0.0\n",
	})
	if err := keepDirectoryOnLoopback(war); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"template/config/config.ldif": "ds-cfg-listen-address: 127.0.0.1\nds-cfg-listen-port: 389\n",
		"other":                       "ds-cfg-listen-address: 0.0.0.0\n",
	} {
		if got := readFromZip(t, archive, name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
}

func writeZip(t *testing.T, path string, entries map[string]string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(file)
	for name, text := range entries {
		if e, err := w.Create(name); err != nil {
			t.Fatal(err)
		} else if _, err := io.WriteString(e, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

func readFromZip(t *testing.T, path, name string) string {
	t.Helper()
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f, err := r.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fakeServer starts a process in place of a server.
func fakeServer(t *testing.T, name string, args ...string) *Server {
	t.Helper()
	s := &Server{process: process{Dir: t.TempDir()}}
	log, err := os.Create(s.log())
	if err == nil {
		err = hold(log)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdout = log
	inOwnGroup(cmd)
	if err := errors.Join(cmd.Start(), log.Close()); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }()
	s.PID = cmd.Process.Pid
	return s
}

func TestStopEndsTheServerAndWhatItStarted(t *testing.T) {
	s := fakeServer(t, "sh", "-c", "sleep 60 & sleep 60")
	if !s.Alive() {
		t.Fatal("the server does not live")
	}
	for range 2 {
		if err := s.Stop(); err != nil || s.Alive() {
			t.Fatalf("after Stop: %v, alive %t", err, s.Alive())
		}
	}
}

func TestStopLeavesAnotherProcessOfTheSameNumberAlone(t *testing.T) {
	gone := fakeServer(t, "true")
	if !released(gone.log(), gone.PID, 10*time.Second) {
		t.Fatal("true does not end")
	}
	other := fakeServer(t, "sleep", "60")
	defer other.Stop() //nolint:errcheck // the test is over
	gone.PID = other.PID
	if err := gone.Stop(); err != nil || !other.Alive() {
		t.Errorf("%v, the other alive: %t", err, other.Alive())
	}
}

func TestRunGivesTheServerToTheCommandAndItsStatusBack(t *testing.T) {
	s := &Server{URL: "http://localhost/am", Username: "u", Password: "p"}
	status, err := s.Run(t.Context(), "sh", "-c", `test "$AMSQL_OPENAM_URL $AMSQL_OPENAM_USERNAME" = "http://localhost/am u" && exit 3`)
	if status != 3 || err != nil {
		t.Errorf("status %d, %v; want 3", status, err)
	}
	if _, err := s.Run(t.Context(), "no-such-command"); err == nil {
		t.Error("a command that does not exist runs")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := new(Server).Run(ctx, "sh", "-c", "sleep 60 & sleep 60"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
}
