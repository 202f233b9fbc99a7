package engine_test

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

func inUTF16(text string, order binary.AppendByteOrder) string {
	var encoded []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		encoded = order.AppendUint16(encoded, unit)
	}
	return string(encoded)
}

func TestSeparatedValuesAreReadInWhateverFormTheyHave(t *testing.T) {
	const want = `[[jörg a 日本] [o'brien b "x"]]`
	const text = "username,note,extra\njörg,a,日本\no'brien,b,\"\"\"x\"\"\"\n"
	for name, values := range map[string]string{
		"UTF-8":                text,
		"a mark":               "\ufeff" + text,
		"UTF-16, little end":   inUTF16(text, binary.LittleEndian),
		"UTF-16, big end":      inUTF16(text, binary.BigEndian),
		"CRLF":                 strings.ReplaceAll(text, "\n", "\r\n"),
		"CR":                   strings.ReplaceAll(text, "\n", "\r"),
		"CR, then LF":          strings.Replace(text, "\n", "\r", 1),
		"no end":               strings.TrimSuffix(text, "\n"),
		"CR and no end":        strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\r"),
		"semicolons":           strings.ReplaceAll(text, ",", ";"),
		"tabs":                 strings.ReplaceAll(text, ",", "\t"),
		"UTF-16, tabs, CRLF":   inUTF16(strings.NewReplacer(",", "\t", "\n", "\r\n").Replace(text), binary.LittleEndian),
		"empty lines":          "\n\n" + strings.ReplaceAll(text, "\n", "\n\n"),
		"quotes in the header": strings.Replace(text, "note", "\"a;b;c;d\"", 1),
	} {
		db := open(t)
		if err := db.LoadCSV("list", strings.NewReader(values), 0); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := fmt.Sprint(all(t, db, `select * from list`)); got != want {
			t.Errorf("%s: %s, not %s", name, got, want)
		}
	}
}

func TestValuesKeepWhatStandsInQuotes(t *testing.T) {
	db := open(t)
	if err := db.LoadCSV("list", strings.NewReader("a|,b\r1|\"x\r\ny\rz\"\r"), '|'); err != nil {
		t.Fatal(err)
	}
	// encoding/csv converts CRLF to LF even in a value.
	if got, want := fmt.Sprintf("%q", all(t, db, `select * from list`)), `[["1" "x\ny\rz"]]`; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

func TestColumnsWithoutANameHaveANumber(t *testing.T) {
	db := open(t)
	if err := db.LoadCSV("list", strings.NewReader(",a, \n1,2,3\n"), 0); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(all(t, db, `select column3, a, column1 from list`)); got != "[[3 2 1]]" {
		t.Error(got)
	}
}

func TestWhatIsNoTextIsAnErrorWithItsLine(t *testing.T) {
	for values, want := range map[string]string{
		"a\n1\nJ\xf6rg\n":  "line 3 is not valid UTF-8: save it as UTF-8 (it may be Latin-1 or Windows-1252)",
		"a\r1\rJ\xf6rg\r":  "line 3 is not valid UTF-8: save it as UTF-8 (it may be Latin-1 or Windows-1252)",
		"\ufeffJ\xf6rg\n":  "line 1 is not valid UTF-8: save it as UTF-8 (it may be Latin-1 or Windows-1252)",
		"a\nx\x00y\n":      "line 2 contains a NUL character: it is not text, or UTF-16 without a byte-order mark",
		"a\x00\n\x001\x00": "line 1 contains a NUL character: it is not text, or UTF-16 without a byte-order mark",
		inUTF16("a\n1\n", binary.BigEndian) + "x":     "line 3 is not valid UTF-16",
		inUTF16("a\n", binary.BigEndian) + "\xd8\x00": "line 2 is not valid UTF-16",
		"PK\x03\x04…":          "it is an Excel workbook (.xlsx) or another zip archive: save it as CSV",
		"SQLite format 3\x00…": "it is an SQLite database: --attach reads it",
		"\ufeff":               "it is empty, but its first row must contain the column names",
		"\r\r":                 "it is empty, but its first row must contain the column names",
		"a,A\n":                `columns 1 and 2 are both called "A"`,
		"column2,\n":           `columns 1 and 2 are both called "column2"`,
	} {
		db := open(t)
		if err := db.LoadCSV("list", strings.NewReader(values), 0); err == nil || err.Error() != want {
			t.Errorf("%q: %v, not %s", values, err, want)
		}
		if db.InTransaction() {
			t.Errorf("%q leaves a transaction open", values)
		}
	}
}

func TestManyLinesAreRead(t *testing.T) {
	db := open(t)
	if err := db.LoadCSV("list", strings.NewReader("a\n"+strings.Repeat("bjensen\n", 500_000)), 0); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(all(t, db, `select count(*) from list`)); got != "[[500000]]" {
		t.Error(got)
	}
}

func TestAnErrorLeavesNoTableOfValues(t *testing.T) {
	db := open(t)
	if err := db.LoadCSV("list", strings.NewReader("a,b\n1,2\n3\n"), 0); err == nil {
		t.Fatal("no error")
	}
	if err := db.LoadCSV("list", strings.NewReader("a\n1\n"), 0); err != nil {
		t.Error(err)
	}
}

func TestSQLWithANULIsAnError(t *testing.T) {
	_, err := open(t).Query(t.Context(), "create temp table a(x);\nselect 1\x00; select 2")
	if err == nil || err.Error() != "the SQL contains a NUL character in line 2" {
		t.Error(err)
	}
}

// Whatever a file contains, it becomes a table with a row for each record, or causes an error that leaves no table.
func FuzzLoadCSV(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a;b\r1;2", "\ufeffa;b\r\n\"x\ny\";2", inUTF16("a\tb\r1\t2\r", binary.LittleEndian), "latest,active\n2026-11-28,t\n,\n", "a,a\n",
		"\"a\nb\",c\n1,\"x\"\"y\"", "a\n\x00", "\"", "a\n\xff", "", "\ufeff", "PK\x03\x04",
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, file []byte, detect bool) {
		db, err := engine.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		separator := ','
		if detect {
			separator = 0
		}
		if err := db.LoadCSV("list", bytes.NewReader(file), separator); err != nil {
			if _, again := tryAll(t.Context(), db, `select * from list`); again == nil || db.InTransaction() {
				t.Errorf("after %v there is a table or a transaction", err)
			}
			return
		}
		rows, err := tryAll(t.Context(), db, `select * from list`)
		if err != nil {
			t.Fatal(err)
		}
		records, ok := plainRecords(string(file))
		if !ok || detect {
			return
		}
		if len(rows) != len(records)-1 {
			t.Fatalf("%d rows of %d", len(rows), len(records)-1)
		}
		for i, row := range rows {
			for j, value := range row {
				if value != records[i+1][j] {
					t.Errorf("row %d: %q, not %q", i, value, records[i+1][j])
				}
			}
		}
	})
}

// plainRecords reads the records of a file in a form that encoding/csv can parse, too.
func plainRecords(file string) (records [][]string, ok bool) {
	if strings.Contains(file, "\r") || strings.HasPrefix(file, "\xff\xfe") || strings.HasPrefix(file, "\xfe\xff") {
		return nil, false
	}
	records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(file, "\ufeff"))).ReadAll()
	return records, err == nil
}

// Spreadsheets keep invisible blanks, but AM compares names without blanks at their ends.
func TestNamesInSeparatedValuesLoseTheBlanksAroundThem(t *testing.T) {
	db := openFolding(t)
	if err := db.LoadCSV("leavers", strings.NewReader("username,note\n Ann ,  kept \n\u00a0BOB\t, \n"), ','); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%q", all(t, db, `select username, note from leavers order by 1`)), `[["Ann" "  kept "] ["BOB" " "]]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
