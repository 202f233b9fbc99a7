package am_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var typeNames = map[table.Type]string{
	table.Text: "text", table.Integer: "integer", table.Double: "double", table.Boolean: "boolean", table.Timestamp: "timestamp", table.JSON: "jsonb",
}

// The Hub generates a list of each table's columns, so the table pages need none. UPDATE=1 writes docs/columns.md.
func TestPageOfTheColumnsListsThoseOfTheDefinitions(t *testing.T) {
	var b strings.Builder
	b.WriteString(columnsIntroduction)
	for _, table := range definedTables(t) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", table.Name(), table.Description())
		b.WriteString(columnList(table))
	}
	updatedPart(t, "../docs/columns.md", "", "", b.String())
}

const columnsIntroduction = "# Columns\n\n" +
	"The columns of each table. `amsql tables TABLE` prints them, too, and so does `.inspect TABLE` in the shells of amsql and Steampipe.\n" +
	"The operators are those that are sent to AM; all other conditions work as well, and are applied to the rows that\n" +
	"AM returns.\n"

// updatedPart compares the text of a page between two marks, or the whole page, with what is wanted. With UPDATE set,
// it writes it into the page.
func updatedPart(t *testing.T, path, from, to, want string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil && os.Getenv("UPDATE") == "" {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(content), from)
	part, after, more := rest, "", true
	if to != "" {
		part, after, more = strings.Cut(rest, to)
	}
	if !found || !more {
		t.Fatalf("%s: there is no part between %q and %q", path, from, to)
	}
	if part == want {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Errorf("%s is not up to date: run UPDATE=1 go test ./am -run Page:\n%s", path, cmp.Diff(part, want))
		return
	}
	must(t, os.WriteFile(path, []byte(before+from+want+to+after), 0o644))
}

// columnList lists all columns, each with the operators that are pushed down to AM.
func columnList(table table.Table) string {
	var b strings.Builder
	b.WriteString("\n| Column | Type | Operators | Description |\n|---|---|---|---|\n")
	for _, c := range table.Columns() {
		operators := ""
		if slices.Contains(table.Keys(), c.Name) {
			operators = "`=`, `in`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Name, typeNames[c.Type], operators, c.Description)
	}
	return b.String()
}

func definedTables(t *testing.T) []table.Table {
	t.Helper()
	url, token := "http://localhost/am", "none"
	c, err := connection.Open("am", connection.Config{BaseURL: &url, SSOToken: &token}, connection.Host{})
	must(t, err)
	return am.Tables(c)
}

func TestPagesOfTheTablesHaveTheHubsForm(t *testing.T) {
	for _, table := range definedTables(t) {
		name := table.Name()
		content, err := os.ReadFile("../docs/tables/" + name + ".md")
		must(t, err)
		page := string(content)
		at := 0
		for _, part := range []string{
			"---\ntitle: \"Steampipe Table: " + name + " - Query ", " using SQL\"\ndescription: \"", "\"\nfolder: \"", "\"\n---\n",
			"\n# Table: " + name + " - Query ", " using SQL\n", "\n## Table Usage Guide\n", "The `" + name + "` table ", "\n**Important Notes**\n",
			"Permissions](" + repository + "docs/index.md#permissions)", "[columns](" + repository + "docs/columns.md#" + name + ")", "\n## Examples\n", "\n### ", "\n```sql+postgres\n", "\n```sql+sqlite\n",
		} {
			i := strings.Index(page[at:], part)
			if i < 0 {
				t.Errorf("%s: %q is missing, or stands before what it follows", name, part)
				continue
			}
			at += i
		}
		notes := page[strings.Index(page, "**Important Notes**"):]
		notes, _, _ = strings.Cut(notes, "\n## ")
		for _, key := range table.Keys() {
			if !strings.Contains(notes, "`"+key+"`") || !strings.Contains(notes, "`=` and `in`") {
				t.Errorf("%s: the notes do not say that `=` and `in` on `%s` are sent to AM", name, key)
			}
		}
	}
}

func TestPageOfThePluginHasTheHubsForm(t *testing.T) {
	content, err := os.ReadFile("../docs/index.md")
	must(t, err)
	page := string(content)
	for _, part := range []string{
		"\n# AM + Steampipe\n", "\n## Documentation\n", "\n## Get started\n", "\n### Install\n", "\nsteampipe plugin install amsql/am\n",
		"\n### Credentials\n", "\n### Configuration\n", "\n## Multiple Connections\n", "\n  type        = \"aggregator\"\n",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("docs/index.md: %q is missing", part)
		}
	}
	sample, err := os.ReadFile("../config/am.spc")
	must(t, err)
	updatedPart(t, "../docs/index.md", "<!-- config/am.spc -->\n```hcl\n", "```\n<!-- end -->", string(sample))
}

// The Hub copies the pictures that the page names from the repository.
func TestPageOfThePluginNamesPicturesThatAreThere(t *testing.T) {
	page, err := os.ReadFile("../docs/index.md")
	must(t, err)
	named := regexp.MustCompile(`(?m)^(?:icon_url|og_image): "/images/plugins/amsql/(.+)"$`).FindAllStringSubmatch(string(page), -1)
	if len(named) != 2 {
		t.Fatalf("docs/index.md names %q, want an icon and a social image", named)
	}
	for _, name := range named {
		picture, err := os.ReadFile("../docs/hub/" + name[1])
		must(t, err)
		switch kind, size := http.DetectContentType(picture), len(picture); {
		case strings.HasSuffix(name[1], ".svg") && !strings.HasPrefix(string(picture), "<svg "):
			t.Errorf("%s begins with %.20q", name[1], picture)
		case strings.HasSuffix(name[1], ".png") && kind != "image/png":
			t.Errorf("%s is %s", name[1], kind)
		case size > 100<<10:
			t.Errorf("%s has %d bytes", name[1], size)
		}
	}
}

func TestColumnsOfTheTablesFollowTheConventions(t *testing.T) {
	for _, table := range definedTables(t) {
		seen := map[string]bool{}
		for _, c := range table.Columns() {
			name := table.Name() + "." + c.Name
			if seen[c.Name] {
				t.Errorf("%s is there twice", name)
			}
			seen[c.Name] = true
			if c.Name != strings.ToLower(c.Name) || strings.ContainsAny(c.Name, " -") {
				t.Errorf("%s is not in snake case", name)
			}
			if c.Description == "" || !strings.HasSuffix(c.Description, ".") {
				t.Errorf("%s is described as %q, not by a sentence", name, c.Description)
			}
			for unit, word := range map[string]string{"_minutes": "minutes", "_seconds": "seconds", "_ms": "milliseconds"} {
				if strings.HasSuffix(c.Name, unit) && !strings.Contains(c.Description, word) {
					t.Errorf("%s is described without its unit: %q", name, c.Description)
				}
			}
		}
		for _, common := range []string{"title", "base_url"} {
			if !seen[common] {
				t.Errorf("%s has no %s", table.Name(), common)
			}
		}
		for _, key := range table.Keys() {
			if !seen[key] {
				t.Errorf("%s has no column for its key %s", table.Name(), key)
			}
		}
	}
}

// repository is the URL of the pages that the Hub does not copy: it copies only docs/index.md and docs/tables/*.md.
const repository = "https://github.com/amsql/steampipe-plugin-am/blob/main/"

func TestLinksOfTheHubsPagesAreAbsoluteAndLeadToAPage(t *testing.T) {
	pages, err := filepath.Glob("../docs/tables/*.md")
	must(t, err)
	for _, path := range append(pages, "../docs/index.md") {
		page, err := os.ReadFile(path)
		must(t, err)
		for _, link := range regexp.MustCompile(`\]\(([^)\s]*)\)`).FindAllStringSubmatch(string(page), -1) {
			address, anchor, _ := strings.Cut(link[1], "#")
			switch file, ours := strings.CutPrefix(address, repository); {
			case address == "":
				hasHeading(t, path, path, anchor)
			case ours:
				hasHeading(t, path, "../"+file, anchor)
			case !strings.HasPrefix(address, "https://"):
				t.Errorf("%s: the link %s is relative", path, link[1])
			}
		}
	}
}

func hasHeading(t *testing.T, from, path, anchor string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("%s: %v", from, err)
		return
	}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(content), -1) {
		if strings.ReplaceAll(strings.ToLower(regexp.MustCompile(`[^\w\s-]`).ReplaceAllString(heading[1], "")), " ", "-") == anchor {
			return
		}
	}
	if anchor != "" {
		t.Errorf("%s: %s has no heading for #%s", from, path, anchor)
	}
}
