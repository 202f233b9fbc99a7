package report_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/report"
)

// A comparison finds new and former findings by the reports' keys, whatever else has changed.
func TestRunsAreComparedByKey(t *testing.T) {
	before := population(t)
	sessions := before[slices.IndexFunc(before, func(p *planted) bool { return p.name == "am_session" })]
	earlier := run(t, request(t, before))
	sessions.rows[1]["latest_access_time"] = sessions.rows[1]["latest_access_time"].(time.Time).Add(-time.Minute) // still idle
	sessions.rows = slices.DeleteFunc(sessions.rows, func(row map[string]any) bool { return row["username"] == "svc-backup" })
	sessions.rows[2]["latest_access_time"] = sessions.rows[1]["latest_access_time"] // almost over the limit
	now := run(t, request(t, before))
	if err := now.Compare(earlier); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"idle": "1 new finding, 0 resolved", "service-accounts": "0 new findings, 1 resolved", "over-quota": "0 new findings, 0 resolved",
		"near-end": "0 appeared, 0 disappeared",
	} {
		if got := now.Change(name); got == nil || got.String() != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
	if now.Comparison.Complete {
		t.Error("the comparison says that nothing could be missed")
	}
	if user := now.Change("idle").New[0]["username"]; user != "almost" {
		t.Errorf("newly idle: %v", user)
	}
}

func TestHeadersAreChecked(t *testing.T) {
	const good = "-- title: T\n-- question: Q?\n-- severity: low\n"
	for _, c := range []struct{ text, want string }{
		{good + "select 1", ""},
		{"-- title: T\n-- severity: low\nselect 1", "x/r.sql:1: the header has no line -- question: …"},
		{good + "-- sevrity: low\nselect 1", `x/r.sql:4: "sevrity" is not a field`},
		{good + "-- parameter n integer ten: N\nselect :n", `x/r.sql:4: parameter n must be a whole number, not "ten"`},
		{good + "-- parameter n\nselect :n", `x/r.sql:4: "-- parameter n" is not of the form`},
		{good, "x/r.sql:4: there is no SQL after the header"},
		{good + "select 1\n-- dialect: oracle\nselect 1", `x/r.sql:5: the dialect "oracle" is not postgres`},
	} {
		_, err := report.Parse("x/r.sql", c.text)
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}
