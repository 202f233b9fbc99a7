package report_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/report"
)

// verdicts returns the verdicts of the reports that can have findings.
func verdicts(done *report.Run) map[string]string {
	of := map[string]string{}
	for _, r := range done.Results {
		if r.Finds {
			of[r.Name] = r.Verdict
		}
	}
	return of
}

// complete returns the population of realms whose lists are not truncated.
func complete(t *testing.T) []*planted {
	t.Helper()
	all := population(t)
	for _, row := range all[slices.IndexFunc(all, func(p *planted) bool { return p.name == "am_session_scan" })].rows {
		row["completeness"], row["error"] = "complete", nil
	}
	return all
}

func TestAReportPassesOnlyWhereItCouldSeeEverything(t *testing.T) {
	for _, c := range []struct {
		name   string
		tables []*planted
		want   string // verdict of a report without findings
	}{{"complete", complete(t), report.Pass}, {"a realm is truncated", population(t), report.NotKnown}} {
		o := request(t, c.tables)
		o.Values = map[string]string{"idle_minutes": "100000", "policy_idle_minutes": "100000", "policy_session_minutes": "100000", "policy_quota": "1000"}
		got := verdicts(run(t, o))
		for name, want := range map[string]string{
			"idle": c.want, "lax-realms": report.Pass, // does not need sessions
			"disabled-users": report.Fail, "foreign-addresses": report.NotKnown, "weak-administrators": report.NotKnown,
		} {
			if got[name] != want {
				t.Errorf("%s: the verdict on %s is %q, want %q", c.name, name, got[name], want)
			}
		}
	}
}

func TestAControlHasTheWorstVerdictOfItsReports(t *testing.T) {
	done := run(t, request(t, complete(t)))
	var got []string
	for _, c := range done.Controls {
		got = append(got, c.Name+": "+c.Verdict)
	}
	want := []string{
		"ISO 27001 A.8.5: fail", "NIST 800-53 AC-2(3): fail", "NIST 800-53 AC-2(11): not known", "NIST 800-53 AC-2(12): not known", "NIST 800-53 AC-10: fail",
		"NIST 800-53 AC-11: fail", "NIST 800-53 AC-12: fail", "NIST 800-53 AC-17: not known", "NIST 800-53 IA-2: information",
		"NIST 800-53 IA-2(1): not known", "PCI DSS 8.2.8: fail",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := done.Controls[0].Reports[0]; got != "disabled-users" {
		t.Errorf("ISO 27001 A.8.5 is decided by %s", got)
	}
}

func TestARunCountsWhatItLookedAt(t *testing.T) {
	tables := population(t)
	sessions, users := 0, map[string]bool{}
	for _, row := range tables[slices.IndexFunc(tables, func(p *planted) bool { return p.name == "am_session" })].rows {
		sessions++
		users[strings.ToLower(row["username"].(string))+row["realm"].(string)] = true
	}
	want := report.Totals{Sessions: int64(sessions), Users: int64(len(users)), Realms: 4, Servers: 1}
	if got := run(t, request(t, tables)).Totals; got == nil || *got != want {
		t.Errorf("the totals are %+v, want %+v", got, want)
	}
	o := request(t, population(t))
	o.Reports = slices.DeleteFunc(o.Reports, func(r *report.Report) bool { return r.Name != "lax-realms" })
	if got := run(t, o).Totals; got != nil {
		t.Errorf("a run that asked for no sessions has the totals %+v", got)
	}
}

func TestARunNamesTheRealmsThatAreIncomplete(t *testing.T) {
	done := run(t, request(t, population(t)))
	if got := done.Missing(); !slices.Equal(got, []string{"/charlie: AM is away"}) {
		t.Errorf("missing: %q", got)
	}
	if got := done.ByUser(); !slices.Equal(got, []string{"/alpha"}) {
		t.Errorf("by user: %q", got)
	}
}

func TestWhatIsAcceptedFailsNothing(t *testing.T) {
	done := run(t, request(t, complete(t)))
	if _, err := done.Accept(done, nil); err != nil {
		t.Fatal(err)
	}
	for name, verdict := range verdicts(done) {
		if verdict == report.Fail {
			t.Errorf("%s fails, and all of its findings are accepted", name)
		}
	}
	if i := slices.IndexFunc(done.Controls, func(c report.Control) bool { return c.Verdict == report.Fail }); i >= 0 || done.Findings != 0 {
		t.Errorf("%d findings; controls: %v", done.Findings, done.Controls)
	}
}

var parameterLeft = regexp.MustCompile(`[^:\w]:[a-z]`)

func TestEachFindingSaysWhatToDo(t *testing.T) {
	o := request(t, population(t))
	o.Values = map[string]string{"idle_minutes": "20", "administrators": "amadmin,o'brien", "service_pattern": `svc"$(id)%`}
	o.Flags = " --connection prod"
	commands := map[string]string{}
	for _, r := range run(t, o).Results {
		if r.Finds && (r.Remedy == "" || len(r.Commands) == 0) {
			t.Errorf("%s does not say what to do about a finding", r.Name)
		}
		commands[r.Name] = strings.Join(r.Commands, "\n")
		if parameterLeft.MatchString(commands[r.Name]) {
			t.Errorf("%s: a parameter has no value in %s", r.Name, commands[r.Name])
		}
	}
	for name, want := range map[string]string{
		"idle":                `amsql logout --where "latest_access_time < ago('20 minutes') and coalesce(identity_type, 'user') = 'user' and is_current is not true" --connection prod`,
		"weak-administrators": `amsql logout --where "username in ('amadmin', 'o''brien') and auth_level < 1 and is_current is not true" --connection prod`,
		"service-accounts":    `amsql logout --where "username like 'svc\"\$(id)%' and is_current is not true" --connection prod`,
	} {
		if commands[name] != want {
			t.Errorf("%s: %s\nwant %s", name, commands[name], want)
		}
	}
}
