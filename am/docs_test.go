package am_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// An example is a statement in the documentation, in both dialects.
type example struct {
	name             string // page and heading
	sqlite, postgres string
	empty            bool // the text above it says that it may return no rows
}

var sqlBlock = regexp.MustCompile("(?s)```(sql|sql\\+sqlite|sql\\+postgres)\n(.*?)```")

// examples returns the examples of all pages. A block of plain SQL is for both dialects.
func examples(t *testing.T) (all []example) {
	t.Helper()
	for _, pattern := range []string{"../docs/*.md", "../docs/tables/*.md"} {
		pages, err := filepath.Glob(pattern)
		must(t, err)
		if len(pages) == 0 {
			t.Fatalf("there are no pages %s", pattern)
		}
		for _, path := range pages {
			if base := filepath.Base(path); base == "sessions.md" || base == "history.md" {
				continue // package cli runs the statements of one page that have parameters, and package history those of another
			}
			page, err := os.ReadFile(path)
			must(t, err)
			for _, section := range regexp.MustCompile(`(?m)^##+ `).Split(string(page), -1) {
				all = append(all, sectionExamples(t, filepath.Base(path), section)...)
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("the pages have no examples")
	}
	return all
}

func sectionExamples(t *testing.T, page, section string) (found []example) {
	heading, text, _ := strings.Cut(section, "\n")
	name := page + ": " + heading
	dialects := map[string][]string{}
	for _, block := range sqlBlock.FindAllStringSubmatch(section, -1) {
		dialects[block[1]] = append(dialects[block[1]], block[2])
	}
	if len(dialects["sql+sqlite"]) != len(dialects["sql+postgres"]) {
		t.Errorf("%s: it is not in both dialects", name)
		return nil
	}
	empty := strings.Contains(text, "No rows are expected")
	for i := range dialects["sql+sqlite"] {
		found = append(found, example{name, dialects["sql+sqlite"][i], dialects["sql+postgres"][i], empty})
	}
	for _, sql := range dialects["sql"] {
		found = append(found, example{name, sql, sql, empty})
	}
	return found
}

// Every example runs, and returns rows unless the text above it says that it may return none.
func TestExamplesOfTheDocumentationHaveRows(t *testing.T) {
	d := newDialects(t, exampleDeployment(t).config())
	for _, e := range examples(t) {
		if answer := d.sqlite(t, e); len(answer.rows) == 0 && !e.empty {
			t.Errorf("%s: there are no rows", e.name)
		}
	}
}

// exampleDeployment returns a server with the users in the examples.
func exampleDeployment(t *testing.T) *deployment {
	t.Helper()
	sim, url := exampleServer(t)
	user, password := sim.Admin()
	return &deployment{environment: []string{"AM_URL=" + url, "AM_USERNAME=" + user, "AM_PASSWORD=" + password}}
}

func exampleServer(t *testing.T) (sim *simulator.Server, url string) {
	t.Helper()
	sim, err := simulator.New(simulator.Options{Realms: 3, Users: 60, Sessions: 500, Seed: 1})
	must(t, err)
	for _, name := range []string{"bjensen", "scarter"} {
		for _, realm := range []string{"/alpha", "/bravo"} {
			_ = sim.AddUser(realm, name, "changeit") // some users exist already
			_, err := sim.Login(realm, name)
			must(t, err)
		}
	}
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	url = web.URL + sim.ContextPath()
	furnish(t, sim, url)
	return sim, url
}
