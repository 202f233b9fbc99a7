package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPagesShowFlagsAsHelpDoes(t *testing.T) {
	folder := t.TempDir()
	if err := write(folder); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(folder, "*.1"))
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	all := map[string]string{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(page)] = string(text)
		for _, broken := range []string{"[=", "=[", `=""`, "**", "`", "\\fP=\n"} {
			if strings.Contains(string(text), broken) {
				t.Errorf("%s has %q", filepath.Base(page), broken)
			}
		}
	}
	for page, want := range map[string][]string{
		"amsql.1": {
			".TP\n\\fB-v\\fP, \\fB--version\\fP\nversion for amsql\n",
		},
		"amsql-logout.1": {
			".TP\n\\fB--yes\\fP\nend sessions without asking; required without a terminal\n",
			".TP\n\\fB--handle\\fP=\\fIhandle\\fP\nend the session of this handle; repeatable\n",
			".TP\n\\fB--max\\fP=\\fInumber\\fP\nrefuse to end more sessions than this number (default 100)\n",
		},
		"amsql-query.1": {
			".TP\n\\fB--header\\fP\nprint the column names (table, csv, markdown) (default true)\n",
			".TP\n\\fB-o\\fP, \\fB--output\\fP=\\fIformat\\fP\nprint the rows in this format: table|line|json|jsonl|csv|markdown (default table)\n",
		},
	} {
		for _, text := range want {
			if !strings.Contains(all[page], text) {
				t.Errorf("%s lacks %q:\n%s", page, text, all[page])
			}
		}
	}
}
