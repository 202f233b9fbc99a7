package report_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEachReportFindsWhatIsPlantedAndNothingElse(t *testing.T) {
	want := map[string]string{
		"administrators":       "AMAdmin",
		"age-distribution":     "0–15 min 2, 15–60 min 1, 1–2 h 18, 8–24 h 1",
		"client-side-sessions": "/bravo",
		"completeness":         "/charlie",
		"differing-limits":     "lenient, longer",
		"disabled-users":       "disabled, gone",
		"expired-listed":       "ended",
		"expiry-forecast":      "1 h 7, 2 h 14, 12 h 1, 24 h 1, later 2",
		"idle":                 "idler",
		"idle-distribution":    "0–1 min 18, 1–5 min 1, 5–15 min 1, 15–30 min 1, 30–60 min 2, 1–4 h 1, over 24 h 1",
		"lax-realms":           "/, /alpha, /bravo, /charlie",
		"near-end":             "leaving",
		"old":                  "old",
		"over-quota":           "many",
		"service-accounts":     "svc-backup",
		"sessions-by-realm":    "/alpha 13, /bravo 7, / 3, /charlie 2",
		"several-realms":       "everywhere",
		"foreign-addresses":    "",
		"outside-hours":        "",
		"several-addresses":    "",
		"weak-administrators":  "",
		"sessions-by-journey":  "not known 10, not known 7, not known 2, not known 1",
		"top-users":            "many 3, quotafull 3, AMAdmin 2, Everywhere 2, almost 1, disabled 1, dsameuser 1, ended 1, fresh 1, gone 1, idler 1, justended 1, leaving 1, lenient 1, longer 1",
	}
	// The findings do not depend on the difference between the server's clock and this machine's.
	for _, ahead := range []time.Duration{0, 3 * time.Hour, -3 * time.Hour} {
		done := run(t, request(t, populationOf(t, ahead)))
		for _, r := range done.Results {
			got := strings.Join(found(r), ", ")
			if expected, ok := want[r.Name]; !ok || got != expected {
				t.Errorf("%s, with a server ahead by %s: found %q, want %q", r.Name, ahead, got, expected)
			}
			if r.Finds && r.Findings != len(found(r)) {
				t.Errorf("%s: %d findings, but %d are marked", r.Name, r.Findings, len(found(r)))
			}
		}
		if len(done.Results) != len(want) {
			t.Errorf("there are %d reports, and %d are tested", len(done.Results), len(want))
		}
		if done.Complete {
			t.Error("the run says that it is complete, and a realm was cut")
		}
	}
}

// Each session's times are compared with the clock of its own server, and a server with two connections counts once.
func TestReportsGoByTheClockOfEachServer(t *testing.T) {
	const other = "https://ahead.example.com/am"
	all, ahead := signIns(t, 0), signIns(t, 2*time.Hour)
	for i, of := range ahead {
		for _, row := range of.rows {
			row["base_url"] = other
		}
		if of.name == "am_server" {
			of.rows = append(of.rows, of.rows[0])
		}
		all[i].rows = append(all[i].rows, of.rows...)
	}
	alone := map[string]int{}
	for _, r := range run(t, request(t, signIns(t, 0))).Results {
		alone[r.Name] = len(found(r))
	}
	for _, r := range run(t, request(t, all)).Results {
		// These reports group by age, or by name alone.
		if r.Chart != "" || r.Name == "several-realms" || r.Name == "top-users" || r.Name == "outside-hours" {
			continue
		}
		if got := len(found(r)); got != 2*alone[r.Name] {
			t.Errorf("%s: %d are found on two servers, and %d on one", r.Name, got, alone[r.Name])
		}
	}
}

func TestOneScanServesAllReports(t *testing.T) {
	planted := population(t)
	run(t, request(t, planted))
	for _, source := range planted {
		want := 0
		if len(source.rows) > 0 {
			want = 1
		}
		if source.reads != want {
			t.Errorf("%s was read %d times, want %d", source.name, source.reads, want)
		}
	}
}

func TestTheSessionsOfAmsqlAndOfAMAreNoFindings(t *testing.T) {
	tables := population(t)
	sessions := tables[slices.IndexFunc(tables, func(p *planted) bool { return p.name == "am_session" })]
	users, others := sessions.rows, besides(sessions.rows)
	findings := func(rows []map[string]any) map[string]int {
		sessions.rows = rows
		counted := map[string]int{}
		for _, r := range run(t, request(t, tables)).Results {
			counted[r.Name] = r.Findings
		}
		return counted
	}
	if diff := cmp.Diff(findings(users), findings(append(slices.Clone(users), others...))); diff != "" {
		t.Errorf("with the sessions of amsql and AM there are other findings (+) than without:\n%s", diff)
	}
	for _, other := range others {
		other["is_current"], other["identity_type"] = false, "user"
	}
	found := findings(others)
	for _, r := range builtin(t) {
		if r.Finding != "none" && found[r.Name] == 0 {
			t.Errorf("the test shows nothing of the report %s", r.Name)
		}
	}
}
