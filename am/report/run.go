package report

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A Run contains the results of reports over one scan, and its evidence.
type Run struct {
	Title      string      `json:"title,omitempty"`
	Version    string      `json:"amsql"`
	Started    time.Time   `json:"started_at"`
	Elapsed    float64     `json:"elapsed_seconds"`
	Complete   bool        `json:"complete"`            // whether no session can be missing
	Totals     *Totals     `json:"totals,omitempty"`    // nil if no report uses sessions
	Findings   int         `json:"findings"`            // number of findings that are not accepted
	Controls   []Control   `json:"controls"`            // the controls that the reports cover
	Digest     string      `json:"sha256"`              // digest of the results' digests, one per line
	Snapshots  []Snapshot  `json:"snapshots,omitempty"` // the snapshots that were read instead of servers
	Evidence   Evidence    `json:"evidence"`
	Results    []*Result   `json:"reports"`
	Comparison *Comparison `json:"comparison,omitempty"`
}

// Heading returns the title of the run.
func (run *Run) Heading() string { return cmp.Or(run.Title, "Audit of login sessions") }

// Evidence describes what a run has scanned, and how completely.
type Evidence struct {
	Servers []Row `json:"servers"` // rows of am_server
	Realms  []Row `json:"realms"`  // rows of am_session_scan; none if no report uses sessions
}

// A Result is the result of one report.
type Result struct {
	Name       string         `json:"name"`
	Title      string         `json:"title"`
	Question   string         `json:"question"`
	Severity   string         `json:"severity"`
	Verdict    string         `json:"verdict"` // Fail, NotKnown, Pass or Information
	Controls   []string       `json:"controls"`
	Parameters map[string]any `json:"parameters"`
	Remedy     string         `json:"remedy,omitempty"`   // what to do about a finding
	Commands   []string       `json:"commands,omitempty"` // command lines for that
	Finds      bool           `json:"finds"`              // whether its rows can be findings
	Key        []string       `json:"key"`
	Chart      string         `json:"chart,omitempty"`
	Note       string         `json:"note,omitempty"`
	SQL        string         `json:"sql"`
	Columns    []Column       `json:"columns"`
	Findings   int            `json:"findings"`           // number of findings that are not accepted
	Accepted   []Accepted     `json:"accepted,omitempty"` // findings that do not count
	Digest     string         `json:"sha256"`             // digest of the rows as compact JSON
	Rows       []Row          `json:"rows"`

	Described []Parameter `json:"-"` // the parameters with their descriptions

	columns []engine.ResultColumn // the same as Columns
	marks   bool                  // whether the cell finding of a row decides whether it is a finding
}

// A Column is a column of a result.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// A Row contains cells by column. If only some rows are findings, the cell finding is true, false, or nil if that is
// not known.
type Row map[string]any

// IsFinding reports whether a row of the result is a finding.
func (r *Result) IsFinding(row Row) bool {
	marked, isMarked := row["finding"].(bool)
	return r.Finds && !IsOpen(row) && (marked || !isMarked)
}

// A Request describes a run.
type Request struct {
	Reports []*Report
	Values  map[string]string // values of parameters; others have their defaults
	Tables  []table.Table     // the tables of am.Census; each table that the reports name is read once
	Version string            // the version of amsql
	Title   string            // the title; "" for the default
	Flags   string            // flags that the commands of reports need to select the same connection

	// Snapshots describe the rows of Tables if they come from a history.
	Snapshots []Snapshot

	// Also runs after the reports, over the same materialized tables; Statements are the statements that it runs.
	Also       func(ctx context.Context, tables *engine.Materialized) error
	Statements []string
}

// Run reads the tables and runs the reports.
func (q Request) Run(ctx context.Context) (*Run, error) {
	run := &Run{Title: q.Title, Version: q.Version, Snapshots: q.Snapshots, Started: time.Now().UTC().Truncate(time.Second), Results: make([]*Result, len(q.Reports))}
	start := time.Now()
	if err := q.check(); err != nil {
		return nil, err
	}
	used := q.Used()
	tables, err := q.materialize(ctx, used)
	if err != nil {
		return nil, err
	}
	defer tables.Close()
	if err := run.collectEvidence(ctx, tables, used); err != nil {
		return nil, err
	}
	if err := q.ask(ctx, tables, run.Results); err != nil {
		return nil, err
	}
	if q.Also != nil {
		if err := q.Also(ctx, tables); err != nil {
			return nil, err
		}
	}
	var digests strings.Builder
	for _, result := range run.Results {
		digests.WriteString(result.Digest + "\n")
	}
	run.Digest = digest([]byte(digests.String()))
	run.conclude()
	run.Elapsed = time.Since(start).Round(time.Millisecond).Seconds()
	return run, nil
}

// Check finds errors before anything is read: values for parameters that do not exist, values of the wrong type, errors
// in SQL, and exceptions with columns that a report does not have.
func (q Request) Check(ctx context.Context, exceptions []*Exception) error {
	if err := q.check(); err != nil {
		return err
	}
	empty := q
	empty.Also = nil
	empty.Tables = nil
	for _, t := range q.Tables {
		empty.Tables = append(empty.Tables, emptied{t})
	}
	run, err := empty.Run(ctx)
	if err != nil {
		return err
	}
	for _, e := range exceptions {
		for _, r := range run.Results {
			if r.Name != e.Report {
				continue
			}
			if err := e.check(r.Columns); err != nil {
				return err
			}
		}
	}
	return nil
}

// emptied is a table without rows.
type emptied struct{ table.Table }

func (emptied) Rows(context.Context, table.Query) iter.Seq2[any, error] {
	return func(func(any, error) bool) {}
}

// check finds values for parameters that do not exist or that have another type.
func (q Request) check() error {
	var known []string
	for _, r := range q.Reports {
		for _, p := range r.Parameters {
			known = append(known, p.Name)
		}
	}
	for name := range q.Values {
		if !slices.Contains(known, name) {
			return &ParameterError{fmt.Sprintf("none of the reports has a parameter %q; they have: %s", name, cmp.Or(strings.Join(known, ", "), "none"))}
		}
	}
	for _, r := range q.Reports {
		if _, err := r.values(q.Values); err != nil {
			return err
		}
	}
	return nil
}

// A ParameterError is a value that no report can use.
type ParameterError struct{ message string }

func (e *ParameterError) Error() string { return e.message }

// wordsOf returns the words of SQL in lower case.
func wordsOf(sql string) []string { return words.FindAllString(strings.ToLower(sql), -1) }

// Used returns the tables of the reports and of the evidence, among other words of their SQL.
func (q Request) Used() map[string]bool {
	used := map[string]bool{"am_server": true}
	for _, sql := range q.statements() {
		for _, word := range wordsOf(sql) {
			used[word] = true
		}
	}
	used["am_session_scan"] = used["am_session_scan"] || used["am_session"]
	return used
}

// statements returns the statements of the reports and of Also.
func (q Request) statements() (statements []string) {
	for _, r := range q.Reports {
		statements = append(statements, r.SQL)
	}
	return append(statements, q.Statements...)
}

var words = regexp.MustCompile(`\w+`)

// materialize reads each table that is used.
func (q Request) materialize(ctx context.Context, used map[string]bool) (*engine.Materialized, error) {
	statements := []string{serverEvidence}
	if used["am_session_scan"] {
		statements = append(statements, realmEvidence)
	}
	if used["am_session"] {
		statements = append(statements, totals)
	}
	return engine.Materialize(ctx, append(statements, q.statements()...), slices.DeleteFunc(slices.Clone(q.Tables), func(t table.Table) bool { return !used[t.Name()] })...)
}

// The columns of the evidence, from am_server and am_session_scan.
var (
	ServerColumns = []string{"base_url", "product", "version", "sessions_api", "account", "list_cap", "list_cap_source", "clock_skew_seconds"}
	RealmColumns  = []string{
		"realm", "base_url", "completeness", "sessions", "list_cap", "list_cap_known", "identities", "requests", "started_at", "elapsed_ms", "reason", "error",
	}
)

var (
	serverEvidence = `select ` + strings.Join(ServerColumns, ", ") + ` from am_server order by base_url`
	realmEvidence  = `select ` + strings.Join(RealmColumns, ", ") + ` from am_session_scan order by realm, base_url`
)

// collectEvidence reads the evidence and the totals; that of realms only if they were scanned.
func (run *Run) collectEvidence(ctx context.Context, tables *engine.Materialized, used map[string]bool) (err error) {
	db, err := tables.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, run.Evidence.Servers, err = query(ctx, db, serverEvidence)
	run.Complete = true
	run.restoreClocks()
	if err != nil || !used["am_session_scan"] {
		return err
	}
	_, run.Evidence.Realms, err = query(ctx, db, realmEvidence)
	run.Complete = !slices.ContainsFunc(run.Evidence.Realms, func(realm Row) bool { return realm["completeness"] != "complete" || realm["error"] != nil })
	if err != nil || !used["am_session"] {
		return err
	}
	return run.count(ctx, db)
}

// count reads the totals.
func (run *Run) count(ctx context.Context, db *engine.DB) error {
	_, rows, err := query(ctx, db, totals)
	if err != nil {
		return err
	}
	run.Totals = &Totals{Realms: len(run.Evidence.Realms)}
	run.Totals.Sessions, _ = rows[0]["sessions"].(int64)
	run.Totals.Users, _ = rows[0]["users"].(int64)
	servers := map[any]bool{}
	for _, server := range run.Evidence.Servers {
		servers[server["base_url"]] = true
	}
	run.Totals.Servers = len(servers)
	return nil
}

// values returns the values of the parameters.
func (r *Report) values(given map[string]string) (map[string]any, error) {
	values := map[string]any{}
	for _, p := range r.Parameters {
		values[p.Name] = p.Default
		text, ok := given[p.Name]
		if !ok {
			continue
		}
		value, err := p.value(text)
		if err != nil {
			return nil, &ParameterError{err.Error()}
		}
		values[p.Name] = value
	}
	return values, nil
}

// mostAtOnce limits the memory of reports that run concurrently.
const mostAtOnce = 8

// ask runs the reports, as many at a time as there are processors, and stores their results in the same order.
func (q Request) ask(ctx context.Context, tables *engine.Materialized, results []*Result) error {
	asked, ctx := errgroup.WithContext(ctx)
	asked.SetLimit(min(runtime.GOMAXPROCS(0), mostAtOnce))
	for i, r := range q.Reports {
		asked.Go(func() (err error) {
			if results[i], err = r.ask(ctx, tables, q.Values); err == nil {
				results[i].Commands = r.commands(results[i].Parameters, q.Flags)
			}
			return err
		})
	}
	return asked.Wait()
}

// ask runs a report over the materialized tables, in its own database.
func (r *Report) ask(ctx context.Context, tables *engine.Materialized, given map[string]string) (_ *Result, err error) {
	values, err := r.values(given)
	if err != nil {
		return nil, err
	}
	db, err := tables.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var args []engine.Arg
	for name, value := range values {
		args = append(args, engine.Arg{Name: name, Value: value})
	}
	columns, rows, err := query(ctx, db, r.SQL, args...)
	if err != nil {
		return nil, r.placed(err)
	}
	result := &Result{
		Name: r.Name, Title: r.Title, Question: r.Question, Severity: r.Severity, Controls: r.Controls, Parameters: values,
		Finds: r.Finding != findingNone, Key: r.Key, Chart: r.Chart, Note: r.Note, SQL: r.SQL, columns: columns, Rows: rows,
		Remedy: r.Remedy, Described: r.Parameters,
	}
	if err := result.markFindings(r.Finding); err != nil {
		return nil, fmt.Errorf("%s: %w", r.path, err)
	}
	encoded, err := encode(result.Rows)
	result.Digest = digest(encoded)
	return result, err
}

// placed adds the place in the report's file to an SQL error.
func (r *Report) placed(err error) error {
	var sql *engine.Error
	if errors.As(err, &sql) && sql.Line > 0 {
		return fmt.Errorf("%s:%d: column %d, at %q: %s", r.path, r.line+sql.Line-1, sql.Column, sql.Near, sql.Message)
	}
	return fmt.Errorf("%s: %w", r.path, err)
}

// markFindings marks and counts the findings.
func (r *Result) markFindings(finding string) error {
	column := func(name string) bool {
		return slices.ContainsFunc(r.columns, func(c engine.ResultColumn) bool { return c.Name == name })
	}
	for _, key := range r.Key {
		if !column(key) {
			return fmt.Errorf("the key %s is not a column of the SQL", key)
		}
	}
	switch {
	case finding == findingColumn && !column("finding"):
		return errors.New("the header has \"finding: column\", but the SQL has no column finding")
	case r.Chart != "" && len(r.columns) < 2:
		return errors.New("a chart takes two columns: names and numbers")
	case finding == findingColumn:
		r.columns = slices.DeleteFunc(r.columns, func(c engine.ResultColumn) bool { return c.Name == "finding" })
		for _, row := range r.Rows {
			if row["finding"] != nil {
				row["finding"] = row["finding"] == true || row["finding"] == int64(1)
			}
		}
		r.marks = true
	}
	for _, c := range r.columns {
		r.Columns = append(r.Columns, Column{c.Name, c.Type.String()})
	}
	for _, row := range r.Rows {
		if r.IsFinding(row) {
			r.Findings++
		}
	}
	return nil
}

// Table returns the result's columns and cells. If only some rows are findings, the last column shows which.
func (r *Result) Table() (columns []engine.ResultColumn, rows [][]any) {
	columns = slices.Clone(r.columns)
	if r.marks {
		columns = append(columns, engine.ResultColumn{Name: "finding", Type: table.Boolean})
	}
	for _, row := range r.Rows {
		cells := make([]any, len(columns))
		for i, c := range columns {
			cells[i] = row[c.Name]
		}
		rows = append(rows, cells)
	}
	return columns, rows
}

// query returns the rows of one statement.
func query(ctx context.Context, db *engine.DB, sql string, args ...engine.Arg) (columns []engine.ResultColumn, found []Row, err error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }() //nolint:contextcheck // the rows have theirs
	columns, found = rows.Columns(), []Row{}
	for rows.Next() { //nolint:contextcheck // as above
		row := Row{}
		for i, value := range rows.Values() {
			row[columns[i].Name] = value
		}
		if len(row) < len(columns) {
			return nil, nil, errors.New("two columns have the same name")
		}
		found = append(found, row)
	}
	switch {
	case rows.Err() != nil:
		return nil, nil, rows.Err()
	case len(columns) == 0:
		return nil, nil, errors.New("the SQL returns no rows")
	case rows.NextResultSet(): //nolint:contextcheck // as above
		return nil, nil, errors.New("the SQL contains more than one statement that returns rows")
	}
	return columns, found, rows.Err()
}

func digest(of []byte) string {
	sum := sha256.Sum256(of)
	return hex.EncodeToString(sum[:])
}

// encode returns compact JSON in which < is not escaped.
func encode(value any) ([]byte, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return []byte(strings.TrimSuffix(b.String(), "\n")), err
}
