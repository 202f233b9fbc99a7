package render

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/amsql/steampipe-plugin-am/am/report"
)

// Papers are the paper sizes of PDFs.
var Papers = []string{"A4", "Letter"}

// browsers are programs that can print a page, by their names on Linux, macOS and Windows.
var browsers = []string{
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium",
	"/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
	`C:\Program Files\Google\Chrome\Application\chrome.exe`, `C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe`,
}

// ErrNoBrowser means that no PDF can be made.
var ErrNoBrowser = errors.New("a PDF needs Chromium, Chrome or Edge, and none of them was found: install one, or use --format html and print the page")

// Browser returns the path of a program that can print pages.
func Browser() (string, error) {
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoBrowser
}

// mostPrinting is how long a browser may take to print. Some seconds are usual.
const mostPrinting = 5 * time.Minute

// reportPDF returns the page of a run as a PDF, which a browser prints from a folder that only the user can read.
func reportPDF(ctx context.Context, run *report.Run, paper string) (pdf []byte, err error) {
	browser, err := Browser()
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	if err := writePage(&page, run, paper); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "amsql-pdf-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	from, to := filepath.Join(folder, "page.html"), filepath.Join(folder, "page.pdf")
	if err := os.WriteFile(from, page.Bytes(), 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, mostPrinting)
	defer cancel()
	args := []string{
		"--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir=" + filepath.Join(folder, "profile"), "--no-pdf-header-footer", "--print-to-pdf=" + to,
	}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // otherwise a browser does not start as root; the page is our own and loads nothing
	}
	cmd := exec.CommandContext(ctx, browser, append(args, "file://"+filepath.ToSlash(from))...)
	cmd.WaitDelay = 10 * time.Second
	output, failed := cmd.CombinedOutput()
	pdf, err = os.ReadFile(to)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if failed != nil || err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) || !isTitled(pdf, stamp(run.Started)) {
		return nil, fmt.Errorf("%s printed no PDF of %s (%s): make sure that it can read that file, or set TMPDIR to another folder", browser, from, lastLine(output, failed))
	}
	return pdf, nil
}

// isTitled reports whether the title of a PDF contains a text in ASCII. The title is that of the page, unless the
// browser could not read the page and printed its own message.
func isTitled(pdf []byte, text string) bool {
	var wide []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(unit>>8), byte(unit))
	}
	return bytes.Contains(pdf, []byte(text)) || bytes.Contains(bytes.ToUpper(pdf), []byte(strings.ToUpper(hex.EncodeToString(wide))))
}

// lastLine returns the last line of a program's output, or else why it failed.
func lastLine(output []byte, failed error) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return fmt.Sprint(failed)
}
