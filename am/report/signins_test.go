package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/report"
)

// signIns returns the population with more sessions, for which it is known when and how they began. All but two are in
// the realm /delta.
func signIns(t *testing.T, ahead time.Duration) []*planted {
	t.Helper()
	all := populationOf(t, ahead)
	now := time.Now().Add(ahead).UTC().Truncate(time.Second)
	plant := func(user, realm, created, host, service string, level any) {
		row := map[string]any{
			"username": user, "realm": realm, "latest_access_time": now, "max_idle_expiration_time": now.Add(30 * time.Minute),
			"max_session_expiration_time": now.Add(90 * time.Minute), "is_current": service == "amsql", "is_expired": false, "base_url": server,
		}
		for name, value := range map[string]string{"client_ip": host, "service": service} {
			if value != "" {
				row[name] = value
			}
		}
		if at, err := time.Parse("2006-01-02 15:04", created); err == nil {
			row["creation_time"], row["auth_level"] = at, level
		}
		all[0].rows = append(all[0].rows, row)
	}
	// 2026-11-18 was a Wednesday, 2026-11-21 a Saturday.
	plant("owl", "/delta", "2026-11-18 06:59", "10.1.1.1", "login", 0)
	plant("owl", "/delta", "2026-11-18 19:00", "10.1.1.1", "login", 0)
	plant("lark", "/delta", "2026-11-18 07:00", "10.1.1.2", "login", 0)
	plant("lark", "/delta", "2026-11-18 18:59", "fd00::2", "login", 0)
	plant("weekender", "/delta", "2026-11-21 12:00", "192.168.7.7", "strong", 5)
	plant("roamer", "/delta", "2026-11-18 12:00", "203.0.113.5", "strong", 5)
	plant("Roamer", "/delta", "2026-11-18 12:01", "10.1.1.3", "strong", 5)
	plant("roamer", "/echo", "2026-11-18 12:00", "10.1.1.3", "", 5)
	plant("abroad", "/delta", "2026-11-18 12:00", "2001:db8::7", "strong", 5)
	plant("proxied", "/delta", "2026-11-18 12:00", "proxy.example.com", "strong", 5)
	plant("amadmin", "/delta", "2026-11-18 12:00", "10.1.1.4", "login", 0)
	plant("amadmin", "/delta", "2026-11-18 12:00", "10.1.1.4", "strong", 1)
	plant("amadmin", "/delta", "2026-11-18 12:00", "10.1.1.4", "amsql", 0)
	plant("lark", "/delta", "", "", "", nil) // began before the realm returned properties
	// judged by its realm's limits, it would be old
	plant("newcomer", "/charlie", now.Add(-5*time.Minute).Format("2006-01-02 15:04"), "10.1.1.5", "login", 0)
	return all
}

func TestReportsOfSignInsFindWhatIsPlantedAndNothingElse(t *testing.T) {
	want := map[string][2]string{
		"age-distribution":    {"0–15 min 3, 15–60 min 1, 1–2 h 18, 8–24 h 1, over 24 h 12, not known 1"},
		"old":                 {"owl, lark, abroad, amadmin, amadmin, proxied, roamer, roamer, Roamer, lark, owl, weekender, old", "/delta 1 of 12 have no creation_time, and the realm no longest session time"},
		"foreign-addresses":   {"abroad, proxied, roamer", "/ 1 of 1, /alpha 10 of 10, /bravo 7 of 7, /charlie 2 of 3, /delta 1 of 12 have no client_ip"},
		"outside-hours":       {"weekender, owl, owl", "/ 1 of 1, /alpha 10 of 10, /bravo 7 of 7, /charlie 2 of 3, /delta 1 of 12 have no creation_time"},
		"several-addresses":   {"lark, roamer", "/ 1 of 1, /alpha 10 of 10, /bravo 7 of 7, /charlie 2 of 3, /delta 1 of 12 have no client_ip"},
		"weak-administrators": {"amadmin", "/ 2 of 2 have no auth_level"},
		"sessions-by-journey": {"not known 10, not known 7, strong 6, login 5, not known 2, not known 1, login 1, not known 1, none 1"},
	}
	for _, r := range run(t, request(t, signIns(t, 0))).Results {
		expected, tested := want[r.Name]
		if !tested {
			continue
		}
		delete(want, r.Name)
		// Whether the newcomer logged in at night depends on the time of the test.
		names := slices.DeleteFunc(found(r), func(name string) bool { return name == "newcomer" && r.Name == "outside-hours" })
		if got := [2]string{strings.Join(names, ", "), notKnown(r)}; got != expected {
			t.Errorf("%s: found %q, want %q", r.Name, got, expected)
		}
	}
	if len(want) > 0 {
		t.Errorf("there are no reports %v", want)
	}
}

// notKnown returns the realms with sessions that a report cannot judge, with their number and what is missing.
func notKnown(r *report.Result) string {
	var realms []string
	what := ""
	for _, row := range r.Rows {
		if text, of := strings.CutPrefix(fmt.Sprint(row["username"]), "not known: "); of {
			numbers, lacks, _ := strings.Cut(text, " sessions ")
			realms, what = append(realms, fmt.Sprintf("%s %s", row["realm"], numbers)), " "+lacks
		}
	}
	slices.Sort(realms)
	return strings.Join(realms, ", ") + what
}

// If nothing is known, the reports say so for each realm instead of having no findings.
func TestReportsOfSignInsSayWhereNothingIsKnown(t *testing.T) {
	for _, r := range run(t, request(t, population(t))).Results {
		want := map[string]string{
			"foreign-addresses":   "/ 1 of 1, /alpha 10 of 10, /bravo 7 of 7, /charlie 2 of 2 have no client_ip",
			"outside-hours":       "/ 1 of 1, /alpha 10 of 10, /bravo 7 of 7, /charlie 2 of 2 have no creation_time",
			"several-addresses":   "/ 1 of 1, /alpha 10 of 10, /bravo 7 of 7, /charlie 2 of 2 have no client_ip",
			"weak-administrators": "/ 2 of 2 have no auth_level",
		}[r.Name]
		if got := notKnown(r); got != want {
			t.Errorf("%s: not known is %q, want %q", r.Name, got, want)
		}
	}
}

func TestOutsideHoursGoByThePlaceOfWork(t *testing.T) {
	for _, c := range []struct {
		values map[string]string
		want   string
	}{
		{map[string]string{"utc_offset_minutes": "60"}, "weekender, owl, lark"},
		{map[string]string{"utc_offset_minutes": "-60"}, "weekender, lark, owl"},
		{map[string]string{"working_days": "0,1,2,3,4,5,6"}, "owl, owl"},
		{map[string]string{"from_hour": "18", "to_hour": "7"}, "weekender, Roamer, abroad, amadmin, amadmin, proxied, roamer, roamer, lark"},
	} {
		o := request(t, signIns(t, 0))
		o.Reports = slices.DeleteFunc(o.Reports, func(r *report.Report) bool { return r.Name != "outside-hours" })
		o.Values = c.values
		names := slices.DeleteFunc(found(run(t, o).Results[0]), func(name string) bool { return name == "newcomer" })
		if got := strings.Join(names, ", "); got != c.want {
			t.Errorf("%v: found %q, want %q", c.values, got, c.want)
		}
	}
}
