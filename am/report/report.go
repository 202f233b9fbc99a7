package report

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// A Report is a query of the tables, and the meaning of its result.
type Report struct {
	Name       string // the name of its file without .sql
	Title      string
	Question   string
	Severity   string // the severity of a finding: one of Severities
	Controls   []string
	Parameters []Parameter
	Finding    string   // which rows are findings: one of findings
	Key        []string // the columns that identify a row in another run; nil: all
	Chart      string   // how to draw its first two columns: one of charts, or ""
	Note       string   // additional information
	Remedy     string   // what to do about a finding
	Commands   []string // command lines for that, which may contain parameters as :name

	SQL      string // in SQLite's dialect
	Postgres string // in PostgreSQL's; the same as SQL if one text works in both

	path string
	line int // the line at which SQL begins
}

// Severities are the severities of findings, highest first.
var Severities = []string{"high", "medium", "low", "info"}

// Which rows are findings: none, all, or those whose column finding is true.
const (
	findingNone   = "none"
	findingRows   = "rows"
	findingColumn = "column"
)

var (
	findings = []string{findingNone, findingRows, findingColumn}
	charts   = []string{"bars", "columns"}
)

// A Parameter is a value that a report's SQL uses as :name.
type Parameter struct {
	Name        string `json:"name"`
	Type        string `json:"type"` // integer or text
	Default     any    `json:"default"`
	Description string `json:"description"`
}

//go:embed reports/*.sql
var builtin embed.FS

// Builtin returns the reports of amsql, highest severity first.
func Builtin() ([]*Report, error) {
	files, err := fs.Sub(builtin, "reports")
	if err != nil {
		return nil, err
	}
	reports, err := read(files, "")
	return bySeverity(reports), err
}

// All returns the reports of amsql and those of a folder, if one is given. A report of the folder replaces one of amsql
// with the same name.
func All(folder string) ([]*Report, error) {
	all, err := Builtin()
	if err != nil || folder == "" {
		return all, err
	}
	own, err := read(os.DirFS(folder), folder)
	if err == nil && len(own) == 0 {
		err = fmt.Errorf("%s has no file whose name ends in .sql", folder)
	}
	for _, r := range own {
		all = slices.DeleteFunc(all, func(other *Report) bool { return other.Name == r.Name })
	}
	return bySeverity(append(all, own...)), err
}

// bySeverity sorts reports by severity, highest first, and then by name.
func bySeverity(reports []*Report) []*Report {
	slices.SortFunc(reports, func(a, b *Report) int {
		return cmp.Or(slices.Index(Severities, a.Severity)-slices.Index(Severities, b.Severity), strings.Compare(a.Name, b.Name))
	})
	return reports
}

// AtLeast returns the reports of this severity or higher.
func AtLeast(reports []*Report, severity string) (chosen []*Report) {
	for _, r := range reports {
		if slices.Index(Severities, r.Severity) <= slices.Index(Severities, severity) {
			chosen = append(chosen, r)
		}
	}
	return chosen
}

func read(files fs.FS, folder string) (reports []*Report, err error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if entry.IsDir() || path.Ext(entry.Name()) != ".sql" {
			continue
		}
		text, err := fs.ReadFile(files, entry.Name())
		if err != nil {
			return nil, err
		}
		r, err := Parse(path.Join(folder, entry.Name()), string(text))
		if err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// Named returns the reports with these names, in this order.
func Named(all []*Report, names []string) (chosen []*Report, err error) {
	for _, name := range names {
		i := slices.IndexFunc(all, func(r *Report) bool { return r.Name == name })
		switch {
		case i < 0:
			var there []string
			for _, r := range all {
				there = append(there, r.Name)
			}
			return nil, fmt.Errorf("there is no report %q%s; there are %s", name, engine.DidYouMean(name, there), strings.Join(there, ", "))
		case !slices.Contains(chosen, all[i]):
			chosen = append(chosen, all[i])
		}
	}
	return chosen, nil
}
