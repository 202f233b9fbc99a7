//go:build unix

package cli

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/report"
)

var reportsList = regexp.MustCompile(`(?s)(<!-- reports: .*? -->\n).*?(\n## )`)

// TestTheReportsAreDocumented compares the page's list with the headers of the reports.
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
