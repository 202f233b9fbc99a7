//go:build unix

package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

var consoleBlock = regexp.MustCompile("(?s)```console\n.*?```\n")

// checkedAgain matches a time on this machine's clock.
var checkedAgain = regexp.MustCompile(`checked again at [0-9TZ:-]+`)

// TestTheDocumentationIsTrue runs the commands of each console block, which are the lines that begin with $, and
// compares their output with the block.
func TestTheDocumentationIsTrue(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	startS3(t)
	for _, path := range []string{"../../docs/cli.md", "../../docs/sessions.md", "../../docs/history.md"} {
		connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1, Clock: func() time.Time { return noon }})
		blocks := 0
		rewrite(t, path, func(document []byte) []byte {
			return consoleBlock.ReplaceAllFunc(document, func(block []byte) []byte {
				blocks++
				return rerun(t, block)
			})
		})
		if blocks == 0 {
			t.Errorf("%s has no console block", path)
		}
	}
}

// startS3 starts a server with buckets and sets the environment for it.
func startS3(t *testing.T) {
	t.Helper()
	listening := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithAutoBucket(true)).Server())
	t.Cleanup(listening.Close)
	t.Setenv("AWS_ENDPOINT_URL_S3", listening.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "amsql")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "a secret")
	t.Setenv("AWS_REGION", "eu-central-1")
}

// rewrite compares a file with what it should contain. With UPDATE set, it changes the file instead.
func rewrite(t *testing.T, path string, should func([]byte) []byte) {
	t.Helper()
	document, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	ran := should(document)
	if bytes.Equal(ran, document) {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("%s is not true:\n%s", path, cmp.Diff(string(document), string(ran)))
	}
	if err := os.WriteFile(path, ran, 0o600); err != nil {
		t.Fatal(err)
	}
}

// rerun returns a block with the output of its commands.
func rerun(t *testing.T, block []byte) []byte {
	var b bytes.Buffer
	b.WriteString("```console\n")
	for line := range strings.Lines(string(block)) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		output, err := process(t, "sh", "-c", command).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v", command, err)
		}
		b.WriteString(line)
		output = bytes.ReplaceAll(output, []byte(os.Getenv("AM_URL")), []byte("https://am.example.com/openam")) // as long as the real address
		b.Write(checkedAgain.ReplaceAll(output, []byte("checked again at 2026-11-22T12:00:00Z")))
	}
	b.WriteString("```\n")
	return b.Bytes()
}
