package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsimple"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// An Exception accepts findings of a report until a given day.
type Exception struct {
	Report    string            `hcl:"report,label"`
	Where     map[string]string `hcl:"where,optional"` // values of the finding's cells as text; nil matches every finding of the report
	Reason    string            `hcl:"reason"`
	Expires   string            `hcl:"expires"` // the last day, 2027-01-31 in UTC
	DeclRange hcl.Range         `hcl:",def_range"`

	end  time.Time // when it expires
	used bool
}

// An Accepted finding is one that an exception or a baseline accepts. It does not count.
type Accepted struct {
	Row     Row    `json:"row"`
	Reason  string `json:"reason"`
	Expires string `json:"expires,omitempty"` // the last day; "" for a baseline
}

// String returns the finding and why it does not count.
func (a Accepted) String() string {
	cells := make([]string, 0, len(a.Row))
	for _, column := range slices.Sorted(maps.Keys(a.Row)) {
		if a.Row[column] != nil && column != "finding" {
			cells = append(cells, column+" "+cellText(a.Row[column]))
		}
	}
	until := ""
	if a.Expires != "" {
		until = ", until " + a.Expires
	}
	return fmt.Sprintf("Accepted: %s%s: %s", a.Reason, until, strings.Join(cells, ", "))
}

// ReadExceptions reads a file of exceptions in HCL. The reports that it names must be in all.
func ReadExceptions(path string, all []*Report) ([]*Exception, error) {
	var file struct {
		Exceptions []*Exception `hcl:"exception,block"`
	}
	if err := hclsimple.DecodeFile(path, nil, &file); err != nil {
		return nil, fmt.Errorf("read exceptions: %w", err)
	}
	for _, e := range file.Exceptions {
		if err := e.complete(all); err != nil {
			return nil, fmt.Errorf("%s:%d: exception %q: %w", path, e.DeclRange.Start.Line, e.Report, err)
		}
	}
	return file.Exceptions, nil
}

func (e *Exception) complete(all []*Report) error {
	if _, err := Named(all, []string{e.Report}); err != nil {
		return err
	}
	if strings.TrimSpace(e.Reason) == "" {
		return errors.New("reason must not be empty")
	}
	day, err := time.Parse(time.DateOnly, e.Expires)
	if err != nil {
		return fmt.Errorf("expires %q must be a day such as 2027-01-31", e.Expires)
	}
	e.end = day.AddDate(0, 0, 1)
	return nil
}

// matches reports whether the exception applies to a finding. It compares cells as text, and as AM compares names.
func (e *Exception) matches(row Row) bool {
	for column, want := range e.Where {
		if cell := row[column]; cell == nil || !crest.Same(cellText(cell), want) {
			return false
		}
	}
	return true
}

func cellText(cell any) string {
	if t, ok := cell.(time.Time); ok {
		return t.UTC().Format(time.RFC3339)
	}
	return fmt.Sprint(cell)
}

// check returns an error for columns that the report does not have.
func (e *Exception) check(columns []Column) error {
	for name := range e.Where {
		if !slices.ContainsFunc(columns, func(c Column) bool { return c.Name == name }) {
			return &ParameterError{fmt.Sprintf("exception %q: the report has no column %s", e.Report, name)}
		}
	}
	return nil
}

// Accept excludes findings that an exception or the baseline (an earlier run) accepts. It returns notices about
// exceptions that have expired or that match no finding.
func (run *Run) Accept(baseline *Run, exceptions []*Exception) (notices []string, err error) {
	for _, r := range run.Results {
		if err := r.accept(run.Started, baseline, exceptions); err != nil {
			return nil, err
		}
	}
	run.conclude()
	for _, e := range exceptions {
		switch {
		case !slices.ContainsFunc(run.Results, func(r *Result) bool { return r.Name == e.Report }):
		case !run.Started.Before(e.end):
			notices = append(notices, fmt.Sprintf("the exception of report %s has expired on %s (%s): its findings count again", e.Report, e.Expires, e.Reason))
		case !e.used:
			notices = append(notices, fmt.Sprintf("the exception of report %s until %s (%s) matches no finding: remove it", e.Report, e.Expires, e.Reason))
		}
	}
	return notices, nil
}

func (r *Result) accept(now time.Time, baseline *Run, exceptions []*Exception) error {
	known, err := r.known(baseline)
	if err != nil {
		return err
	}
	for _, row := range r.Rows {
		if !r.IsFinding(row) {
			continue
		}
		key, err := row.textKey(r.Key)
		if err != nil {
			return err
		}
		accepted := Accepted{Row: row}
		if i := slices.IndexFunc(exceptions, func(e *Exception) bool { return e.Report == r.Name && now.Before(e.end) && e.matches(row) }); i >= 0 {
			exceptions[i].used = true
			accepted.Reason, accepted.Expires = exceptions[i].Reason, exceptions[i].Expires
		} else if known[key]--; known[key] >= 0 {
			accepted.Reason = "in the baseline of " + baseline.Started.Format(time.RFC3339)
		} else {
			continue
		}
		r.Accepted = append(r.Accepted, accepted)
	}
	r.Findings -= len(r.Accepted)
	return nil
}

// known counts the findings of the report in the baseline by key.
func (r *Result) known(baseline *Run) (map[string]int, error) {
	known := map[string]int{}
	if baseline == nil {
		return known, nil
	}
	for _, other := range baseline.Results {
		if other.Name != r.Name || !other.Finds {
			continue
		}
		for _, row := range other.compared() {
			key, err := row.textKey(r.Key)
			if err != nil {
				return nil, err
			}
			known[key]++
		}
	}
	return known, nil
}

// textKey returns a key that is the same for a row and for the same row read from JSON.
func (row Row) textKey(columns []string) (string, error) {
	encoded, err := encode(row)
	if err != nil {
		return "", err
	}
	var read Row
	if err := json.Unmarshal(encoded, &read); err != nil {
		return "", err
	}
	return read.key(columns)
}
