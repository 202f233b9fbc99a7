//go:build unix

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

var makesPDF = regexp.MustCompile(`(?m)^amsql report run .*--out \S+\.pdf.*$`)

// The pages' commands that make a PDF do so.
func TestTheCommandsForAPDFMakeOne(t *testing.T) {
	needs(t, "chromium")
	_, environment := simulated(t, simulator.Options{Realms: 1, Users: 3, Sessions: 6, Seed: 1})
	am := map[string]string{}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		am[name] = value
	}
	home, tools := t.TempDir(), t.TempDir()
	spc := fmt.Sprintf("connection \"estate\" {\n  plugin = \"am\"\n  base_url = %q\n  username = %q\n  password = %q\n}\n", am["AM_URL"], am["AM_USERNAME"], am["AM_PASSWORD"])
	dir := filepath.Join(home, ".steampipe", "config")
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "am.spc"), []byte(spc), 0o600))
	must(t, os.WriteFile(filepath.Join(tools, "mailx"), []byte("#!/bin/sh\ncp \"$4\" mailed\n"), 0o700))
	t.Setenv("HOME", home)
	t.Setenv("PATH", tools+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, page := range []string{"../../docs/jobs.md", deployment + "schedule.md"} {
		commands := makesPDF.FindAllString(readText(t, page), -1)
		if len(commands) == 0 {
			t.Errorf("%s has no command for a PDF", page)
		}
		for _, command := range commands {
			cmd := process(t, "sh", "-c", command)
			cmd.Dir = t.TempDir()
			out, err := cmd.CombinedOutput()
			pdf, _ := os.ReadFile(filepath.Join(cmd.Dir, "sessions.pdf"))
			if err != nil || !strings.HasPrefix(string(pdf), "%PDF-") {
				t.Errorf("%s: %s: %v, %s, and it begins %.20q", page, command, err, out, pdf)
			}
			if mailed, _ := os.ReadFile(filepath.Join(cmd.Dir, "mailed")); strings.Contains(command, "mailx") && string(mailed) != string(pdf) {
				t.Errorf("%s: %s: mailed %d bytes of %d", page, command, len(mailed), len(pdf))
			}
		}
	}
}
