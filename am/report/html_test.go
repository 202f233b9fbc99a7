package report_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
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

	"github.com/amsql/steampipe-plugin-am/am/report"
)

const hostile = `<img src=x onerror=alert(1)>`

// written is the page of a run with somebody whose name is HTML, and its size.
func written(t *testing.T, more int) string {
	t.Helper()
	of := population(t)
	sessions := of[slices.IndexFunc(of, func(p *planted) bool { return p.name == "am_session" })]
	idler := sessions.rows[1]
	for i := range more + 1 {
		row := map[string]any{}
		for column, cell := range idler {
			row[column] = cell
		}
		if row["username"] = fmt.Sprintf("user%d", i); i == 0 {
			row["username"] = hostile
		}
		sessions.rows = append(sessions.rows, row)
	}
	var b bytes.Buffer
	if err := run(t, order(t, of)).WriteHTML(&b, func(s string) string { return s }); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A page of a hundred thousand sessions, more than a thousand of them findings, is small, and opens where there is a Chromium.
func TestAPageOfManySessionsStaysSmallAndOpens(t *testing.T) {
	path := written(t, 100_000)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 5<<20 {
		t.Errorf("the page has %d bytes", info.Size())
	}
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+path)); err != nil {
		t.Fatal(err)
	}
	rows, text := evaluate[int](t, ctx, `document.querySelectorAll("#idle tbody tr").length`), evaluate[string](t, ctx, `document.querySelector("#idle").innerText`)
	if rows != 1000 || !strings.Contains(text, "99002 more rows") {
		t.Errorf("%d rows; %s", rows, text[max(0, len(text)-200):])
	}
}

// browser is Chromium; where there is none, the test ends here.
func browser(t *testing.T) context.Context {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("there is no chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestThePageWorksInABrowser(t *testing.T) {
	ctx := browser(t)
	path := written(t, 5)
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
	if first != hostile || last != "user5" || shown != 1 {
		t.Errorf("sorted first %q and last %q, filtered to %d rows", first, last, shown)
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

// Comparing finds what is new and what is gone by the reports' keys, whatever else has changed.
func TestRunsAreComparedByKey(t *testing.T) {
	before := population(t)
	sessions := before[slices.IndexFunc(before, func(p *planted) bool { return p.name == "am_session" })]
	earlier := run(t, order(t, before))
	sessions.rows[1]["latest_access_time"] = sessions.rows[1]["latest_access_time"].(time.Time).Add(-time.Minute) // the idler idles on
	sessions.rows = slices.DeleteFunc(sessions.rows, func(row map[string]any) bool { return row["username"] == "svc-backup" })
	sessions.rows[2]["latest_access_time"] = sessions.rows[1]["latest_access_time"] // and almost is over the limit
	now := run(t, order(t, before))
	if err := now.Compare(earlier); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"idle": "1 new findings, 0 resolved", "service-accounts": "0 new findings, 1 resolved", "over-quota": "0 new findings, 0 resolved",
		"near-end": "0 appeared, 0 vanished",
	} {
		if got := now.Change(name); got == nil || got.String() != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
	if now.Comparison.Complete {
		t.Error("the comparison says that nothing could be missed")
	}
	if user := now.Change("idle").New[0]["username"]; user != "almost" {
		t.Errorf("newly idle: %v", user)
	}
	var b bytes.Buffer
	if err := now.WriteHTML(&b, func(s string) string { return s }); err != nil || !strings.Contains(b.String(), "1 new findings, 0 resolved") {
		t.Errorf("the page does not tell: %v", err)
	}
}

func TestHeadersAreChecked(t *testing.T) {
	const good = "-- title: T\n-- question: Q?\n-- severity: low\n"
	for _, c := range []struct{ text, want string }{
		{good + "select 1", ""},
		{"-- title: T\n-- severity: low\nselect 1", "x/r.sql:1: the header has no line -- question: …"},
		{good + "-- sevrity: low\nselect 1", `x/r.sql:4: "sevrity" is no field`},
		{good + "-- parameter n integer ten: N\nselect :n", `x/r.sql:4: parameter n: "ten" is no integer`},
		{good + "-- parameter n\nselect :n", `x/r.sql:4: "-- parameter n" is not of the form`},
		{good, "x/r.sql:4: there is no SQL after the header"},
		{good + "select 1\n-- dialect: oracle\nselect 1", `x/r.sql:5: the dialect "oracle" is not postgres`},
	} {
		_, err := report.Parse("x/r.sql", c.text)
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}
