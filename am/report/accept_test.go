package report_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/report"
)

func exceptions(t *testing.T, text string) ([]*report.Exception, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "exceptions.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := report.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return report.ReadExceptions(path, all)
}

func result(t *testing.T, run *report.Run, name string) *report.Result {
	t.Helper()
	for _, r := range run.Results {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("there is no result of %s", name)
	return nil
}

func TestAnExceptionComparesNamesAsAMDoes(t *testing.T) {
	accepted, err := exceptions(t, `
exception "idle" {
  where   = { username = "SAM" }
  reason  = "a kiosk"
  expires = "2099-12-31"
}`)
	if err != nil {
		t.Fatal(err)
	}
	idle := &report.Result{Name: "idle", Finds: true, Key: []string{"username"}, Findings: 2, Rows: []report.Row{{"username": "sam"}, {"username": "ſam"}}}
	run := &report.Run{Started: time.Now(), Results: []*report.Result{idle}}
	if _, err := run.Accept(nil, accepted); err != nil || len(idle.Accepted) != 1 || idle.Accepted[0].Row["username"] != "sam" {
		t.Errorf("%v is accepted, %v; want only the finding of sam", idle.Accepted, err)
	}
}

func TestAnExceptionAcceptsItsFindingsUntilItsDay(t *testing.T) {
	tomorrow, yesterday := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	today := time.Now().UTC().Format(time.DateOnly)
	accepted, err := exceptions(t, `
exception "idle" {
  where   = { username = "IDLER", realm = "/alpha" }
  reason  = "a kiosk"
  expires = "`+tomorrow+`"
}
exception "lax-realms" {
  where   = { realm = "/alpha" }
  reason  = "until the release"
  expires = "`+today+`"
}
exception "lax-realms" {
  where   = { realm = "/bravo" }
  reason  = "the pilot"
  expires = "`+yesterday+`"
}
exception "administrators" {
  where   = { username = "nobody" }
  reason  = "of old"
  expires = "`+tomorrow+`"
}
exception "over-quota" {
  reason  = "all of it"
  expires = "`+tomorrow+`"
}`)
	if err != nil {
		t.Fatal(err)
	}
	done := run(t, request(t, population(t)))
	before := done.Findings
	notices, err := done.Accept(nil, accepted)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"idle": 0, "lax-realms": 3, "administrators": 1, "over-quota": 0, "old": 1} {
		if got := result(t, done, name).Findings; got != want {
			t.Errorf("%s has %d findings left, want %d", name, got, want)
		}
	}
	if done.Findings != before-3 {
		t.Errorf("%d findings are left of %d, want 3 less", done.Findings, before)
	}
	if got := result(t, done, "idle").Accepted; len(got) != 1 || got[0].Reason != "a kiosk" || got[0].Row["username"] != "idler" {
		t.Errorf("accepted: %+v", got)
	}
	text := strings.Join(notices, "\n")
	if len(notices) != 2 || !strings.Contains(text, "has expired on "+yesterday+" (the pilot)") || !strings.Contains(text, "(of old) matches no finding") {
		t.Errorf("notices:\n%s", text)
	}
}

func TestABaselineAcceptsWhatItHasAndNothingElse(t *testing.T) {
	planted := population(t)
	encoded, err := json.Marshal(run(t, request(t, planted)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "baseline.json")
	if err := os.WriteFile(path, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	baseline, err := report.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	same := run(t, request(t, planted))
	if _, err := same.Accept(baseline, nil); err != nil || same.Findings != 0 {
		t.Errorf("%d findings are left of those in the baseline, %v", same.Findings, err)
	}
	for _, table := range planted {
		if table.name == "am_session" {
			table.rows = append(table.rows, map[string]any{}) // another administrator, in addition to the one in the baseline
			for column, cell := range table.rows[5] {
				table.rows[len(table.rows)-1][column] = cell
			}
		}
	}
	more := run(t, request(t, planted))
	if _, err := more.Accept(baseline, nil); err != nil || result(t, more, "administrators").Findings != 1 {
		t.Errorf("a second finding with the same key: %d are left, want 1; %v", result(t, more, "administrators").Findings, err)
	}
}

func TestExceptionsThatCannotBeAreErrors(t *testing.T) {
	for text, want := range map[string]string{
		`exception "nosuch" {` + "\n" + `reason = "a"` + "\n" + `expires = "2027-01-31"` + "\n}": `there is no report "nosuch"`,
		`exception "idle" {` + "\n" + `reason = " "` + "\n" + `expires = "2027-01-31"` + "\n}":   "reason must not be empty",
		`exception "idle" {` + "\n" + `reason = "a"` + "\n" + `expires = "soon"` + "\n}":         `expires "soon" must be a day such as 2027-01-31`,
		`exception "idle" {` + "\n" + `reason = "a"` + "\n}":                                     `"expires" is required`,
		`accept "idle" {}`: "Unsupported block type",
	} {
		if _, err := exceptions(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestAnOrderIsCheckedBeforeAnythingIsRead(t *testing.T) {
	unknown, err := exceptions(t, "exception \"idle\" {\n where = { user = \"x\" }\n reason = \"a\"\n expires = \"2027-01-31\"\n}")
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := report.Parse("wrong.sql", "-- title: a\n-- question: b\n-- severity: low\nselect no_such from am_session")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		change     func(o *report.Request)
		exceptions []*report.Exception
		want       string
	}{
		{"a value of another type", func(o *report.Request) { o.Values = map[string]string{"idle_minutes": "abc"} }, nil, `parameter idle_minutes must be a whole number, not "abc"`},
		{"a value that is nobody's", func(o *report.Request) { o.Values = map[string]string{"nosuch": "1"} }, nil, `none of the reports has a parameter "nosuch"`},
		{"SQL that is wrong", func(o *report.Request) { o.Reports = append(o.Reports, wrong) }, nil, "wrong.sql:4: column 8"},
		{"a column that is not there", func(*report.Request) {}, unknown, `exception "idle": the report has no column user`},
		{"nothing", func(*report.Request) {}, nil, ""},
	} {
		planted := population(t)
		o := request(t, planted)
		c.change(&o)
		err := o.Check(context.Background(), c.exceptions)
		if text := errors.Join(err, errors.New("")).Error(); !strings.Contains(text, c.want) || (err == nil) != (c.want == "") {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
		for _, table := range planted {
			if table.reads > 0 {
				t.Errorf("%s: %s was read", c.name, table.name)
			}
		}
	}
}
