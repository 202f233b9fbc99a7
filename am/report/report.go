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

// A Report is a question to the tables, and what its answer means.
type Report struct {
	Name       string // of its file, without .sql
	Title      string
	Question   string
	Severity   string // of a finding: one of Severities
	Controls   []string
	Parameters []Parameter
	Finding    string   // what a finding is: one of findings
	Key        []string // the columns by which a row is known in another run; nil: all
	Chart      string   // how its first two columns are drawn: one of charts, or ""
	Note       string   // what else to know
	Remedy     string   // what to do about a finding
	Commands   []string // command lines that do it, which may hold parameters as :name

	SQL      string // in SQLite
	Postgres string // the same as SQL if one text serves both

	path string
	line int // that SQL begins at
}

// Severities are those of findings, the gravest first.
var Severities = []string{"high", "medium", "low", "info"}

// What a finding is: no row, every row, or each row whose column finding is true.
const (
	findingNone   = "none"
	findingRows   = "rows"
	findingColumn = "column"
)

var (
	findings = []string{findingNone, findingRows, findingColumn}
	charts   = []string{"bars", "columns"}
)

// A Parameter is a value that a report's SQL takes as :name.
type Parameter struct {
	Name        string `json:"name"`
	Type        string `json:"type"` // integer or text
	Default     any    `json:"default"`
	Description string `json:"description"`
}

//go:embed reports/*.sql
var builtin embed.FS

// Builtin are the reports of amsql, the gravest first.
func Builtin() ([]*Report, error) {
	files, err := fs.Sub(builtin, "reports")
	if err != nil {
		return nil, err
	}
	reports, err := read(files, "")
	return bySeverity(reports), err
}

// All are the reports of amsql and those of a folder, if there is one; if two have a name, the folder's.
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

// bySeverity has the gravest reports first, and those of a severity by name.
func bySeverity(reports []*Report) []*Report {
	slices.SortFunc(reports, func(a, b *Report) int {
		return cmp.Or(slices.Index(Severities, a.Severity)-slices.Index(Severities, b.Severity), strings.Compare(a.Name, b.Name))
	})
	return reports
}

// AtLeast are the reports whose severity is this one or graver.
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

// Named are the reports of these names, in their order.
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
