package am_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The test in this file runs against the real OpenAM and the simulated one.

func TestOpenAMReportsFindWhatIsPlanted(t *testing.T) { reportsFindWhatIsPlanted(t, realOpenAM(t)) }
func TestReportsFindWhatIsPlanted(t *testing.T)       { reportsFindWhatIsPlanted(t, simulatedOpenAM(t)) }

// reportsFindWhatIsPlanted plants a finding or none for each report that can have findings, and a user whose name is
// HTML.
func reportsFindWhatIsPlanted(t *testing.T, d *deployment) {
	const strict, lax, clients = "/report-strict", "/report-lax", "/report-clients"
	const html = "<img src=x onerror=alert`1`>" // OpenAM does not accept parentheses in names
	ctx := t.Context()
	for _, realm := range []string{strict, lax, clients} {
		must(t, d.admin.CreateRealm(ctx, realm))
	}
	must(t, d.admin.AddSessionService(ctx, strict, 60, 1440, 6))
	must(t, d.admin.AddSessionService(ctx, lax, 60, 1440, 6))
	must(t, d.admin.SetClientSide(ctx, clients, true))
	d.logins(t, strict, "rep-early")
	must(t, d.admin.AddSessionService(ctx, strict, 15, 720, 2))
	d.holds(t, strict, 15*time.Minute)
	d.logins(t, strict, "rep-plain", "rep-many", "rep-many", "rep-many", "rep-two", "rep-two", "rep-both", "rep-disabled", "svc-rep", html)
	d.logins(t, lax, "rep-both", "rep-gone")
	d.logins(t, clients, "rep-unseen", "rep-plain")
	must(t, d.admin.DisableUser(ctx, strict, "rep-disabled"))
	must(t, d.admin.DeleteUser(ctx, lax, "rep-gone"))

	run := func(format string) string {
		environment := append(slices.Clone(d.environment), "AM_REALMS=/,"+strict+","+lax+","+clients)
		// The root realm has OpenAM's own limits. Only its idle time is weaker than the default policy.
		stdout, stderr, status := d.try(t, "", environment, "report", "run", "--all", "--format", format, "--arg", "policy_idle_minutes=30", "--arg", "top_users=1000")
		if status != 0 {
			t.Fatalf("exit status %d: %s", status, stderr)
		}
		return stdout
	}
	var answer struct {
		Complete bool
		Evidence struct{ Servers, Realms []map[string]any }
		Reports  []struct {
			Name     string
			Finds    bool
			Findings int
			Rows     []map[string]any
		}
	}
	must(t, json.Unmarshal([]byte(run("json")), &answer))
	want := map[string][]string{
		"administrators":       {"amadmin /"}, // the session of the test
		"client-side-sessions": {clients},
		"completeness":         nil,
		"differing-limits":     {"rep-early " + strict},
		"disabled-users":       {"rep-disabled " + strict, "rep-gone " + lax},
		"expired-listed":       nil,
		"foreign-addresses":    nil, // this report and the others about logins need the token store, which is not used here
		"idle":                 nil,
		"lax-realms":           {lax},
		"old":                  nil,
		"outside-hours":        nil,
		"over-quota":           {"rep-many " + strict},
		"service-accounts":     {"svc-rep " + strict},
		"several-addresses":    nil,
		"several-realms":       {"rep-both " + lax + ", " + strict},
		"weak-administrators":  nil,
	}
	got := map[string][]string{}
	for _, r := range answer.Reports {
		if !r.Finds {
			if r.Name == "top-users" && !slices.ContainsFunc(r.Rows, func(row map[string]any) bool { return row["username"] == html }) {
				t.Errorf("%s lacks %s: %v", r.Name, html, r.Rows)
			}
			continue
		}
		got[r.Name] = nil
		for _, row := range r.Rows {
			if marked, isMarked := row["finding"]; !isMarked || marked == true {
				realm := row["realm"]
				if realm == nil {
					realm = row["realm_list"]
				}
				got[r.Name] = append(got[r.Name], strings.TrimPrefix(fmt.Sprintf("%v %v", row["username"], realm), "<nil> "))
			}
		}
		if r.Findings != len(got[r.Name]) {
			t.Errorf("%s counts %d findings and has %q", r.Name, r.Findings, got[r.Name])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !answer.Complete || len(answer.Evidence.Servers) != 1 || len(answer.Evidence.Realms) != 4 {
		t.Errorf("complete is %t, the evidence %v", answer.Complete, answer.Evidence)
	}

	page := run("html")
	if strings.Contains(page, "<img") || !strings.Contains(page, "&lt;img src=x onerror=alert") {
		t.Error("the page has the user's name as HTML, or not at all")
	}
}

// holds waits until new sessions of a realm have this idle limit, which takes a moment after it was set. It leaves no
// session behind.
func (d *deployment) holds(t *testing.T, realm string, idle time.Duration) {
	t.Helper()
	const user = "settler"
	ctx := t.Context()
	must(t, d.admin.CreateUser(ctx, realm, user, "changeit"))
	mayBe := func(row map[string]any) bool {
		until, err := time.Parse(time.RFC3339, row["maxIdleExpirationTime"].(string))
		must(t, err)
		since, err := time.Parse(time.RFC3339, row["latestAccessTime"].(string))
		must(t, err)
		return until.Sub(since).Round(time.Minute) == idle
	}
	listed := func() []map[string]any {
		rows, err := d.admin.SessionsOf(ctx, realm, user)
		must(t, err)
		return rows
	}
	await := func(what string, reached func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !reached(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %v", what, listed())
			}
		}
	}
	await(fmt.Sprintf("no new session may be idle for %s", idle), func() bool {
		token, err := d.admin.Login(ctx, realm, user, "changeit")
		must(t, err)
		rows := listed()
		must(t, d.admin.Logout(ctx, token))
		return slices.ContainsFunc(rows, mayBe)
	})
	await("they are still listed", func() bool { return len(listed()) == 0 })
}
