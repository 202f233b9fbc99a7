package cli

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A format prints one statement's rows. It is begun when the first row is there, or their end.
type format interface {
	begin(out *bytes.Buffer, columns []engine.ResultColumn)
	row(out *bytes.Buffer, values []any) error
	end(out *bytes.Buffer)
}

type formatOptions struct {
	header    bool
	separator rune
	width     int // of the screen in characters, for table; 0: there is none
}

// formats are named, and print, as Steampipe's do; jsonl, markdown and those for files alone are ours.
var formats = []struct {
	name      string // of --output; none: for files alone
	extension string // of --export; none: not for files
	make      func(formatOptions) format
}{
	{"table", "", newTableFormat},
	{"line", "", newLineFormat},
	{"json", ".json", newJSONFormat},
	{"jsonl", ".jsonl", newJSONLinesFormat},
	{"csv", ".csv", newCSVFormat},
	{"markdown", ".md", newMarkdownFormat},
	{"", ".html", newHTMLFormat},
	{"", ".parquet", newParquetFormat},
}

func formatNames() string {
	var names []string
	for _, f := range formats {
		if f.name != "" {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, "|")
}

// newFormat makes the format of that name, nil if there is none.
func newFormat(name string, options formatOptions) format {
	for _, f := range formats {
		if f.name == name && name != "" {
			return f.make(options)
		}
	}
	return nil
}

func fileExtensions() string {
	var extensions []string
	for _, f := range formats {
		if f.extension != "" {
			extensions = append(extensions, f.extension)
		}
	}
	return strings.Join(extensions, ", ")
}

// newFileFormat makes the format of files that are called so, nil if there is none.
func newFileFormat(path string, options formatOptions) format {
	extension := strings.ToLower(filepath.Ext(path))
	for _, f := range formats {
		if f.extension == extension && extension != "" {
			return f.make(options)
		}
	}
	return nil
}

// between is what stands between the rows of one statement and the next.
func between(name string, options formatOptions) string {
	if name == "jsonl" || name == "csv" && !options.header {
		return ""
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
