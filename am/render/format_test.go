package render

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// show prints one row in a format.
func show(name string, columns []engine.ResultColumn, values ...any) string {
	var out bytes.Buffer
	f := NewFormat(name, Options{Header: true, Separator: ','})
	f.Begin(&out, columns)
	if err := f.Row(&out, values); err != nil {
		panic(err)
	}
	f.End(&out)
	return out.String()
}

func TestEveryTypeOfCellInEveryFormat(t *testing.T) {
	half := time.Date(2026, 11, 22, 3, 16, 30, 5e8, time.FixedZone("", 3600))
	for _, c := range []struct {
		kind       table.Type
		value      any
		text, json string
	}{
		{table.Text, "plain", "plain", `"plain"`},
		{table.Text, "<a&b>", "<a&b>", `"<a&b>"`},
		{table.Text, nil, "", `null`},
		{table.Text, []byte{0, 0xFF}, `\x00ff`, `"\\x00ff"`},
		{table.Integer, int64(math.MaxInt64), "9223372036854775807", `9223372036854775807`},
		{table.Double, 2.0, "2", `2`},
		{table.Double, 0.1, "0.1", `0.1`},
		{table.Double, math.Inf(-1), "-Infinity", `"-Infinity"`},
		{table.Boolean, true, "true", `true`},
		{table.Timestamp, half, "2026-11-22T03:16:30.5+01:00", `"2026-11-22T03:16:30.5+01:00"`},
		{table.Timestamp, half.Add(5e8), "2026-11-22T03:16:31+01:00", `"2026-11-22T03:16:31+01:00"`},
		{table.JSON, json.RawMessage(`{"b": 1.50, "a": ["<x>", null]}`), `{"a":["<x>",null],"b":1.50}`, `{"a":["<x>",null],"b":1.50}`},
	} {
		columns := []engine.ResultColumn{{Name: "c", Type: c.kind}, {Name: "d", Type: table.Integer}}
		csv := strings.ReplaceAll(c.text, `"`, `""`)
		if csv != c.text || strings.Contains(csv, ",") {
			csv = `"` + csv + `"`
		}
		if got, want := show("csv", columns, c.value, int64(1)), "c,d\n"+csv+",1\n"; got != want {
			t.Errorf("csv of %v: %s", c.value, cmp.Diff(want, got))
		}
		if got, want := show("jsonl", columns, c.value, int64(1)), `{"c":`+c.json+`,"d":1}`+"\n"; got != want {
			t.Errorf("jsonl of %v: %s", c.value, cmp.Diff(want, got))
		}
		var answer struct {
			Columns []jsonColumn
			Rows    []map[string]json.RawMessage
		}
		if err := json.Unmarshal([]byte(show("json", columns, c.value, int64(1))), &answer); err != nil {
			t.Fatalf("json of %v: %v", c.value, err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, answer.Rows[0]["c"]); err != nil || compact.String() != c.json {
			t.Errorf("json of %v: %s, want %s (%v)", c.value, &compact, c.json, err)
		}
		if got, want := answer.Columns[0].DataType, c.kind.String(); got != want {
			t.Errorf("json calls %v %q, want %q", c.value, got, want)
		}
	}
}

func TestJSONIndentsByOneAsSteampipeDoes(t *testing.T) {
	got := show("json", []engine.ResultColumn{{Name: "z", Type: table.JSON}, {Name: "a", Type: table.Text}},
		json.RawMessage(`{"Id":0,"Statement":{"Effect":"Allow"},"none":[]}`), "x")
	want := `{
 "columns": [
  {
   "name": "z",
   "data_type": "jsonb"
  },
  {
   "name": "a",
   "data_type": "text"
  }
 ],
 "rows": [
  {
   "a": "x",
   "z": {
    "Id": 0,
    "Statement": {
     "Effect": "Allow"
    },
    "none": []
   }
  }
 ]
}
`
	if got != want {
		t.Error(cmp.Diff(want, got))
	}
}

func TestWideCharactersKeepTheFrame(t *testing.T) {
	got := show("table", []engine.ResultColumn{{Name: "名前"}, {Name: "e"}}, "日本", "é")
	want := `+------+---+
| 名前 | e |
+------+---+
| 日本 | é |
+------+---+
`
	if got != want {
		t.Error(cmp.Diff(want, got))
	}
}

func TestCharactersThatDriveATerminalAreWrittenOut(t *testing.T) {
	for text, want := range map[string]string{
		"plain é 日本 👩‍💻\ttab\nline": "plain é 日本 👩‍💻\ttab\nline",
		"\x1b[2J\x07":               `\u001b[2J\u0007`,
		"a\rb":                      `a\u000db`,
		"\u009b31m \x7f":            `\u009b31m \u007f`,
		"\x9b31m":                   `\x9b31m`,
		"user\u202Enimda":           `user\u202enimda`,
		"\uFEFFa\u2028b":            `\ufeffa\u2028b`,
		"\U000E0041":                `\U000e0041`,
		"real \uFFFD":               "real \uFFFD",
	} {
		if got := terminal.Visible(text); got != want {
			t.Errorf("visible(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestMarkdownIsNoMarkup(t *testing.T) {
	got := show("markdown", []engine.ResultColumn{{Name: "a|b"}}, "<b>*x*</b> [l](u) `c` \\ &amp;\r\nd")
	want := "| a\\|b |\n| --- |\n| \\<b>\\*x\\*\\</b> \\[l](u) \\`c\\` \\\\ \\&amp;<br>d |\n"
	if got != want {
		t.Error(cmp.Diff(want, got))
	}
}

func TestATableFitsTheScreenOrBecomesLines(t *testing.T) {
	columns := []engine.ResultColumn{{Name: "username"}, {Name: "session_handle"}}
	row := []any{"ajensen", strings.Repeat("0123456789", 4)}
	for _, test := range []struct {
		screen int
		want   string
	}{
		{0, "| ajensen  | 0123456789012345678901234567890123456789 |\n"},
		{55, "| ajensen  | 0123456789012345678901234567890123456789 |\n"},
		{54, "| ajensen  | 012345678901234567890123456789012345678 |\n|          | 9                                       |\n"},
		{27, "| ajensen  | 012345678901 |\n|          | 234567890123 |\n"},
		{26, "username       | ajensen\nsession_handle | 0123456789012345678901234567890123456789\n"},
	} {
		var out bytes.Buffer
		f := newTableFormat(Options{Header: true, Width: test.screen})
		f.Begin(&out, columns)
		if err := f.Row(&out, row); err != nil {
			t.Fatal(err)
		}
		f.End(&out)
		if !strings.Contains(out.String(), test.want) {
			t.Errorf("on a screen of %d: want %q in\n%s", test.screen, test.want, &out)
		}
	}
}
