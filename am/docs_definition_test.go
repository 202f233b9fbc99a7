package am_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var typeNames = map[table.Type]string{
	table.Text: "text", table.Integer: "integer", table.Double: "double", table.Boolean: "boolean", table.Timestamp: "timestamp", table.JSON: "jsonb",
}

// Every table has a page, and the page's list of columns is the definition's: UPDATE=1 writes it.
func TestPagesOfTheTablesListTheColumnsOfTheirDefinitions(t *testing.T) {
	for _, table := range definedTables(t) {
		path := "../docs/tables/" + table.Name() + ".md"
		content, err := os.ReadFile(path)
		must(t, err)
		page := string(content)
		before, rest, found := strings.Cut(page, "\n## Columns\n")
		_, after, more := strings.Cut(rest, "\n## Examples\n")
		if !found || !more {
			t.Errorf("%s: there is no section Columns before the section Examples", path)
			continue
		}
		want := before + "\n## Columns\n" + columnList(table) + "\n## Examples\n" + after
		if page == want {
			continue
		}
		if os.Getenv("UPDATE") != "" {
			must(t, os.WriteFile(path, []byte(want), 0o644))
			continue
		}
		t.Errorf("%s: the columns are not the definition's: run UPDATE=1 go test ./am -run Pages; want%s", path, columnList(table))
	}
}

// columnList names every column once, with the operators that AM is asked with.
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
			"Permissions](" + repository + "docs/index.md#permissions)", "\n## Columns\n", "\n## Examples\n", "\n### ", "\n```sql+postgres\n", "\n```sql+sqlite\n",
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

// repository is where the pages are that the Hub does not have: it takes docs/index.md and docs/tables/*.md alone.
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
