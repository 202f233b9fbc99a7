package engine

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// LoadCSV creates a table from separated values (RFC 4180). The first row contains the names of the columns; one
// without a name is called column and its number. The table needs no schema; a table of an attached schema with the
// same name then needs one.
//
// The values are texts. If a column has the name of a column of an attached table, its values compare as there: names
// without surrounding spaces, realms with their leading slash, and times and booleans if all values can be read as
// such; empty values are then NULL.
//
// The text is UTF-8, or UTF-16 with a byte-order mark; lines end in LF, CRLF or CR. If separator is 0, it is the comma,
// semicolon or tab that occurs most often in the first row.
func (db *DB) LoadCSV(name string, values io.Reader, separator rune) error {
	raw, err := io.ReadAll(values)
	if err != nil {
		return err
	}
	text, err := decodeCSV(raw)
	if err != nil {
		return err
	}
	if separator == 0 {
		separator = findSeparator(text)
	}
	reader := readCSV(text, separator)
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		err = errors.New("it is empty, but its first row must contain the column names")
	}
	if err != nil {
		return err
	}
	columns, err := db.columnsOf(header)
	if err != nil {
		return err
	}
	unreadable(columns, readCSV(text, separator))
	target := "temp." + sqlite3.QuoteIdentifier(name)
	if err := db.conn.Exec("BEGIN; CREATE TABLE " + target + "(" + strings.Join(declare(columns), ", ") + ")"); err != nil {
		return errors.Join(err, db.rollback())
	}
	if err := db.insert(target, columns, reader); err != nil {
		return errors.Join(err, db.rollback())
	}
	if err := db.conn.Exec("COMMIT"); err != nil {
		return err
	}
	if i := slices.IndexFunc(columns, isRealm); i >= 0 {
		db.derive("temp", name, []typedColumn{{name: columns[i].Name, exprType: exprType{stored: textStorage, realm: true}}})
	}
	return nil
}

// isRealm reports whether a column has the name of AM's columns with realms. A column called path may contain any
// paths.
func isRealm(c table.Column) bool { return c.Folded && strings.EqualFold(c.Name, "realm") }

func readCSV(text []byte, separator rune) *csv.Reader {
	reader := csv.NewReader(bytes.NewReader(text))
	reader.Comma = separator
	return reader
}

func (db *DB) rollback() error {
	if !db.InTransaction() {
		return nil
	}
	return db.conn.Exec("ROLLBACK")
}

// magic is how other kinds of files begin that are mistaken for comma-separated values.
var magic = []struct{ begin, is string }{
	{"PK\x03\x04", "an Excel workbook (.xlsx) or another zip archive: save it as CSV"},
	{"\xd0\xcf\x11\xe0", "an Excel workbook (.xls): save it as CSV"},
	{"PAR1", "a Parquet file"},
	{"SQLite format 3\x00", "an SQLite database: --attach reads it"},
	{"\x1f\x8b", "compressed by gzip: decompress it first"},
}

// decodeCSV returns the text in UTF-8 with lines that end in LF.
func decodeCSV(raw []byte) ([]byte, error) {
	for _, m := range magic {
		if bytes.HasPrefix(raw, []byte(m.begin)) {
			return nil, errors.New("it is " + m.is)
		}
	}
	text, _, err := transform.Bytes(unicode.BOMOverride(encoding.Nop.NewDecoder()), raw)
	if err != nil {
		return nil, err
	}
	isUTF16 := bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff"))
	text = lineFeeds(text)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		fault := ""
		switch {
		case r == 0:
			fault = "contains a NUL character: it is not text, or UTF-16 without a byte-order mark"
		case r == utf8.RuneError && isUTF16:
			fault = "is not valid UTF-16"
		case r == utf8.RuneError && size == 1:
			fault = "is not valid UTF-8: save it as UTF-8 (it may be Latin-1 or Windows-1252)"
		}
		if fault != "" {
			return nil, fmt.Errorf("line %d %s", 1+bytes.Count(text[:i], []byte("\n")), fault)
		}
		i += size
	}
	return text, nil
}

// lineFeeds replaces CRLF and CR by LF at the ends of lines. Quoted text is a value, and stays unchanged.
func lineFeeds(text []byte) []byte {
	var quoted bool
	lines := make([]byte, 0, len(text))
	for i, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\r' && !quoted && i+1 < len(text) && text[i+1] == '\n':
			continue
		case c == '\r' && !quoted:
			c = '\n'
		}
		lines = append(lines, c)
	}
	return lines
}

// findSeparator counts the possible separators outside of quotes in the first row that is not empty.
func findSeparator(text []byte) rune {
	count := map[rune]int{}
	quoted := false
	for _, c := range string(bytes.TrimLeft(text, "\n")) {
		if c == '\n' && !quoted {
			break
		}
		if c == '"' {
			quoted = !quoted
		}
		if !quoted {
			count[c]++
		}
	}
	return slices.MaxFunc([]rune{',', ';', '\t'}, func(a, b rune) int { return count[a] - count[b] })
}

// columnsOf returns the columns for a header.
func (db *DB) columnsOf(header []string) (columns []table.Column, err error) {
	numbers := map[string]int{}
	for i, name := range header {
		if name = strings.TrimSpace(name); name == "" {
			name = fmt.Sprintf("column%d", i+1)
		}
		if other := numbers[strings.ToLower(name)]; other > 0 {
			return nil, fmt.Errorf("columns %d and %d are both called %q", other, i+1, name)
		}
		numbers[strings.ToLower(name)] = i + 1
		c := table.Column{Name: name}
		if known := db.known[strings.ToLower(name)]; kindOf(known.Type) != anyKind || known.Folded {
			c.Type, c.Folded = known.Type, known.Folded
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// unreadable changes the type of columns to text if one of their values cannot be read as their type.
func unreadable(columns []table.Column, reader *csv.Reader) {
	_, _ = reader.Read() // skip the header
	for slices.ContainsFunc(columns, func(c table.Column) bool { return c.Type != table.Text }) {
		row, err := reader.Read()
		if err != nil {
			return // the end, or an error that occurs again when the rows are stored
		}
		for i, value := range row {
			if _, can := readValue(value, columns[i].Type); !can {
				columns[i].Type = table.Text
			}
		}
	}
}

// readValue converts a value to a cell.
func readValue(value string, as table.Type) (cell any, can bool) {
	switch {
	case as == table.Text:
		return value, true
	case value == "":
		return nil, true
	case as == table.Boolean:
		return parseTruth(value)
	}
	return parseTimestamp([]byte(value))
}

func declare(columns []table.Column) (declared []string) {
	for _, c := range columns {
		collation := ""
		if c.Folded {
			collation = " COLLATE " + nameCollation
		}
		declared = append(declared, sqlite3.QuoteIdentifier(c.Name)+" "+declarations[c.Type]+collation)
	}
	return declared
}

func (db *DB) insert(target string, columns []table.Column, reader *csv.Reader) error {
	stmt, _, err := db.conn.Prepare("INSERT INTO " + target + " VALUES (" + strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ") + ")")
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }() // repeats the error of the last step
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i, value := range row {
			if columns[i].Folded {
				value = strings.TrimSpace(value)
			}
			if isRealm(columns[i]) {
				value = realmPath(value)
			}
			cell, _ := readValue(value, columns[i].Type)
			if err := bindValue(stmt, i+1, cell); err != nil {
				return fmt.Errorf("row %v: %w", row, err)
			}
		}
		if err := stmt.Exec(); err != nil {
			return err
		}
	}
}
