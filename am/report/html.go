package report

import (
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/table"
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

// page is what the template shows.
type page struct {
	Run    *Run
	Policy string
	CSS    template.CSS
	JS     template.JS
	show   func(string) string
}

// WriteHTML writes one page that needs nothing else: no style, script or picture from anywhere. The function writes out the
// characters that would hide or turn text.
func (run *Run) WriteHTML(out io.Writer, show func(string) string) error {
	p := page{Run: run, CSS: template.CSS(pageCSS), JS: template.JS(pageJS), show: show} //nolint:gosec // both are ours
	p.Policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(pageCSS), hash(pageJS))
	t, err := template.New("page").Funcs(template.FuncMap{
		"text": p.text, "stamp": stamp, "join": func(items []string) string { return strings.Join(items, ", ") },
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

// text is a cell as people read it.
func (p page) text(cell any) string {
	switch v := cell.(type) {
	case nil:
		return ""
	case time.Time:
		return v.UTC().Format(time.DateTime)
	case json.RawMessage:
		return p.show(string(v))
	}
	return p.show(fmt.Sprint(cell))
}

// Cards count the findings of each severity that can have some.
func (p page) Cards() (cards []struct {
	Severity string
	Findings int
}) {
	for _, severity := range Severities[:3] {
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
func (p page) Charts() (charts []chart) {
	for _, r := range p.Run.Results {
		if c, ok := p.draw(r); ok {
			charts = append(charts, c)
		}
	}
	return charts
}

// A section is a result with its cells as text.
type section struct {
	*Result
	Change *Change
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
func (p page) Sections() (sections []section) {
	classes := map[table.Type]string{table.Integer: "number", table.Double: "number", table.Timestamp: "time"}
	for _, r := range p.Run.Results {
		s := section{Result: r, Change: p.Run.Change(r.Name), Left: max(0, len(r.Rows)-mostRows)}
		for _, c := range r.columns {
			s.Heads = append(s.Heads, head{p.show(c.Name), classes[c.Type]})
		}
		for _, row := range r.Rows[:len(r.Rows)-s.Left] {
			line := cells{Finding: r.isFinding(row)}
			for _, c := range r.columns {
				line.Texts = append(line.Texts, p.text(row[c.Name]))
			}
			s.Cells = append(s.Cells, line)
		}
		sections = append(sections, s)
	}
	return sections
}

// Some are rows of a comparison as text, the last of them a count of those left out.
func (p page) Some(rows []Row) (texts []string) {
	const most = 50
	for i, row := range rows {
		if i == most {
			return append(texts, fmt.Sprintf("and %d more: --format json has all", len(rows)-most))
		}
		encoded, err := encode(row)
		if err != nil {
			return append(texts, err.Error())
		}
		texts = append(texts, p.show(string(encoded)))
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
func (p page) Evidence() (proofs []proof) {
	for _, of := range []struct {
		title   string
		columns []string
		rows    []Row
	}{{"Servers", ServerColumns, p.Run.Evidence.Servers}, {"Realms", RealmColumns, p.Run.Evidence.Realms}} {
		if len(of.rows) == 0 {
			continue
		}
		table := proof{Title: of.title, Columns: of.columns}
		for _, row := range of.rows {
			var line []string
			for _, column := range of.columns {
				line = append(line, p.text(row[column]))
			}
			table.Rows = append(table.Rows, line)
		}
		proofs = append(proofs, table)
	}
	return proofs
}
