package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The verdicts on reports and controls, worst first.
const (
	Fail        = "fail"        // there are findings that are not accepted
	NotKnown    = "not known"   // there are none, but some rows could not be checked
	Pass        = "pass"        // there are none
	Information = "information" // the report cannot have findings
)

var verdicts = []string{Fail, NotKnown, Pass, Information}

// A Control has the worst verdict of its reports. If they pass, that does not prove that the control is met: it only
// means that these reports found nothing.
type Control struct {
	Name    string   `json:"control"`
	Verdict string   `json:"verdict"`
	Reports []string `json:"reports"` // names of its reports, first those that determine its verdict
}

// Totals count what the reports examined.
type Totals struct {
	Sessions int64 `json:"sessions"`
	Users    int64 `json:"users"` // number of names, counted once for each realm of each server
	Realms   int   `json:"realms"`
	Servers  int   `json:"servers"`
}

const totals = `select count(*) as sessions,
  (select count(*) from (select 1 from am_session where username is not null group by lower(username), realm, base_url)) as users
from am_session`

// conclude sets the verdicts of the reports and the controls, and counts the findings.
func (run *Run) conclude() {
	missing := len(run.Missing()) > 0
	run.Findings = 0
	for _, r := range run.Results {
		run.Findings += r.Findings
		r.Verdict = r.verdict(missing)
	}
	run.Controls = controls(run.Results)
}

// verdict returns the verdict on the report; missing means that sessions of some realm are missing.
func (r *Result) verdict(missing bool) string {
	switch {
	case !r.Finds:
		return Information
	case r.Findings > 0:
		return Fail
	case missing && slices.Contains(wordsOf(r.SQL), "am_session"), slices.ContainsFunc(r.Rows, IsOpen):
		return NotKnown
	}
	return Pass
}

// IsOpen reports whether it is not known if a row is a finding: its cell finding is NULL.
func IsOpen(row Row) bool {
	finding, marked := row["finding"]
	return marked && finding == nil
}

func controls(results []*Result) []Control {
	of := map[string][]*Result{}
	for _, r := range results {
		for _, name := range r.Controls {
			of[name] = append(of[name], r)
		}
	}
	all := []Control{}
	for name, serving := range of {
		slices.SortStableFunc(serving, func(a, b *Result) int { return worse(a.Verdict, b.Verdict) })
		c := Control{Name: name, Verdict: serving[0].Verdict}
		for _, r := range serving {
			c.Reports = append(c.Reports, r.Name)
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Control) int { return compareControls(a.Name, b.Name) })
	return all
}

func worse(a, b string) int { return cmp.Compare(slices.Index(verdicts, a), slices.Index(verdicts, b)) }

var digits = regexp.MustCompile(`\d+`)

// compareControls sorts AC-2 before AC-10.
func compareControls(a, b string) int {
	wide := func(name string) string {
		return digits.ReplaceAllStringFunc(name, func(n string) string { return strings.Repeat("0", max(0, 8-len(n))) + n })
	}
	return strings.Compare(wide(a), wide(b))
}

// Missing returns the realms whose sessions are or may be missing, with the reason.
func (run *Run) Missing() []string { return run.realms(isMissing) }

// ByUser returns the realms that were looked up user by user because AM truncated their lists, or may have, with the
// reason.
func (run *Run) ByUser() []string {
	return run.realms(func(realm Row) bool { return realm["completeness"] == "by_user" && !isMissing(realm) })
}

// isMissing reports whether sessions of a realm are or may be missing.
func isMissing(realm Row) bool { return realm["completeness"] == "truncated" || realm["error"] != nil }

// realms returns the chosen realms with the reason, and with their server if there are several.
func (run *Run) realms(chosen func(realm Row) bool) (names []string) {
	servers := map[any]bool{}
	for _, realm := range run.Evidence.Realms {
		servers[realm["base_url"]] = true
	}
	for _, realm := range run.Evidence.Realms {
		if !chosen(realm) {
			continue
		}
		name := fmt.Sprint(realm["realm"])
		if len(servers) > 1 {
			name += fmt.Sprintf(" of %v", realm["base_url"])
		}
		if reason, ok := cmp.Or(realm["error"], realm["reason"]).(string); ok {
			name += ": " + reason
		}
		names = append(names, name)
	}
	return names
}
