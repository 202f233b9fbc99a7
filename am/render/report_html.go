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

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/report"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// mostRows is the maximum number of rows of a report on the page, so that browsers can open it. JSON and CSV contain
// all rows.
const mostRows = 1000

var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string
)

// reportPage is the data of the template.
type reportPage struct {
	Run    *report.Run
	Policy string
	CSS    template.CSS
	JS     template.JS
}

func writeReportHTML(out *bytes.Buffer, run *report.Run) error { return writePage(out, run, "") }

// writePage writes a self-contained page: it loads no style, script or picture. It prints on the given paper, or on
// that of the reader's printer if paper is "".
func writePage(out *bytes.Buffer, run *report.Run, paper string) error {
	css := pageCSS
	if paper != "" {
		css += "@page { size: " + paper + " landscape }\n"
	}
	p := reportPage{Run: run, CSS: template.CSS(css), JS: template.JS(pageJS)} //nolint:gosec // both are ours
	p.Policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(css), hash(pageJS))
	t, err := template.New("page").Funcs(template.FuncMap{
		"text": shown, "stamp": stamp, "join": func(items []string) string { return strings.Join(items, ", ") }, "count": count, "upper": strings.ToUpper,
		"short": shortControls,
	}).Parse(pageHTML)
	if err != nil {
		return err
	}
	return t.Execute(out, p)
}

// count returns a number of things in words: 1 finding, 1,200 findings.
func count(n int, what string) string {
	return humanize.Comma(int64(n)) + " " + english.PluralWord(n, what, "")
}

// shortControls names each standard of the controls once: NIST 800-53 AC-10, AC-12 · PCI DSS 8.2.8.
func shortControls(names []string) string {
	var b strings.Builder
	before := ""
	for i, name := range names {
		at := strings.LastIndex(name, " ") + 1
		switch {
		case i > 0 && at > 0 && name[:at] == before:
			b.WriteString(", " + name[at:])
		case i > 0:
			b.WriteString(" · " + name)
		default:
			b.WriteString(name)
		}
		before = name[:at]
	}
	return b.String()
}

// hash returns the hash with which a Content-Security-Policy allows a style or script.
func hash(of string) string {
	sum := sha256.Sum256([]byte(of))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// shown returns a cell as people read it.
func shown(cell any) string {
	switch v := cell.(type) {
	case nil:
		return ""
	case bool:
		return map[bool]string{false: "no", true: "yes"}[v]
	case time.Time:
		return v.UTC().Format(time.DateTime)
	case json.RawMessage:
		return terminal.Visible(string(v))
	}
	return terminal.Visible(fmt.Sprint(cell))
}

// A figure is a number and what it counts. Accent is a severity, or "" for no accent.
type figure struct{ Number, What, Accent string }

// Totals returns how much the reports examined.
func (p reportPage) Totals() (figures []figure) {
	t := p.Run.Totals
	if t == nil {
		return nil
	}
	for _, of := range []struct {
		n    int
		what string
	}{{int(t.Sessions), "session"}, {int(t.Users), "user"}, {t.Realms, "realm"}, {t.Servers, "server"}} {
		figures = append(figures, figure{Number: humanize.Comma(int64(of.n)), What: english.PluralWord(of.n, of.what, "")})
	}
	return figures
}

// Severities returns the number of findings of each severity that can have findings.
func (p reportPage) Severities() (figures []figure) {
	for _, severity := range report.Severities[:3] {
		findings := 0
		for _, r := range p.Run.Results {
			if r.Severity == severity {
				findings += r.Findings
			}
		}
		f := figure{Number: humanize.Comma(int64(findings)), What: severity + " " + english.PluralWord(findings, "finding", ""), Accent: severity}
		if findings == 0 {
			f.Accent = ""
		}
		figures = append(figures, f)
	}
	return figures
}

// Verdicts returns the number of reports with each verdict, in words.
func (p reportPage) Verdicts() string {
	of := map[string]int{}
	for _, r := range p.Run.Results {
		of[r.Verdict]++
	}
	var parts []string
	for _, v := range []struct{ verdict, one, more string }{
		{report.Fail, "report fails", "reports fail"}, {report.NotKnown, "is not known", "are not known"}, {report.Pass, "passes", "pass"},
		{report.Information, "is information", "are information"},
	} {
		if n := of[v.verdict]; n > 0 || v.verdict == report.Fail {
			parts = append(parts, fmt.Sprintf("%d %s", n, english.PluralWord(n, v.one, v.more)))
		}
	}
	return english.WordSeries(parts, "and") + "."
}

// Charts returns the charts of all results.
func (p reportPage) Charts() (charts []chart) {
	for _, r := range p.Run.Results {
		if c, ok := draw(r); ok {
			charts = append(charts, c)
		}
	}
	return charts
}

// A judged report has the accent of its severity if it fails, otherwise none.
type judged struct{ *report.Result }

// Accent returns a severity, or "".
func (r judged) Accent() string {
	if r.Verdict == report.Fail {
		return r.Severity
	}
	return ""
}

// Judged returns a result with its accent.
func (p reportPage) Judged(r *report.Result) judged { return judged{r} }

// A controlLine is a control with the reports that determine its verdict.
type controlLine struct {
	report.Control
	Accent   string // the highest severity of reports that fail
	Deciding []*report.Result
}

// Controls returns the controls of the reports, without those that have no verdict.
func (p reportPage) Controls() (lines []controlLine) {
	for _, c := range p.Run.Controls {
		if c.Verdict == report.Information {
			continue
		}
		l := controlLine{Control: c}
		for _, r := range p.Run.Results { // highest severity first
			for _, name := range c.Reports {
				if name == r.Name && r.Verdict == c.Verdict {
					l.Deciding = append(l.Deciding, r)
				}
			}
		}
		if c.Verdict == report.Fail && len(l.Deciding) > 0 {
			l.Accent = l.Deciding[0].Severity
		}
		lines = append(lines, l)
	}
	return lines
}

// A resultSection is a result with its cells as texts.
type resultSection struct {
	judged
	Run   *report.Run
	Sheet sheet
}

// Sections returns the results that can have findings.
func (p reportPage) Sections() []resultSection { return p.sections(true) }

// Informations returns the results that cannot have findings.
func (p reportPage) Informations() []resultSection { return p.sections(false) }

func (p reportPage) sections(finds bool) (sections []resultSection) {
	for _, r := range p.Run.Results {
		if r.Finds == finds {
			sections = append(sections, resultSection{judged{r}, p.Run, newSheet(r.Columns, r.Rows, r.IsFinding)})
		}
	}
	return sections
}

// Change returns what has changed since another run, or nil.
func (s resultSection) Change() *report.Change { return s.Run.Change(s.Name) }

// Parameters returns the values of the report's parameters.
func (s resultSection) Parameters() (lines []same) {
	for _, d := range s.Described {
		lines = append(lines, same{d.Description, shown(s.Result.Parameters[d.Name])})
	}
	return lines
}

// Some returns the first rows of a comparison as texts, followed by the number of rows that are left out.
func (resultSection) Some(rows []report.Row) (texts []string) {
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
	Title string
	Sheet sheet
}

// Evidence returns the tables of the evidence that have rows.
func (p reportPage) Evidence() (proofs []proof) {
	for _, of := range []struct {
		title   string
		columns []string
		rows    []report.Row
	}{{"Servers", report.ServerColumns, p.Run.Evidence.Servers}, {"Realms", report.RealmColumns, p.Run.Evidence.Realms}} {
		if len(of.rows) > 0 {
			proofs = append(proofs, proof{of.title, newSheet(columnsOf(of.columns, of.rows), of.rows, func(report.Row) bool { return false })})
		}
	}
	return proofs
}
