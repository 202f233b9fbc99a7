package history

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// TestSpark runs the queries for SQLite in Spark SQL with its page, and then queries for parts of the dataset.
func TestSpark(t *testing.T) {
	python := pythonWith(t, "pyspark")
	if out, err := exec.CommandContext(t.Context(), "java", "-version").CombinedOutput(); err != nil {
		t.Logf("%v: %s", err, out)
		t.Skip("needs Java: .ci/run installs it")
	}
	sqlite, spark := newSQLite(t), newFolder(t, "Spark", python, t.TempDir())
	agreeOnThirtySnapshots(t, sqlite, spark)
	for _, p := range parts(t) {
		plan := spark.ask(t, "explain formatted "+p.question)[0]
		for _, filter := range p.filters {
			if !regexp.MustCompile(`PartitionFilters: .*` + filter).MatchString(plan) {
				t.Errorf("the plan of %s has no filter %s: %s", p.question, filter, plan)
			}
		}
		readsOnlyPart(t, sqlite, spark, p)
	}
}

// A part is the part of a dataset that a query needs.
type part struct {
	question   string
	sqlite     string   // the query for SQLite, if it differs
	filters    []string // filters in Spark's plan
	has        func(snapshotID) bool
	unfiltered string // a relation that Spark reads completely, because it pushes no filter into a join below a window function
}

// parts returns the page's queries, with the parts that they need.
func parts(t *testing.T) []part {
	t.Helper()
	const server, ofServer = "https://amb.example.com/am", `\(server#\d+ = https://amb\.example\.com/am\)`
	all := []part{
		{
			sqlite:  "select username from session where taken_at < '2026-11-18' and server = '" + server + "'",
			filters: []string{ofServer, `\(date#\d+ = 2026-11-17\)`},
			has:     func(id snapshotID) bool { return id.server == server && id.at.Format(time.DateOnly) == "2026-11-17" },
		},
		{filters: []string{ofServer}, has: func(id snapshotID) bool { return id.server == server }, unfiltered: snapshots.name},
	}
	page, err := os.ReadFile("../../docs/history.md")
	must(t, err)
	block := regexp.MustCompile("(?s)```sql\\+lake\n(.*?);\n```").FindSubmatch(page)
	questions := strings.Split(strings.ReplaceAll(string(block[1]), "https://am.example.com/am", server), ";\n\n")
	for i := range all {
		all[i].question = questions[i]
	}
	return all
}

// readsOnlyPart damages all other files, so that reading one of them fails.
func readsOnlyPart(t *testing.T, sqlite, k kept, p part) {
	t.Helper()
	all, err := k.list(t.Context())
	must(t, err)
	for _, id := range all {
		if p.has(id.snapshotID) {
			continue
		}
		files, err := filepath.Glob(filepath.Join(k.target[len(parquetScheme):], id.folder(inventory.Shard{})+"*", "*", "*")) // all shards
		must(t, err)
		for _, file := range files {
			if filepath.Base(filepath.Dir(file)) == "relation="+p.unfiltered {
				continue
			}
			content, err := os.ReadFile(file)
			must(t, err)
			must(t, os.WriteFile(file, bytes.Repeat([]byte{'x'}, len(content)), 0o600))
			defer func() { must(t, os.WriteFile(file, content, 0o600)) }()
		}
	}
	want := sqlite.ask(t, cmp.Or(p.sqlite, p.question))
	got := k.ask(t, p.question)
	slices.Sort(want)
	slices.Sort(got)
	if len(got) == 0 || !slices.Equal(got, want) {
		t.Errorf("%s\n%s has %q\nSQLite has %q", p.question, k.name, got, want)
	}
	if rows, err := k.try("select username from session"); err == nil {
		t.Errorf("%s reads no file that is spoilt: %q", k.name, rows)
	}
}
