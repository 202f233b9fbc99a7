package render

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// A Format prints one statement's rows. It is begun when the first row is there, or their end.
type Format interface {
	Begin(out *bytes.Buffer, columns []engine.ResultColumn)
	Row(out *bytes.Buffer, values []any) error
	End(out *bytes.Buffer)
}

// Options say how a format prints rows.
type Options struct {
	Header    bool
	Separator rune
	Width     int    // of the screen in characters, for table; 0: there is none
	Version   string // of amsql, for files that tell who made them
	HideNull  bool   // whether table leaves out columns that are NULL in every row
}

// formats are named, and print, as Steampipe's do; jsonl, markdown and those for files alone are ours.
var formats = []struct {
	name      string // of --output; none: for files alone
	extension string // of --export; none: not for files
	make      func(Options) Format
	joins     func(Options) bool // whether one statement's rows follow the last one's without a line between; nil: never
}{
	{"table", "", newTableFormat, nil},
	{"line", "", newLineFormat, nil},
	{"json", ".json", newJSONFormat, nil},
	{"jsonl", ".jsonl", newJSONLinesFormat, func(Options) bool { return true }},
	{"csv", ".csv", newCSVFormat, func(o Options) bool { return !o.Header }},
	{"markdown", ".md", newMarkdownFormat, nil},
	{"", ".html", newHTMLFormat, nil},
	{"", ".parquet", newParquetFormat, nil},
}

// FormatNames are the names of the formats, as help shows them.
func FormatNames() string {
	var names []string
	for _, f := range formats {
		if f.name != "" {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, "|")
}

// NewFormat makes the format of that name, nil if there is none.
func NewFormat(name string, options Options) Format {
	for _, f := range formats {
		if f.name == name && name != "" {
			return f.make(options)
		}
	}
	return nil
}

// FileExtensions are the ends of names that files of rows may have.
func FileExtensions() string {
	var extensions []string
	for _, f := range formats {
		if f.extension != "" {
			extensions = append(extensions, f.extension)
		}
	}
	return strings.Join(extensions, ", ")
}

// NewFileFormat makes the format of files that are called so, nil if there is none.
func NewFileFormat(path string, options Options) Format {
	extension := strings.ToLower(filepath.Ext(path))
	for _, f := range formats {
		if f.extension == extension && extension != "" {
			return f.make(options)
		}
	}
	return nil
}

// Between is what stands between the rows of one statement and the next.
func Between(name string, options Options) string {
	for _, f := range formats {
		if f.name == name && f.joins != nil && f.joins(options) {
			return ""
		}
	}
	return "\n"
}

// columnNames are the names as the statement has them; some may occur twice.
func columnNames(columns []engine.ResultColumn) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}

// isNumber tells which columns people like to see aligned to the right.
func isNumber(c engine.ResultColumn) bool {
	return slices.Contains([]table.Type{table.Integer, table.Double}, c.Type)
}

// CheckExport tells whether the file's name tells a format.
func CheckExport(path string) error {
	if NewFileFormat(path, Options{}) == nil {
		return fmt.Errorf("%q must end in one of %s", path, FileExtensions())
	}
	return nil
}

// ScreenOptions are those of rows that are shown as they come.
func ScreenOptions(s terminal.Streams) Options {
	width, _ := s.Size()
	return Options{Header: true, Separator: ',', Width: width}
}

// ParseSeparator reads a separator of values: one character that the csv format has no other use for, or a word for the tab.
func ParseSeparator(s string) (separator rune, ok bool) {
	if s == "tab" || s == `\t` {
		return '\t', true
	}
	separator, size := utf8.DecodeRuneInString(s)
	return separator, size > 0 && size == len(s) && !strings.ContainsRune("\"\r\n\uFFFD", separator)
}
