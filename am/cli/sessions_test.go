//go:build unix

package cli

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

const sessionsPage = "../../docs/sessions.md"

// TestTheMethodsOfTheDocumentationAreTheData compares the tables of methods and parameters in the page with the data.
func TestTheMethodsOfTheDocumentationAreTheData(t *testing.T) {
	rewrite(t, sessionsPage, func(page []byte) []byte {
		text := section(t, string(page), "methods", methodsTable())
		text = section(t, text, "amster", amsterTable())
		text = section(t, text, "answers", answersTable(t))
		return []byte(section(t, text, "parameters", parametersTable()))
	})
}

// section replaces the text between the marks.
func section(t *testing.T, page, name, text string) string {
	begin, end := "<!-- "+name+" -->\n", "<!-- end -->"
	before, rest, ok := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("the page has no section %s", name)
	}
	return before + begin + text + end + after
}

func methodsTable() string {
	var b strings.Builder
	b.WriteString("| Name | Accessible by | Required Params | Optional Params | Action | Versions | Description | Effects |\n|---|---|---|---|---|---|---|---|\n")
	for _, m := range methods.Methods {
		var by []string
		for _, access := range m.By {
			by = append(by, "`"+access.Verb+"` "+access.Table)
		}
		by = append(by, "`exec`")
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s | %s |\n", m.Name, strings.Join(by, ", "), links(m.Required), links(m.Optional),
			m.Action, strings.Join(m.Versions(), ", "), m.Description, m.Effects)
	}
	return b.String()
}

// amsterTable lists the Amster command for each method. Source: PingAM 8.1 Amster reference, Sessions.
func amsterTable() string {
	bodies := map[string]string{
		"token_id": `{"tokenId":"…"}`, "session_handle": `{"sessionHandles":["…"]}`, "username": `{"username":"bjensen"}`,
		"properties": `{"tokenId":"…","theme":"dark"}`,
	}
	var b strings.Builder
	b.WriteString("| Method | Amster |\n|---|---|\n")
	for _, m := range methods.Methods {
		body := bodies[slices.Concat(m.Required, m.Optional)[0]]
		command := "action Sessions --realm /alpha --actionName " + m.Action + " --body '" + body + "'"
		if m.Action == "query" {
			command = `query Sessions --realm /alpha --filter 'username eq "bjensen"'`
		}
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", m.Name, command)
	}
	return b.String()
}

func links(parameters []string) string {
	var all []string
	for _, name := range parameters {
		all = append(all, "[`"+name+"`](#parameters)")
	}
	return strings.Join(all, ", ")
}

func parametersTable() string {
	var b strings.Builder
	b.WriteString("| Name | Datatype | Description |\n|---|---|---|\n")
	for _, p := range methods.Parameters {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", p.Name, p.Type, p.Description)
	}
	return b.String()
}

// answersTable lists the columns of the methods' answers. Methods with the same columns have one row.
func answersTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| Method | Column | Datatype | Description |\n|---|---|---|---|\n")
	var answers []string
	of := map[string][]string{}
	for _, m := range methods.Methods {
		var rows strings.Builder
		for _, c := range m.Columns() {
			if c.Description == "" {
				t.Errorf("the column %s of %s has no description", c.Name, m.Name)
			}
			fmt.Fprintf(&rows, "| | `%s` | `%s` | %s |\n", c.Name, c.Type, c.Description)
		}
		if of[rows.String()] == nil {
			answers = append(answers, rows.String())
		}
		of[rows.String()] = append(of[rows.String()], "`"+m.Name+"`")
	}
	for _, answer := range answers {
		b.WriteString("| " + strings.Join(of[answer], ", ") + answer[1:])
	}
	return b.String()
}

var (
	sqlExample = regexp.MustCompile("(?s)```sql\n(.*?)```")
	exampleOf  = regexp.MustCompile("### (\\w+)\n[^#]*```sql\n")
)

// TestEveryStatementOfTheDocumentationRuns runs each statement on its own server, where a user is logged in.
func TestEveryStatementOfTheDocumentationRuns(t *testing.T) {
	page, err := os.ReadFile(sessionsPage)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, example := range exampleOf.FindAllSubmatch(page, -1) {
		shown[string(example[1])] = true
	}
	for _, m := range methods.Methods {
		if !shown[m.Name] {
			t.Errorf("the page has no example of %s", m.Name)
		}
	}
	for _, example := range sqlExample.FindAllSubmatch(page, -1) {
		sql := string(example[1])
		server := connect(t, simulator.Options{Profile: profileFor(sql), Realms: 2, Users: 6, Sessions: 12, Seed: 1})
		user, password := server.Admin()
		admin := openamtest.ConnectTo(t, os.Getenv("AM_URL"), user, password)
		if err := admin.CreateWhitelist(t.Context(), "/alpha", "theme", "team"); err != nil {
			t.Fatal(err)
		}
		session, err := server.Login("/alpha", "ajensen")
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"query", "--allow-writes", "--yes", sql}
		for name, value := range map[string]string{
			"realm": "/alpha", "username": "ajensen", "token_id": session.Token, "session_handle": session.Handle,
		} {
			if strings.Contains(sql, ":"+name) {
				args = append(args, "--arg", name+"="+value)
			}
		}
		out, errs, status := invoke(t, terminal.Streams{}, args...)
		if status != statusFine {
			t.Errorf("%s\nstatus %d: %s", sql, status, errs)
		}
		isDelete := strings.Contains(sql, "DELETE") && !strings.Contains(sql, "ROLLBACK")
		switch alive := stillThere(server, session.Handle); {
		case strings.HasPrefix(strings.TrimSpace(sql), "SELECT") && strings.Count(out, "\n") < 5:
			t.Errorf("%s\nhas no rows: %s", sql, out)
		case (strings.Contains(sql, ":session_handle") || strings.Contains(sql, "logout")) == alive:
			t.Errorf("%s\nthe session is alive: %t", sql, alive)
		case isDelete && !strings.Contains(errs, " ended\n"):
			t.Errorf("%s\n%s", sql, errs)
		}
	}
}

func profileFor(sql string) string {
	if strings.Contains(sql, "reset_idle_time") {
		return "pingam-8.1"
	}
	return "openam"
}

func stillThere(server *simulator.Server, handle string) bool {
	return slices.ContainsFunc(server.Sessions(), func(s simulator.Session) bool { return s.Handle == handle })
}
