package metrics_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

const alertRules = "../../docs/deployment/alerts.yaml"

// TestPrometheusReadsTheMetricsAndTheRules uses Prometheus' own parsers, if they can be built.
func TestPrometheusReadsTheMetricsAndTheRules(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a while to build parsers of Prometheus: run without -short")
	}
	program := filepath.Join(t.TempDir(), "promcheck")
	download := exec.CommandContext(t.Context(), "go", "mod", "download")
	download.Dir = "../internal/promcheck"
	if out, err := download.CombinedOutput(); err != nil {
		t.Logf("%v: %s", err, out)
		t.Skip("needs the modules of Prometheus: let Go download them")
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = download.Dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	check := func(kind string, text []byte) error {
		read := exec.CommandContext(t.Context(), program, kind)
		read.Stdin, read.Stderr = bytes.NewReader(text), t.Output()
		return read.Run()
	}
	server, c, e := simulated(t, simulator.Options{Realms: 3, Users: 40, Sessions: 200, ListCap: 50, Seed: 1})
	for range 2 {
		scan(t, e, c.BaseURL())
		_, err := server.Login("/", "demo")
		must(t, err)
		var b bytes.Buffer
		must(t, e.Write(&b))
		must(t, check("metrics", b.Bytes()))
		if check("metrics", bytes.TrimSuffix(b.Bytes(), []byte("# EOF\n"))) == nil {
			t.Error("the check takes what is no OpenMetrics text")
		}
	}
	rules, err := os.ReadFile(alertRules)
	must(t, err)
	must(t, check("rules", rules))
	if check("rules", bytes.ReplaceAll(rules, []byte("== 0"), []byte("= 0"))) == nil {
		t.Error("the check takes rules that are wrong")
	}
}

func TestTheRulesNameMetricsThatThereAre(t *testing.T) {
	_, c, e := simulated(t, simulator.Options{Realms: 1, Users: 4, Sessions: 8})
	samples := scan(t, e, c.BaseURL())
	rules, err := os.ReadFile(alertRules)
	must(t, err)
	named := regexp.MustCompile(`amsql_\w+`).FindAllString(string(rules), -1)
	if len(named) < 7 {
		t.Errorf("the rules name only %q", named)
	}
	for _, name := range named {
		there := false
		for sample := range samples {
			metric, _, _ := strings.Cut(sample, "{")
			there = there || metric == name
		}
		if !there {
			t.Errorf("there is no metric %s", name)
		}
	}
	for label := range map[string]bool{`severity="high"`: true, `completeness="truncated"`: true, `completeness="failed"`: true} {
		there := false
		for sample := range samples {
			there = there || strings.Contains(sample, label)
		}
		if !there {
			t.Errorf("no sample has %s", label)
		}
	}
}
