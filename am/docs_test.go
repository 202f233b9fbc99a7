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

var sqliteExample = regexp.MustCompile("(?s)```sql\\+sqlite\n(.*?)```")

// Every example of a table's page runs, and has rows unless its text says that none are expected.
func TestExamplesOfTheTablesRun(t *testing.T) {
	pages, err := filepath.Glob("../docs/tables/*.md")
	must(t, err)
	if len(pages) == 0 {
		t.Fatal("there are no pages")
	}
	d := exampleDeployment(t)
	for _, path := range pages {
		page, err := os.ReadFile(path)
		must(t, err)
		for _, section := range strings.Split(string(page), "\n### ")[1:] {
			heading, text, _ := strings.Cut(section, "\n")
			example := sqliteExample.FindStringSubmatch(section)
			if example == nil || !strings.Contains(section, "```sql+postgres\n") {
				t.Errorf("%s: %q is not in both dialects", path, heading)
				continue
			}
			rows := d.query(t, example[1])
			if len(rows) == 0 && !strings.Contains(text, "No rows are expected") {
				t.Errorf("%s: %q has no rows", path, heading)
			}
		}
	}
}

// exampleDeployment has the people whom the examples name.
func exampleDeployment(t *testing.T) *deployment {
	server, err := simulator.New(simulator.Options{Realms: 3, Users: 60, Sessions: 500, Seed: 1})
	must(t, err)
	for _, name := range []string{"bjensen", "scarter"} {
		for _, realm := range []string{"/alpha", "/bravo"} {
			_ = server.AddUser(realm, name, "changeit") // some are there already
			_, err := server.Login(realm, name)
			must(t, err)
		}
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	furnish(t, server, web.URL+server.ContextPath())
	user, password := server.Admin()
	return &deployment{environment: []string{"AM_URL=" + web.URL + server.ContextPath(), "AM_USERNAME=" + user, "AM_PASSWORD=" + password}}
}
