//go:build unix

package cli

import (
	"bytes"
	"context"
	"image"
	pixels "image/draw"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/amsql/steampipe-plugin-am/am/internal/browsertest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// Whether the pictures are up to date is decided by the text of the page, because pixels depend on the browser's fonts.
// With UPDATE set, the test writes both.
func TestThePicturesAreOfThePageOfReports(t *testing.T) {
	ctx := browsertest.Chromium(t)
	started := time.Now() // "ended" also depends on this machine's clock
	server := connect(t, simulator.Options{Realms: 2, Users: 50, Sessions: 200, Seed: 1, Clock: func() time.Time { return started }})
	plant(t, server)
	page := filepath.Join(t.TempDir(), "page.html")
	if _, errs, status := invoke(t, terminal.Streams{}, "report", "run", "--all", "--title", "ACME Bank: sessions, fourth quarter", "--out", page); status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	anonymize(t, page)
	const above = `[...document.querySelectorAll("header, main > :not(section)")].map(part => part.innerText).join("\n")`
	open := func(width, height int64, part string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height), chromedp.Navigate("file://"+page), chromedp.Navigate("file://"+page+part)); err != nil {
			t.Fatal(err)
		}
	}
	open(1280, 800, "")
	text := evaluate[string](t, ctx, above)
	height := evaluate[int64](t, ctx, `Math.floor(document.querySelector("main > section").getBoundingClientRect().top)`)
	charts := evaluate[int64](t, ctx, `Math.floor(document.querySelector("#glance").getBoundingClientRect().height)`)
	text = runStamp.ReplaceAllString(text, "2026-11-22 12:00:00 UTC")
	rewrite(t, "testdata/page-of-reports.txt", func([]byte) []byte { return []byte(text + "\n") })
	if os.Getenv("UPDATE") == "" {
		return
	}
	open(1280, height, "")
	encode(t, "../../docs/images/report.png", screenshot(t, ctx))
	open(1280, charts, "#glance")
	encode(t, "../../docs/images/report-charts.png", screenshot(t, ctx))
	open(420, 1000, "")
	narrow := image.NewRGBA(image.Rect(0, 0, 850, 1000)) // two screens and the space between
	pixels.Draw(narrow, narrow.Bounds(), image.White, image.Point{}, pixels.Src)
	pixels.Draw(narrow, image.Rect(0, 0, 420, 1000), screenshot(t, ctx), image.Point{}, pixels.Src)
	open(420, 1000, "#idle")
	pixels.Draw(narrow, image.Rect(430, 0, 850, 1000), screenshot(t, ctx), image.Point{}, pixels.Src)
	encode(t, "../../docs/images/report-narrow.png", narrow)
}

// plant adds findings to the sessions: those of disabled and deleted users, and of a user with more sessions than the
// quota of 5.
func plant(t *testing.T, server *simulator.Server) {
	t.Helper()
	for i, user := range []string{"bjensen", "scarter", "kvaughan"} {
		if err := server.AddUser("/", user, "changeit"); err != nil {
			t.Fatal(err)
		}
		for range 2 + 2*i {
			if _, err := server.Login("/alpha", user); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := server.DeleteUser("/", "bjensen"); err != nil {
		t.Fatal(err)
	}
	if err := server.DisableUser("/", "scarter"); err != nil {
		t.Fatal(err)
	}
}

// anonymize replaces the address and the version in the page with those of the pictures.
func anonymize(t *testing.T, page string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text = simulatorAddress.ReplaceAll(text, []byte("https://am.example.com/openam"))
	text = bytes.ReplaceAll(text, []byte("amsql "+version()), []byte("amsql 1.0"))
	if err := os.WriteFile(page, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

var (
	simulatorAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+/\w+`)
	runStamp         = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`)
)

func evaluate[T any](t *testing.T, ctx context.Context, script string) T { //nolint:revive // t comes first in tests
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func screenshot(t *testing.T, ctx context.Context) image.Image { //nolint:revive // t comes first in tests
	t.Helper()
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

func encode(t *testing.T, path string, picture image.Image) {
	t.Helper()
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
