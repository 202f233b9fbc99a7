package cli

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/jedib0t/go-pretty/v6/table"
	prettytext "github.com/jedib0t/go-pretty/v6/text"
)

// null stands for NULL where people read.
const null = "<null>"

// widest is the width in characters at which a cell of a table goes on in the next line.
const widest = 1024

type tableFormat struct {
	formatOptions
	table table.Writer
}

func newTableFormat(options formatOptions) format { return &tableFormat{formatOptions: options} }

func (f *tableFormat) begin(_ *bytes.Buffer, columns []engine.ResultColumn) {
	f.table = table.NewWriter()
	f.table.SetStyle(table.StyleDefault)
	f.table.Style().Format.Header = prettytext.FormatDefault
	var configs []table.ColumnConfig
	for i := range columns {
		configs = append(configs, table.ColumnConfig{Number: i + 1, WidthMax: widest})
	}
	f.table.SetColumnConfigs(configs)
	if f.header {
		f.table.AppendHeader(tableRow(columnNames(columns)))
	}
}

func (f *tableFormat) row(_ *bytes.Buffer, values []any) error {
	f.table.AppendRow(tableRow(texts(values, null)))
	return nil
}

func (f *tableFormat) end(out *bytes.Buffer) {
	if rendered := f.table.Render(); rendered != "" {
		out.WriteString(rendered + "\n")
	}
}

// tableRow writes control characters out even for a file: they would break the frame.
func tableRow(texts []string) table.Row {
	row := make(table.Row, len(texts))
	for i, t := range texts {
		row[i] = visible(t)
	}
	return row
}

// lineFormat is a line a cell.
type lineFormat struct {
	names []string
	width int
	rows  int
}

func newLineFormat(formatOptions) format { return new(lineFormat) }

func (f *lineFormat) begin(_ *bytes.Buffer, columns []engine.ResultColumn) {
	f.names, f.width, f.rows = columnNames(columns), 0, 0
	for i, name := range f.names {
		f.names[i] = visible(name)
		f.width = max(f.width, utf8.RuneCountInString(f.names[i]))
	}
}

func (f *lineFormat) row(out *bytes.Buffer, values []any) error {
	f.rows++
	fmt.Fprintf(out, "-[ RECORD %-2d ]%s\n", f.rows, strings.Repeat("-", 75))
	var cells [][]string
	longest := 0
	for _, t := range texts(values, null) {
		lines := strings.Split(visible(t), "\n")
		cells = append(cells, lines)
		for _, l := range lines {
			longest = max(longest, utf8.RuneCountInString(l))
		}
	}
	for i, lines := range cells {
		f.cell(out, f.names[i], lines, longest)
	}
	return nil
}

// cell writes the lines of a cell, a plus sign after each that goes on.
func (f *lineFormat) cell(out *bytes.Buffer, name string, lines []string, longest int) {
	if len(lines) == 1 {
		fmt.Fprintf(out, "%-*s | %s\n", f.width, name, lines[0])
		return
	}
	for i, l := range lines {
		plus := " +"
		if i == len(lines)-1 {
			plus = ""
		}
		fmt.Fprintf(out, "%-*s | %-*s%s\n", f.width, name, longest, l, plus)
		name = ""
	}
}

func (f *lineFormat) end(*bytes.Buffer) {}

type csvFormat struct{ formatOptions }

func newCSVFormat(options formatOptions) format { return csvFormat{options} }

func (f csvFormat) begin(out *bytes.Buffer, columns []engine.ResultColumn) {
	if f.header {
		f.write(out, columnNames(columns))
	}
}

func (f csvFormat) row(out *bytes.Buffer, values []any) error {
	record := texts(values, "")
	for i, value := range values {
		if text, ok := value.(string); ok {
			record[i] = inert(text)
		}
	}
	f.write(out, record)
	return nil
}

// inert puts an apostrophe before a text that a spreadsheet would take for a formula, as user names and properties may be.
func inert(text string) string {
	if text == "" || !strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return text
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return text
	}
	return "'" + text
}

func (f csvFormat) write(out *bytes.Buffer, record []string) {
	w := csv.NewWriter(out)
	w.Comma = f.separator
	if err := w.Write(record); err != nil {
		panic(err) // the separator was checked with the flags
	}
	w.Flush()
}

func (f csvFormat) end(*bytes.Buffer) {}

// markdownFormat is a table of GitHub's Markdown.
type markdownFormat struct{ formatOptions }

func newMarkdownFormat(options formatOptions) format { return markdownFormat{options} }

func (f markdownFormat) begin(out *bytes.Buffer, columns []engine.ResultColumn) {
	if !f.header {
		return
	}
	rules := make([]string, len(columns))
	for i, c := range columns {
		rules[i] = "---"
		if isNumber(c) {
			rules[i] = "--:"
		}
	}
	f.write(out, literals(columnNames(columns)))
	f.write(out, rules)
}

func (f markdownFormat) row(out *bytes.Buffer, values []any) error {
	f.write(out, literals(texts(values, "")))
	return nil
}

func (f markdownFormat) write(out *bytes.Buffer, cells []string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

func (f markdownFormat) end(*bytes.Buffer) {}

// literal keeps a cell's text from being taken for Markdown or HTML.
var literal = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "<", `\<`, "&", `\&`, "`", "\\`", "*", `\*`, "[", `\[`,
	"\r\n", "<br>", "\n", "<br>",
)

func literals(cells []string) []string {
	for i, c := range cells {
		cells[i] = literal.Replace(c)
	}
	return cells
}
