package render

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/report"

	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// mostRows is how many rows of a report the page has, so that browsers open it: JSON and CSV have all.
const mostRows = 1000

var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string
)

// reportPage is what the template shows.
type reportPage struct {
	Run    *report.Run
	Policy string
	CSS    template.CSS
	JS     template.JS
}

// writeReportHTML writes one page that needs nothing else: no style, script or picture from anywhere.
func writeReportHTML(out *bytes.Buffer, run *report.Run) error {
	p := reportPage{Run: run, CSS: template.CSS(pageCSS), JS: template.JS(pageJS)} //nolint:gosec // both are ours
	p.Policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(pageCSS), hash(pageJS))
	t, err := template.New("page").Funcs(template.FuncMap{
		"text": shown, "stamp": stamp, "join": func(items []string) string { return strings.Join(items, ", ") },
	}).Parse(pageHTML)
	if err != nil {
		return err
	}
	return t.Execute(out, p)
}

// hash is how a Content-Security-Policy names what it lets through.
func hash(of string) string {
	sum := sha256.Sum256([]byte(of))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// shown is a cell as people read it.
func shown(cell any) string {
	switch v := cell.(type) {
	case nil:
		return ""
	case time.Time:
		return v.UTC().Format(time.DateTime)
	case json.RawMessage:
		return terminal.Visible(string(v))
	}
	return terminal.Visible(fmt.Sprint(cell))
}

// Cards count the findings of each severity that can have some.
func (p reportPage) Cards() (cards []struct {
	Severity string
	Findings int
}) {
	for _, severity := range report.Severities[:3] {
		card := struct {
			Severity string
			Findings int
		}{Severity: severity}
		for _, r := range p.Run.Results {
			if r.Severity == severity {
				card.Findings += r.Findings
			}
		}
		cards = append(cards, card)
	}
	return cards
}

// Charts are those of all results.
func (p reportPage) Charts() (charts []chart) {
	for _, r := range p.Run.Results {
		if c, ok := draw(r); ok {
			charts = append(charts, c)
		}
	}
	return charts
}

// A resultSection is a result with its cells as text.
type resultSection struct {
	*report.Result
	Change *report.Change
	Heads  []head
	Cells  []cells
	Left   int // rows that are not shown
}

type head struct{ Name, Class string }

type cells struct {
	Texts   []string
	Finding bool
}

// Sections are the results.
func (p reportPage) Sections() (resultSections []resultSection) {
	classes := map[string]string{table.Integer.String(): "number", table.Double.String(): "number", table.Timestamp.String(): "time"}
	for _, r := range p.Run.Results {
		s := resultSection{Result: r, Change: p.Run.Change(r.Name), Left: max(0, len(r.Rows)-mostRows)}
		for _, c := range r.Columns {
			s.Heads = append(s.Heads, head{terminal.Visible(c.Name), classes[c.Type]})
		}
		for _, row := range r.Rows[:len(r.Rows)-s.Left] {
			line := cells{Finding: r.IsFinding(row)}
			for _, c := range r.Columns {
				line.Texts = append(line.Texts, shown(row[c.Name]))
			}
			s.Cells = append(s.Cells, line)
		}
		resultSections = append(resultSections, s)
	}
	return resultSections
}

// Some are rows of a comparison as text, the last of them a count of those left out.
func (p reportPage) Some(rows []report.Row) (texts []string) {
	const most = 50
	for i, row := range rows {
		if i == most {
			return append(texts, fmt.Sprintf("and %d more: --format json has all", len(rows)-most))
		}
		texts = append(texts, terminal.Visible(string(encode(row))))
	}
	return texts
}

// A proof is a table of the evidence.
type proof struct {
	Title   string
	Columns []string
	Rows    [][]string
}

// Evidence is the tables of it that have rows.
func (p reportPage) Evidence() (proofs []proof) {
	for _, of := range []struct {
		title   string
		columns []string
		rows    []report.Row
	}{{"Servers", report.ServerColumns, p.Run.Evidence.Servers}, {"Realms", report.RealmColumns, p.Run.Evidence.Realms}} {
		if len(of.rows) == 0 {
			continue
		}
		table := proof{Title: of.title, Columns: of.columns}
		for _, row := range of.rows {
			var line []string
			for _, column := range of.columns {
				line = append(line, shown(row[column]))
			}
			table.Rows = append(table.Rows, line)
		}
		proofs = append(proofs, table)
	}
	return proofs
}
