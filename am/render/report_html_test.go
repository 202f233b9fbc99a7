package render

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/amsql/steampipe-plugin-am/am/internal/browsertest"
	"github.com/amsql/steampipe-plugin-am/am/report"
)

const hostile = `<img src=x onerror=alert(1)>`

// idlers returns a run whose report idle has a chart, and findings for a user whose name is HTML, and for other users.
func idlers(users int) *report.Run {
	names := []report.Column{{Name: "username", Type: "text"}, {Name: "realm", Type: "text"}, {Name: "latest_access_time", Type: "timestamptz"}}
	idle := &report.Result{Name: "idle", Title: "Idle sessions", Question: "Who is idle?", Severity: "medium", Finds: true, Verdict: report.Fail, Columns: names}
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for i := range users + 1 {
		name := fmt.Sprintf("user%d", i)
		if i == 0 {
			name = hostile
		}
		idle.Rows = append(idle.Rows, report.Row{"username": name, "realm": "/alpha", "latest_access_time": at})
	}
	idle.Findings = len(idle.Rows)
	ages := &report.Result{Name: "age", Title: "Sessions by age", Severity: "information", Chart: "bars", Columns: []report.Column{{Name: "age", Type: "text"}, {Name: "sessions", Type: "int8"}}}
	for i := range 20 {
		ages.Rows = append(ages.Rows, report.Row{"age": fmt.Sprintf("%d h", i), "sessions": int64(i + 1)})
	}
	return &report.Run{Version: "1.2.3", Started: at, Complete: true, Findings: idle.Findings, Results: []*report.Result{idle, ages}}
}

// written returns the page of a run, as written to a file.
func written(t *testing.T, run *report.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteReport(t.Context(), &b, run, "html", ""); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestThePageTellsWhatHasChanged(t *testing.T) {
	run := idlers(1)
	run.Comparison = &report.Comparison{Reports: []report.Change{{Name: "idle", Finds: true, New: run.Results[0].Rows[:1]}}}
	page, err := os.ReadFile(written(t, run))
	if err != nil || !strings.Contains(string(page), "1 new finding, 0 resolved") {
		t.Errorf("the page does not tell: %v", err)
	}
}

// A page of 100,000 sessions with more than a thousand findings is small, and opens in Chromium, if there is one.
func TestAPageOfManySessionsStaysSmallAndOpens(t *testing.T) {
	path := written(t, idlers(100_001))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 5<<20 {
		t.Errorf("the page has %d bytes", info.Size())
	}
	ctx := browsertest.Chromium(t)
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+path)); err != nil {
		t.Fatal(err)
	}
	rows, text := evaluate[int](t, ctx, `document.querySelectorAll("#idle tbody tr").length`), evaluate[string](t, ctx, `document.querySelector("#idle").innerText`)
	if rows != 1000 || !strings.Contains(text, "99002 more rows") {
		t.Errorf("%d rows; %s", rows, text[max(0, len(text)-200):])
	}
}

func TestThePageWorksInABrowser(t *testing.T) {
	ctx := browsertest.Chromium(t)
	path := written(t, idlers(12))
	var mu sync.Mutex
	var complaints, requests []string
	err := chromedp.Listen(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, "an exception")
		case *runtime.EventConsoleAPICalled:
			complaints = append(complaints, "console: "+string(e.Type))
		case *log.EventEntryAdded:
			complaints = append(complaints, e.Entry.Text)
		case *page.EventJavascriptDialogOpening:
			complaints = append(complaints, "dialog: "+e.Message)
		case *network.EventRequestWillBeSent:
			requests = append(requests, e.Request.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+path)); err != nil {
		t.Fatal(err)
	}
	bars, images := evaluate[int](t, ctx, `document.querySelectorAll("svg rect.bar").length`), evaluate[int](t, ctx, `document.images.length`)
	text, policy := evaluate[string](t, ctx, `document.querySelector("#idle").innerText`), evaluate[string](t, ctx, `document.querySelector("meta[http-equiv]").content`)
	const sort = `document.querySelector("#idle table.rows th button").click(); document.querySelector("#idle tbody td").textContent`
	first, last := evaluate[string](t, ctx, sort), evaluate[string](t, ctx, sort)
	shown := evaluate[int](t, ctx, `const input = document.querySelector("#idle input"); input.value = "USER3"; input.dispatchEvent(new Event("input"));
		[...document.querySelectorAll("#idle tbody tr")].filter(row => row.checkVisibility()).length`)
	const sections = `[...document.querySelectorAll("section")].filter(section => section.checkVisibility()).map(section => section.id).join()`
	all, failed := evaluate[string](t, ctx, sections), evaluate[string](t, ctx, `document.querySelector("#failed").click(); `+sections)
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF())
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(complaints) > 0 {
		t.Errorf("the browser complains: %q", complaints)
	}
	if !slices.Equal(requests, []string{"file://" + path}) {
		t.Errorf("requests: %q", requests)
	}
	if bars < 20 || images != 0 || !strings.Contains(text, hostile) {
		t.Errorf("%d bars, %d images; text: %s", bars, images, text)
	}
	if first != hostile || last != "user9" || shown != 1 {
		t.Errorf("sorted first %q and last %q, filtered to %d rows", first, last, shown)
	}
	if all != "idle,glance,age,evidence,sql" || failed != "idle,evidence,sql" {
		t.Errorf("the page has the sections %s, and of what failed %s", all, failed)
	}
	if !bytes.HasPrefix(pdf, []byte("%PDF")) || !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("%d bytes of PDF; policy %s", len(pdf), policy)
	}
}

func evaluate[T any](t *testing.T, ctx context.Context, script string) T { //nolint:revive // t comes first in tests
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// pageOf returns the HTML of a run.
func pageOf(t *testing.T, run *report.Run) string {
	t.Helper()
	text, err := os.ReadFile(written(t, run))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestThePageIsReadByPeople(t *testing.T) {
	columns := []report.Column{{Name: "username", Type: "text"}, {Name: "realm", Type: "text"}, {Name: "minutes_idle", Type: "int8"}, {Name: "shoe_size", Type: "int8"}, {Name: "base_url", Type: "text"}}
	r := &report.Result{
		Name: "idle", Title: "Idle sessions", Severity: "high", Verdict: report.Fail, Finds: true, Findings: 1, Columns: columns, Controls: []string{"NIST 800-53 AC-11", "NIST 800-53 AC-12", "PCI DSS 8.2.8"},
		Remedy: "End them.", Commands: []string{`amsql logout --where "a < 'b'"`},
	}
	for _, row := range [][3]any{{"Ann", int64(40), true}, {"bob", int64(30), nil}, {"ann", int64(20), false}} {
		r.Rows = append(r.Rows, report.Row{"username": row[0], "realm": "/alpha", "minutes_idle": row[1], "shoe_size": row[1], "base_url": "https://am", "finding": row[2]})
	}
	run := &report.Run{
		Title: "ACME & Sons", Findings: 1, Results: []*report.Result{r}, Totals: &report.Totals{Sessions: 1200, Users: 1, Realms: 2, Servers: 1},
		Controls: []report.Control{{Name: "NIST 800-53 AC-11", Verdict: report.Fail, Reports: []string{"idle"}}},
		Evidence: report.Evidence{Realms: []report.Row{
			{"realm": "/alpha", "base_url": "https://am", "completeness": "by_user", "reason": "the list is truncated at 120"},
			{"realm": "/bravo", "base_url": "https://am", "completeness": "truncated", "error": "AM is <away>"},
		}},
	}
	page := pageOf(t, run)
	for _, want := range []string{
		"<h1>ACME &amp; Sons</h1>", "<b>1,200</b> sessions", "<b>1</b> user<", "<b>2</b> realms", "<b>1</b> server<",
		"<li>/alpha: the list is truncated at 120</li>", "<li>/bravo: AM is &lt;away&gt;</li>",
		`<li class="high"><b>1</b>high finding</li>`, "<li><b>0</b>medium findings</li>", "<p>1 report fails.</p>",
		`<span class="verdict high">FAIL</span>`, "NIST 800-53 AC-11, AC-12 · PCI DSS 8.2.8",
		"1 finding of 1 user in 1 realm · 3 rows", "<pre>amsql logout --where &#34;a &lt; &#39;b&#39;&#34;</pre>",
		"Realm <b>/alpha</b> · Server <b>https://am</b>", `title="minutes_idle">Idle (min)</button>`, ">Shoe size</button>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	_, body, _ := strings.Cut(page, `<table class="rows grouped">`)
	if ann, again, bob := strings.Index(body, ">Ann<"), strings.Index(body, `again">ann<`), strings.Index(body, ">bob<"); ann < 0 || again < ann || bob < again {
		t.Errorf("the sessions of a user are not together: %d, %d, %d", ann, again, bob)
	}
	if strings.Contains(body, "Filter") {
		t.Error("a table of three rows can be filtered")
	}
}
