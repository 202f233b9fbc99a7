package render

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/report"
	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// ReportFormats are the names of the formats of reports.
var ReportFormats = []string{"html", "pdf", "markdown", "csv", "json"}

var reportWriters = map[string]func(*bytes.Buffer, *report.Run) error{
	"html": writeReportHTML, "markdown": writeReportMarkdown, "csv": writeReportCSV, "json": writeReportJSON,
}

// reportExtensions are endings of file names that are not themselves names of a format.
var reportExtensions = map[string]string{"md": "markdown", "htm": "html"}

// ReportFormat returns the format for a file name, or "" if its ending has no meaning.
func ReportFormat(path string) string {
	extension := strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), ".")
	if name, ok := reportExtensions[extension]; ok {
		extension = name
	}
	if !slices.Contains(ReportFormats, extension) {
		return ""
	}
	return extension
}

// WriteReport writes a run in the format of that name; a PDF is for the given paper.
func WriteReport(ctx context.Context, b *bytes.Buffer, run *report.Run, format, paper string) error {
	if format != "pdf" {
		return reportWriters[format](b, run)
	}
	pdf, err := reportPDF(ctx, run, paper)
	b.Write(pdf)
	return err
}

func writeReportJSON(b *bytes.Buffer, run *report.Run) error {
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	return encoder.Encode(run)
}

func writeReportCSV(b *bytes.Buffer, run *report.Run) error {
	return writeRows(b, newCSVFormat(Options{Header: true, Separator: ','}), run.Results[0], 0)
}

// writeRows writes the rows of a report; if most is not 0, at most that many.
func writeRows(b *bytes.Buffer, f Format, r *report.Result, most int) error {
	columns, rows := r.Table()
	f.Begin(b, columns)
	for i, row := range rows {
		if most > 0 && i == most {
			break
		}
		if err := f.Row(b, row); err != nil {
			return err
		}
	}
	f.End(b)
	return nil
}

// mostInMarkdown is the maximum number of rows of a report in Markdown.
const mostInMarkdown = 1000

func writeReportMarkdown(b *bytes.Buffer, run *report.Run) error {
	fmt.Fprintf(b, "# %s\n\n%s by amsql %s.\n", literal.Replace(run.Heading()), run.Started.Format(time.RFC3339), run.Version)
	for _, s := range run.Snapshots {
		fmt.Fprintf(b, "\nBy the %s.\n", literal.Replace(s.String()))
	}
	if t := run.Totals; t != nil {
		fmt.Fprintf(b, "\n%s of %s in %s on %s.\n", count(int(t.Sessions), "session"), count(int(t.Users), "user"), count(t.Realms, "realm"), count(t.Servers, "server"))
	}
	for _, of := range []struct {
		what   string
		realms []string
	}{{"Sessions are or may be missing", run.Missing()}, {"Looked up user by user, because AM truncated the list or may have", run.ByUser()}} {
		if len(of.realms) > 0 {
			fmt.Fprintf(b, "\n**%s**: %s.\n", of.what, literal.Replace(strings.Join(of.realms, "; ")))
		}
	}
	b.WriteString("\n")
	summary := newMarkdownFormat(Options{Header: true})
	summary.Begin(b, []engine.ResultColumn{{Name: "report"}, {Name: "severity"}, {Name: "result"}, {Name: "findings", Type: table.Integer}, {Name: "rows", Type: table.Integer}})
	for _, r := range run.Results {
		findings := any(int64(r.Findings))
		if !r.Finds {
			findings = nil
		}
		if err := summary.Row(b, []any{r.Name, r.Severity, r.Verdict, findings, int64(len(r.Rows))}); err != nil {
			return err
		}
	}
	b.WriteString("\n")
	controls := newMarkdownFormat(Options{Header: true})
	controls.Begin(b, []engine.ResultColumn{{Name: "control"}, {Name: "result"}, {Name: "reports"}})
	for _, c := range run.Controls {
		if err := controls.Row(b, []any{c.Name, c.Verdict, strings.Join(c.Reports, ", ")}); err != nil {
			return err
		}
	}
	for _, r := range run.Results {
		if err := writeResult(b, run, r); err != nil {
			return err
		}
	}
	return writeEvidence(b, run)
}

func writeResult(b *bytes.Buffer, run *report.Run, r *report.Result) error {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\nSeverity %s.", literal.Replace(r.Title), literal.Replace(r.Question), r.Severity)
	if len(r.Controls) > 0 {
		fmt.Fprintf(b, " Controls: %s.", literal.Replace(strings.Join(r.Controls, ", ")))
	}
	if r.Note != "" {
		fmt.Fprintf(b, " %s", literal.Replace(r.Note))
	}
	b.WriteString("\n")
	for _, name := range slices.Sorted(maps.Keys(r.Parameters)) {
		fmt.Fprintf(b, "\n- %s = %s\n", name, literal.Replace(fmt.Sprint(r.Parameters[name])))
	}
	if r.Findings > 0 && r.Remedy != "" {
		fmt.Fprintf(b, "\nWhat to do: %s\n", literal.Replace(r.Remedy))
		for _, command := range r.Commands {
			fmt.Fprintf(b, "\n    %s\n", terminal.Visible(command))
		}
	}
	for _, accepted := range r.Accepted {
		fmt.Fprintf(b, "\n- %s\n", literal.Replace(accepted.String()))
	}
	if change := run.Change(r.Name); change != nil {
		fmt.Fprintf(b, "\nSince %s: %s.\n", run.Comparison.With.Format(time.RFC3339), change)
	}
	b.WriteString("\n")
	if err := writeRows(b, newMarkdownFormat(Options{Header: true}), r, mostInMarkdown); err != nil {
		return err
	}
	if left := len(r.Rows) - mostInMarkdown; left > 0 {
		fmt.Fprintf(b, "\n%d more rows are not shown: --format json writes all of them.\n", left)
	}
	return nil
}

// writeEvidence writes what was queried, and how complete the results are.
func writeEvidence(b *bytes.Buffer, run *report.Run) error {
	fmt.Fprintf(b, "\n## Evidence\n\nThe run began at %s and took %.1f s. SHA-256 of the results: `%s`.\n", run.Started.Format(time.RFC3339), run.Elapsed, run.Digest)
	for _, of := range []struct {
		columns []string
		rows    []report.Row
	}{{report.ServerColumns, run.Evidence.Servers}, {report.RealmColumns, run.Evidence.Realms}} {
		if len(of.rows) == 0 {
			continue
		}
		b.WriteString("\n")
		f := newMarkdownFormat(Options{Header: true})
		var columns []engine.ResultColumn
		for _, name := range of.columns {
			columns = append(columns, engine.ResultColumn{Name: name})
		}
		f.Begin(b, columns)
		for _, row := range of.rows {
			cells := make([]any, len(of.columns))
			for i, name := range of.columns {
				cells[i] = row[name]
			}
			if err := f.Row(b, cells); err != nil {
				return err
			}
		}
	}
	return nil
}
