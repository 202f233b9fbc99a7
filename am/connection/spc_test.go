package connection

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeSPC(t testing.TB, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "am.spc")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Text in a string that HCL takes for a template is the most likely to be quoted in an error.
func TestErrorsOfAFileHoldNoPartOfAString(t *testing.T) {
	for value, want := range map[string]string{
		`50%{hunter2}`:    "am.spc:3: Invalid template control keyword. In a string, write %%{ for %{.",
		`50%{ if hunter2`: "am.spc:3: ",
		`50${hunter2}`:    "am.spc:3: Variables not allowed. Quote values; in a string, write $${ for ${.",
		`${hunter2("a")}`: "am.spc:3: Function calls not allowed.",
		`a\hunter2`:       "am.spc:3: Invalid escape sequence.",
		"a\nhunter2":      "am.spc:3: Invalid multi-line string.",
		`a" "hunter2`:     "am.spc:3: Missing newline after argument.",
		`a" hunter2 = "b`: "am.spc:3: Missing newline after argument.",
	} {
		_, err := ReadConfig(writeSPC(t, "connection \"am\" {\n  plugin   = \"am\"\n  password = \""+value+"\"\n}\n"))
		var config *ConfigError
		if !errors.As(err, &config) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %s", value, err, want)
		}
	}
}

// A file is accepted, or refused with an error that names the file and contains no part of a password.
func FuzzReadConfig(f *testing.F) {
	for _, seed := range [][3]string{
		{`plugin "sessions" { source = "amsql/am@latest" }`, "50%{", "}"},
		{"options \"general\" {\n  log_level = \"info\"\n}\nconnection \"c\" {\n  plugin = plugin.am\n  options \"connection\" {\n    cache = true\n  }\n}", "${", "("},
		{aggregator(`["b*", "[b"]`), "\\u00", "\\"}, {"connection \"b\" {\n  plugin = \"am\"\n  password = <<EOF\na\nEOF\n  list_cap = -1\n  realms = [for r in [] : r]\n}", "", ""},
		{"\ufeff# a comment\r\nconnection \"x\" {}", "%{ if true }", "%{ endif }"}, {"/*", "", ""}, {"connection \"b\" { plugin = plugin[\"am\"] }", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	const secret = "hunter2"
	f.Fuzz(func(t *testing.T, text, before, after string) {
		if strings.Contains(text+before+after, secret) || strings.ContainsAny(before+after, "\"\r\n") {
			return
		}
		path := writeSPC(t, text+"\nconnection \"of_the_test\" {\n  plugin   = \"am\"\n  password = \""+before+secret+after+"\"\n}\n")
		configs, err := ReadConfig(path)
		var config *ConfigError
		if err != nil && (!errors.As(err, &config) || !strings.HasPrefix(err.Error(), path+":") || strings.Contains(err.Error(), secret) || configs != nil) {
			t.Errorf("%v, and %v", err, configs)
		}
		if err != nil {
			return
		}
		names := map[string]bool{}
		for _, c := range configs {
			if lower := strings.ToLower(c.Name); names[lower] {
				t.Errorf("there are two connections %q", c.Name)
			} else {
				names[lower] = true
			}
			if c.Members != nil && c.Config.Password != nil {
				t.Errorf("the aggregator %q has a password", c.Name)
			}
		}
	})
}
