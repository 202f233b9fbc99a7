package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/dustin/go-humanize/english"
)

// A Comparison describes how a run differs from an earlier one.
type Comparison struct {
	With     time.Time `json:"with"`     // when the earlier run began
	Complete bool      `json:"complete"` // whether no session can be missing in either run; otherwise what seems to be gone may only be hidden
	Reports  []Change  `json:"reports"`  // reports that both runs contain
	Added    []string  `json:"added"`    // reports that only this run has
	Removed  []string  `json:"removed"`  // reports that only the earlier run has
}

// A Change describes how the result of a report differs: its findings, or its rows if it cannot have findings.
type Change struct {
	Name            string `json:"name"`
	Finds           bool   `json:"finds"`
	OtherParameters bool   `json:"other_parameters"` // or other SQL, so the results are not comparable
	New             []Row  `json:"new"`
	Gone            []Row  `json:"gone"` // resolved, if they are findings
}

// Read reads a run that was written as JSON.
func Read(path string) (*Run, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	run, err := decode(bytes.TrimPrefix(text, []byte("\ufeff")))
	if err == nil && (run.Started.IsZero() || run.Results == nil) {
		err = errors.New("it has no started_at and reports")
	}
	if err != nil {
		return nil, fmt.Errorf("%s was not written by amsql report run --format json: %w", path, err)
	}
	return run, nil
}

func decode(text []byte) (*Run, error) {
	run := &Run{}
	return run, json.Unmarshal(text, run)
}

// Compare records how the run differs from an earlier one.
func (run *Run) Compare(earlier *Run) error {
	text, err := encode(run)
	if err != nil {
		return err
	}
	// Decode the present run as well, so that equal cells have equal types.
	now, err := decode(text)
	if err != nil {
		return err
	}
	c := &Comparison{With: earlier.Started, Complete: run.Complete && earlier.Complete, Reports: []Change{}, Added: []string{}, Removed: []string{}}
	before := map[string]*Result{}
	for _, r := range earlier.Results {
		before[r.Name] = r
	}
	for _, r := range now.Results {
		old := before[r.Name]
		delete(before, r.Name)
		if old == nil {
			c.Added = append(c.Added, r.Name)
			continue
		}
		change, err := r.changesSince(old)
		if err != nil {
			return err
		}
		c.Reports = append(c.Reports, change)
	}
	c.Removed = slices.AppendSeq(c.Removed, maps.Keys(before))
	slices.Sort(c.Removed)
	run.Comparison = c
	return nil
}

// changesSince returns how the result differs from an earlier result of the same report.
func (r *Result) changesSince(old *Result) (Change, error) {
	asked := func(r *Result) string { return fmt.Sprint(r.Parameters, r.SQL) }
	change := Change{Name: r.Name, Finds: r.Finds, OtherParameters: asked(r) != asked(old)}
	var err error
	if change.New, err = r.rowsNotIn(old); err == nil {
		change.Gone, err = old.keyed(r.Key).rowsNotIn(r)
	}
	return change, err
}

// keyed returns the result with the key of the newer one, so that both are compared by the same key.
func (r *Result) keyed(key []string) *Result {
	with := *r
	with.Key = key
	return &with
}

// rowsNotIn returns the compared rows that another result does not contain, or contains less often.
func (r *Result) rowsNotIn(other *Result) ([]Row, error) {
	count := map[string]int{}
	for _, row := range other.compared() {
		key, err := row.key(r.Key)
		if err != nil {
			return nil, err
		}
		count[key]++
	}
	missing := []Row{}
	for _, row := range r.compared() {
		key, err := row.key(r.Key)
		if err != nil {
			return nil, err
		}
		if count[key]--; count[key] < 0 {
			missing = append(missing, row)
		}
	}
	return missing, nil
}

// compared returns the findings, or all rows if the report cannot have findings.
func (r *Result) compared() []Row {
	if !r.Finds {
		return r.Rows
	}
	return slices.DeleteFunc(slices.Clone(r.Rows), func(row Row) bool { return !r.IsFinding(row) })
}

// key returns what identifies a row in another run.
func (row Row) key(columns []string) (string, error) {
	of := row
	if len(columns) > 0 {
		of = Row{}
		for _, column := range columns {
			of[column] = row[column]
		}
	}
	encoded, err := encode(of)
	return string(encoded), err
}

// Change returns the change of a report, or nil if there is nothing to compare it with.
func (run *Run) Change(name string) *Change {
	if run.Comparison == nil {
		return nil
	}
	i := slices.IndexFunc(run.Comparison.Reports, func(c Change) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &run.Comparison.Reports[i]
}

// String returns the numbers of changes in words.
func (c Change) String() string {
	text := fmt.Sprintf("%d appeared, %d disappeared", len(c.New), len(c.Gone))
	if c.Finds {
		text = fmt.Sprintf("%s, %d resolved", english.Plural(len(c.New), "new finding", ""), len(c.Gone))
	}
	if c.OtherParameters {
		text += " (the earlier run had different parameters or SQL)"
	}
	return text
}
