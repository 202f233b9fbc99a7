package render

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ledongthuc/pdf"

	"github.com/amsql/steampipe-plugin-am/am/report"
)

// wide returns a run with very wide tables: users named by UUIDs in several realms of two servers, and evidence in
// which no column has the same value in all rows.
func wide(sessions int) *report.Run {
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	columns := []report.Column{
		{Name: "username", Type: "text"}, {Name: "realm", Type: "text"}, {Name: "latest_access_time", Type: "timestamptz"}, {Name: "minutes_idle", Type: "int8"},
		{Name: "max_idle_expiration_time", Type: "timestamptz"}, {Name: "max_session_expiration_time", Type: "timestamptz"}, {Name: "base_url", Type: "text"},
	}
	idle := &report.Result{Name: "idle", Title: "Idle sessions", Question: "Who is idle?", Severity: "medium", Verdict: report.Fail, Finds: true, Findings: sessions, Columns: columns, SQL: "select 1"}
	for i := range sessions {
		idle.Rows = append(idle.Rows, report.Row{
			"username": fmt.Sprintf("%08d-0c1f-4a5e-9f6d-2b7e6a8d9c01", i), "realm": []string{"/alpha", "/bravo"}[i%2], "latest_access_time": at.Add(time.Duration(i) * time.Second),
			"minutes_idle": int64(i), "max_idle_expiration_time": at.Add(time.Duration(i) * time.Minute), "max_session_expiration_time": at.Add(time.Duration(i) * time.Hour),
			"base_url": fmt.Sprintf("https://am%d.example.com/am", i%2),
		})
	}
	run := &report.Run{Title: "Société Générale: sessions", Started: at, Results: []*report.Result{idle}, Findings: sessions}
	for i := range 3 {
		realm := report.Row{}
		for _, column := range report.RealmColumns {
			realm[column] = int64(100 * i)
		}
		realm["realm"], realm["base_url"] = fmt.Sprintf("/realm%d", i), fmt.Sprintf("https://am%d.example.com/am", i)
		realm["completeness"] = []string{"complete", "by_user", "truncated"}[i]
		realm["started_at"] = at.Add(time.Duration(i) * time.Second)
		realm["reason"] = fmt.Sprintf("the list is truncated at %d, and amsql has looked up each known user of the realm", i)
		realm["error"] = fmt.Sprintf("AM refused the session query (403 Forbidden): only an administrator may list sessions, in the realm number %d", i)
		run.Evidence.Realms = append(run.Evidence.Realms, realm)
	}
	run.Evidence.Servers = []report.Row{{"base_url": "https://am0.example.com/am", "product": "OpenAM", "clock_skew_seconds": int64(7777)}}
	return run
}

// A sheetOfPaper contains the text of a page by line, and the rightmost position where a letter begins.
type sheetOfPaper struct {
	text          string
	right         float64
	width, height float64
}

// printed returns the pages of a PDF.
func printed(t *testing.T, content []byte) (pages []sheetOfPaper) {
	t.Helper()
	if keep := os.Getenv("KEEP_PDF"); keep != "" {
		_ = os.WriteFile(filepath.Join(keep, strings.ReplaceAll(t.Name(), "/", "-")+".pdf"), content, 0o600)
	}
	r, err := pdf.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= r.NumPage(); n++ {
		page := r.Page(n)
		box := page.V.Key("MediaBox")
		s := sheetOfPaper{width: box.Index(2).Float64(), height: box.Index(3).Float64()}
		letters := page.Content().Text
		slices.SortStableFunc(letters, func(a, b pdf.Text) int {
			if math.Abs(a.Y-b.Y) > 2 {
				return int(b.Y - a.Y)
			}
			return int(100 * (a.X - b.X))
		})
		var text strings.Builder
		for _, l := range letters {
			text.WriteString(l.S)
			s.right = max(s.right, l.X)
		}
		s.text = text.String()
		pages = append(pages, s)
	}
	return pages
}

func TestAPDFHasAllColumnsOnThePaper(t *testing.T) {
	if _, err := Browser(); err != nil {
		t.Skip(err)
	}
	const sessions = 120
	for paper, size := range map[string][2]float64{"A4": {842, 595}, "Letter": {792, 612}} {
		t.Run(paper, func(t *testing.T) {
			var b bytes.Buffer
			if err := WriteReport(t.Context(), &b, wide(sessions), "pdf", paper); err != nil {
				t.Fatal(err)
			}
			pages := printed(t, b.Bytes())
			t.Logf("%d pages, %d bytes", len(pages), b.Len())
			var all strings.Builder
			for i, p := range pages {
				all.WriteString(p.text)
				if math.Abs(p.width-size[0]) > 1 || math.Abs(p.height-size[1]) > 1 {
					t.Errorf("page %d is %.0f by %.0f", i+1, p.width, p.height)
				}
				if p.right > p.width-30 {
					t.Errorf("page %d: text begins at %.0f of %.0f", i+1, p.right, p.width)
				}
				if strings.Contains(p.text, "-0c1f-4a5e-9f6d-2b7e6a8d9c01") && !strings.Contains(squeeze(p.text), "UserRealmLastused(UTC)Idle(min)Endsunused(UTC)Ends(UTC)Server") {
					t.Errorf("page %d has sessions and no titles of columns: %s", i+1, p.text)
				}
			}
			for i := range sessions {
				if row := fmt.Sprintf("%08d-0c1f-4a5e-9f6d-2b7e6a8d9c01/%s", i, []string{"alpha", "bravo"}[i%2]); strings.Count(squeeze(all.String()), row) != 1 {
					t.Errorf("%s is not on one line", row)
				}
			}
			for _, want := range []string{"https://am1.example.com/am", "7777", "number2", "Société", "select1"} {
				if !strings.Contains(squeeze(all.String()), want) {
					t.Errorf("the pages lack %s", want)
				}
			}
			if len(pages) > 12 {
				t.Errorf("%d sessions take %d pages", sessions, len(pages))
			}
		})
	}
}

// squeeze removes white space.
func squeeze(text string) string { return strings.Join(strings.Fields(text), "") }

// If the browser prints another page, that is an error, not a report.
func TestAPDFOfSomethingElseIsAnError(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the browsers are shell scripts")
	}
	dir := t.TempDir()
	for name, script := range map[string]string{
		"nothing":      "#!/bin/sh\necho no display >&2\n",
		"another page": "#!/bin/sh\nfor a; do case $a in --print-to-pdf=*) echo '%PDF-1.4 /Title (ERR_FILE_NOT_FOUND)' > ${a#*=};; esac; done\necho no display >&2\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "chromium"), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		var b bytes.Buffer
		err := WriteReport(t.Context(), &b, idlers(1), "pdf", "A4")
		if err == nil || !strings.Contains(err.Error(), "printed no PDF of ") || !strings.Contains(err.Error(), "(no display)") || b.Len() > 0 {
			t.Errorf("%s: %v, %d bytes", name, err, b.Len())
		}
	}
}
