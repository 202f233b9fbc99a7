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

// A Format prints the rows of one statement. It begins when the first row has been read, or when there are none.
type Format interface {
	Begin(out *bytes.Buffer, columns []engine.ResultColumn)
	Row(out *bytes.Buffer, values []any) error
	End(out *bytes.Buffer)
}

// Options describe how a format prints rows.
type Options struct {
	Header    bool
	Separator rune
	Width     int    // width of the screen in characters, for tables; 0 if there is none
	Version   string // the version of amsql, for files that name their creator
	HideNull  bool   // whether the table format omits columns that are NULL in every row
}

// formats have the names and the output of Steampipe's formats. jsonl, markdown, and those that are only for files are
// our own.
var formats = append([]namedFormat{
	{"table", "", newTableFormat, nil},
	{"line", "", newLineFormat, nil},
	{"json", ".json", newJSONFormat, nil},
	{"jsonl", ".jsonl", newJSONLinesFormat, func(Options) bool { return true }},
	{"csv", ".csv", newCSVFormat, func(o Options) bool { return !o.Header }},
	{"markdown", ".md", newMarkdownFormat, nil},
	{"", ".html", newHTMLFormat, nil},
}, parquetFormats...)

type namedFormat struct {
	name      string // value of --output; "" if the format is only for files
	extension string // extension of files for --export; "" if the format is not for files
	make      func(Options) Format
	joins     func(Options) bool // whether the output of two statements needs no empty line between; nil means that it needs one
}

// FormatNames returns the names of the formats, as help shows them.
func FormatNames() string {
	var names []string
	for _, f := range formats {
		if f.name != "" {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, "|")
}

// NewFormat returns the format of that name, or nil if there is none.
func NewFormat(name string, options Options) Format {
	for _, f := range formats {
		if f.name == name && name != "" {
			return f.make(options)
		}
	}
	return nil
}

// FileExtensions returns the endings that files of rows may have.
func FileExtensions() string {
	var extensions []string
	for _, f := range formats {
		if f.extension != "" {
			extensions = append(extensions, f.extension)
		}
	}
	return strings.Join(extensions, ", ")
}

// NewFileFormat returns the format for a file with this name, or nil if there is none.
func NewFileFormat(path string, options Options) Format {
	extension := strings.ToLower(filepath.Ext(path))
	for _, f := range formats {
		if f.extension == extension && extension != "" {
			return f.make(options)
		}
	}
	return nil
}

// Between returns what separates the rows of one statement from those of the next.
func Between(name string, options Options) string {
	for _, f := range formats {
		if f.name == name && f.joins != nil && f.joins(options) {
			return ""
		}
	}
	return "\n"
}

// columnNames returns the names of a statement's columns. A name may occur twice.
func columnNames(columns []engine.ResultColumn) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}

// isNumber reports whether to align a column to the right.
func isNumber(c engine.ResultColumn) bool {
	return slices.Contains([]table.Type{table.Integer, table.Double}, c.Type)
}

// CheckExport returns an error if the name of the file does not determine a format.
func CheckExport(path string) error {
	if NewFileFormat(path, Options{}) == nil {
		return fmt.Errorf("%q must end in one of %s", path, FileExtensions())
	}
	return nil
}

// ScreenOptions returns the options for rows that are shown as they come.
func ScreenOptions(s terminal.Streams) Options {
	width, _ := s.Size()
	return Options{Header: true, Separator: ',', Width: width}
}

// ParseSeparator parses the separator of the csv format: tab, \t, or one character that CSV does not use otherwise.
func ParseSeparator(s string) (separator rune, ok bool) {
	if s == "tab" || s == `\t` {
		return '\t', true
	}
	separator, size := utf8.DecodeRuneInString(s)
	return separator, size > 0 && size == len(s) && !strings.ContainsRune("\"\r\n\uFFFD", separator)
}
