// Package benchmark measures what amsql costs beside a minimal program for the same purpose, against one simulated AM
// in a process of its own, and prints the ratios:
//
//	make bench
package benchmark

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
)

// amsql is the program, built once.
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
	if output, err := exec.Command("go", "build", "-o", amsql, "../..").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, output)
		return 1
	}
	status := m.Run()
	printFigures()
	return status
}

// A figure is a ratio of two measurements of one run.
type figure struct {
	what, value, beside string
	ratio, target       float64
	atLeast             bool // the target; otherwise at most. A target of 0 is none
}

var figures []figure

func (f figure) verdict() string {
	switch {
	case f.target == 0:
		return ""
	case f.atLeast && f.ratio >= f.target, !f.atLeast && f.ratio <= f.target:
		return "ok"
	}
	return "MISSED"
}

func (f figure) bound() string {
	switch {
	case f.target == 0:
		return ""
	case f.atLeast:
		return fmt.Sprintf("≥ %.3g", f.target)
	}
	return fmt.Sprintf("≤ %.3g", f.target)
}

// report adds the figure to the table, and its ratio to the benchmark's line.
func report(b *testing.B, f figure) {
	b.ReportMetric(f.ratio, strings.ReplaceAll(f.what, " ", "-"))
	figures = append(figures, f)
}

func printFigures() {
	if len(figures) == 0 {
		return
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nfigure\tmeasured\tbeside\tratio\ttarget\t")
	for _, f := range figures {
		fmt.Fprintf(table, "%s\t%s\t%s\t%.2f\t%s\t%s\n", f.what, f.value, f.beside, f.ratio, f.bound(), f.verdict())
	}
	_ = table.Flush() // to standard output
}

// A server is a simulated AM in a process of its own.
type server struct {
	url, user, password string
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
		_ = command.Wait() // it was killed
	})
	var s server
	settings := map[string]*string{"AM_URL": &s.url, "AM_USERNAME": &s.user, "AM_PASSWORD": &s.password}
	for lines := bufio.NewScanner(output); len(settings) > 0 && lines.Scan(); {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		if setting := settings[name]; setting != nil {
			*setting = value
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
