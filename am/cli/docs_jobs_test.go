//go:build unix

package cli

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// mailx is a fake of the program of that name. It sends the page after -a.
const mailx = `#!/bin/sh
[ "$1 $3 $5" = "-s -a audit@example.com" ] && grep --quiet --ignore-case '^<!doctype html>' "$4"
`

var (
	connectionsBlock = regexp.MustCompile("(?s)```hcl\n(connection .*?)```\n")
	digest           = regexp.MustCompile(`SHA-256 [0-9a-f]{64}`)
)

// The commands for each job print what the page shows, on two servers. They all succeed, unless the page shows an exit
// status.
func TestTheJobsAreDoneByTheirCommands(t *testing.T) {
	prod, stage := twoServers(t)
	home := t.TempDir()
	addresses := strings.NewReplacer("https://am.example.com/openam", prod, "https://am.example.org/openam", stage)
	hidden := strings.NewReplacer(prod, "https://am.example.com/openam", stage, "https://am.example.org/openam", home, "/home/me")
	dir := filepath.Join(home, ".steampipe", "config")
	must(t, os.MkdirAll(dir, 0o700))
	tools := filepath.Join(home, "bin")
	must(t, os.MkdirAll(tools, 0o700))
	must(t, os.WriteFile(filepath.Join(tools, "mailx"), []byte(mailx), 0o700))
	t.Setenv("HOME", home)
	t.Setenv("XDG_DATA_HOME", filepath.Join(home, ".local", "share"))
	t.Setenv("PATH", tools+string(os.PathListSeparator)+os.Getenv("PATH"))
	rewrite(t, "../../docs/jobs.md", func(page []byte) []byte {
		connections := connectionsBlock.FindSubmatch(page)
		if connections == nil {
			t.Fatal("docs/jobs.md has no connections")
		}
		must(t, os.WriteFile(filepath.Join(dir, "am.spc"), []byte(addresses.Replace(string(connections[1]))), 0o600))
		jobs := 0
		page = consoleBlock.ReplaceAllFunc(page, func(block []byte) []byte {
			jobs++
			return rerunIn(t, home, block)
		})
		if rows := bytes.Count(page, []byte("\n| [")); jobs < rows || rows < 8 {
			t.Errorf("docs/jobs.md has %d blocks of commands for %d jobs", jobs, rows)
		}
		return digest.ReplaceAll([]byte(hidden.Replace(string(page))), []byte("SHA-256 "+strings.Repeat("0", 60)+"…"))
	})
}

// twoServers starts the servers of the page and returns their addresses, in alphabetical order. They have different
// realms, limits and disabled accounts.
func twoServers(t *testing.T) (prod, stage string) {
	t.Helper()
	listening := []*httptest.Server{httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)}
	slices.SortFunc(listening, func(a, b *httptest.Server) int {
		return strings.Compare(a.Listener.Addr().String(), b.Listener.Addr().String())
	})
	var addresses []string
	for i, l := range listening {
		server, err := simulator.New(simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: uint64(i + 1)})
		must(t, err)
		l.Config.Handler = server
		l.Start()
		t.Cleanup(l.Close)
		addresses = append(addresses, l.URL+server.ContextPath())
		user, password := server.Admin()
		t.Setenv("AM_SECRET", password)
		for _, name := range []string{"ajensen", "bkowalska"} {
			_ = server.AddUser("/alpha", name, "changeit") // on one of the servers, some users exist already
			_, err := server.Login("/alpha", name)
			must(t, err)
		}
		if i == 0 {
			must(t, server.AddRealm("/partners"))
			must(t, server.DisableUser("/alpha", "bkowalska"))
			must(t, openamtest.ConnectTo(t, addresses[0], user, password).AddSessionService(t.Context(), "/bravo", 10, 45, 3))
		}
	}
	return addresses[0], addresses[1]
}

// rerunIn returns a block with the output of its commands, run one after the other in a folder.
func rerunIn(t *testing.T, dir string, block []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("```console\n")
	for line := range strings.Lines(string(block)) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		cmd := process(t, "sh", "-c", command)
		cmd.Dir = dir
		output, err := cmd.CombinedOutput()
		if failed := bytes.Contains(output, []byte("Error: ")) && !strings.Contains(command, "exit status"); err != nil || failed {
			t.Errorf("%s: %v, %s", command, err, output)
		}
		fmt.Fprintf(&b, "%s%s", line, checkedAgain.ReplaceAll(output, []byte("checked again at 2026-11-22T12:00:00Z")))
	}
	b.WriteString("```\n")
	return b.Bytes()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
