//go:build unix

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/report"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

var reportsList = regexp.MustCompile(`(?s)(<!-- reports: .*? -->\n).*?(\n## )`)

// TestTheReportsAreDocumented compares the list in the page with the headers of the reports.
func TestTheReportsAreDocumented(t *testing.T) {
	all, err := report.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for _, r := range all {
		fmt.Fprintf(&list, "\n### %s\n\n%s. %s %s\n\nSeverity: %s. Controls: %s.\n", r.Name, r.Title, r.Question, r.Note, r.Severity, strings.Join(r.Controls, ", "))
		for i, p := range r.Parameters {
			if i == 0 {
				list.WriteString("\n| parameter | default | |\n|---|---|---|\n")
			}
			fmt.Fprintf(&list, "| `%s` | `%v` | %s |\n", p.Name, p.Default, p.Description)
		}
		if r.Remedy != "" {
			fmt.Fprintf(&list, "\nWhat to do: %s\n\n```sh\n%s\n```\n", r.Remedy, strings.Join(r.Commands, "\n"))
		}
	}
	rewrite(t, "../../docs/reports.md", func(page []byte) []byte {
		at := reportsList.FindSubmatchIndex(page)
		if at == nil {
			t.Fatal("the page has no place for the list")
		}
		text := strings.ReplaceAll(list.String(), " \n", "\n")
		return bytes.Join([][]byte{page[:at[3]], []byte(text), page[at[4]:]}, nil)
	})
}

// planned is a row of a plan, or a finding of a report.
type planned struct{ Username, Realm string }

// The commands of each report work, and those that select sessions select exactly the sessions in the findings.
func TestTheCommandsOfReportsPlanWhatTheyFound(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 2, Users: 12, Sessions: 40, Seed: 3, Deployments: []string{"agents"}})
	for _, name := range []string{"leaver", "svc-backup"} {
		must(t, server.AddUser("/alpha", name, "changeit"))
		_, err := server.Login("/alpha", name)
		must(t, err)
	}
	must(t, server.DisableUser("/alpha", "leaver"))
	administrator, _ := server.Admin()
	_, err := server.Login("/", administrator)
	must(t, err)

	var run report.Run
	must(t, json.Unmarshal(output(t, "amsql report run --all --format json --quiet"), &run))
	exact := map[string]bool{"disabled-users": true, "administrators": true, "service-accounts": true}
	for _, r := range run.Results {
		for _, command := range r.Commands {
			command = strings.NewReplacer("NAME", "leaver", "REALM", "/alpha").Replace(command)
			if !strings.HasPrefix(command, "amsql logout") {
				output(t, command)
				continue
			}
			var plan []planned
			must(t, json.Unmarshal(rowsOf(t, output(t, command+" --dry-run --quiet --output json")), &plan))
			if !exact[r.Name] || !strings.Contains(command, "--where") {
				continue
			}
			delete(exact, r.Name)
			var found []planned
			for _, row := range r.Rows {
				if r.IsFinding(row) {
					found = append(found, planned{row["username"].(string), row["realm"].(string)})
				}
			}
			if len(found) == 0 || !slices.Equal(found, plan) {
				t.Errorf("%s found %v and %s plans %v", r.Name, found, command, plan)
			}
		}
	}
	if len(exact) > 0 {
		t.Errorf("no command chooses what was found by %v", exact)
	}
}

// output returns the output of a command line, which must succeed.
func output(t *testing.T, command string) []byte {
	t.Helper()
	cmd := process(t, "sh", "-c", command)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v, %s", command, err, stderr.String())
	}
	return out
}

// rowsOf returns the rows of JSON output.
func rowsOf(t *testing.T, out []byte) []byte {
	t.Helper()
	var of struct{ Rows json.RawMessage }
	must(t, json.Unmarshal(out, &of))
	return of.Rows
}

func TestAPDFNeedsABrowser(t *testing.T) {
	if _, err := os.Stat("/Applications"); err == nil {
		t.Skip("the browsers of macOS need no PATH")
	}
	t.Setenv("PATH", t.TempDir())
	_, stderr, status := invoke(t, terminal.Streams{}, "report", "run", "--all", "--out", "page.pdf")
	if status != statusMisused || !strings.Contains(stderr, "needs Chromium, Chrome or Edge, and none of them was found") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
