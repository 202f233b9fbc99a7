// Package benchmark compares amsql with minimal programs for the same purpose, against a simulated AM in its own
// process, and prints the ratios:
//
//	make bench
package benchmark

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/internal/benchmark/figures"
)

// amsql is the path of the program, which is built once.
var amsql string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "amsql-benchmark-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	amsql = filepath.Join(dir, "amsql")
	if output, err := exec.Command("go", "build", "-o", amsql, "../../..").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, output)
		return 1
	}
	status := m.Run()
	figures.Print()
	return status
}

// A server is a simulated AM in its own process.
type server struct {
	url, user, password string

	storeURL, storeReader, storePassword, storeFingerprint string // set if simulate is called with --token-store
}

// simulate starts a server with one realm, /alpha, until the benchmark ends.
func simulate(b *testing.B, arguments ...string) server {
	b.Helper()
	command := exec.Command(amsql, append([]string{"simulate", "--listen", "127.0.0.1:0", "--realms", "1"}, arguments...)...)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait() // it has been killed
	})
	var s server
	settings := map[string]*string{"AM_URL": &s.url, "AM_USERNAME": &s.user, "AM_PASSWORD": &s.password}
	if slices.Contains(arguments, "--token-store") {
		settings["AM_TOKEN_STORE_URL"], settings["AM_TOKEN_STORE_BIND_DN"] = &s.storeURL, &s.storeReader
		settings["AM_TOKEN_STORE_PASSWORD"], settings["AM_TOKEN_STORE_FINGERPRINT"] = &s.storePassword, &s.storeFingerprint
	}
	for lines := bufio.NewScanner(output); len(settings) > 0 && lines.Scan(); {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		if setting := settings[name]; setting != nil {
			*setting = strings.Trim(value, "'")
			delete(settings, name)
		}
	}
	if len(settings) > 0 {
		b.Fatalf("amsql simulate does not say %v", settings)
	}
	return s
}

func (s server) environment() []string {
	return append(os.Environ(), "AM_URL="+s.url, "AM_USERNAME="+s.user, "AM_PASSWORD="+s.password)
}
