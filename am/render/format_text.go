package render

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	prettytext "github.com/jedib0t/go-pretty/v6/text"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// null is what people see for NULL.
const null = "<null>"

// widest is the maximum width of a table's cell in characters; longer texts are wrapped.
const widest = 1024

type tableFormat struct {
	Options
	columns []engine.ResultColumn
	rows    [][]string
	filled  []bool // which columns have a value in any row
}

func newTableFormat(options Options) Format { return &tableFormat{Options: options} }

func (f *tableFormat) Begin(_ *bytes.Buffer, columns []engine.ResultColumn) {
	f.columns, f.filled = columns, make([]bool, len(columns))
}

// Row replaces control characters even in a file, because they would break the frame.
func (f *tableFormat) Row(_ *bytes.Buffer, values []any) error {
	row := texts(values, null)
	for i, t := range row {
		row[i] = terminal.Visible(t)
		f.filled[i] = f.filled[i] || values[i] != nil
	}
	f.rows = append(f.rows, row)
	return nil
}

// hideNull removes columns without values, if the options say so.
func (f *tableFormat) hideNull() {
	if !f.HideNull || len(f.rows) == 0 {
		return
	}
	f.columns = keep(f.columns, f.filled)
	for i, row := range f.rows {
		f.rows[i] = keep(row, f.filled)
	}
}

// keep returns the cells whose columns are kept.
func keep[T any](cells []T, kept []bool) (all []T) {
	for i, cell := range cells {
		if kept[i] {
			all = append(all, cell)
		}
	}
	return all
}

func (f *tableFormat) End(out *bytes.Buffer) {
	f.hideNull()
	names := columnNames(f.columns)
	for i, name := range names {
		names[i] = terminal.Visible(name)
	}
	width, ok := fit(f.Width, f.widths(names))
	if !ok {
		f.asLines(out)
		return
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleDefault)
	t.Style().Format.Header = prettytext.FormatDefault
	var configs []table.ColumnConfig
	for i := range f.columns {
		config := table.ColumnConfig{Number: i + 1, WidthMax: width}
		if width < widest {
			config.WidthMaxEnforcer = prettytext.WrapSoft // between words if possible
		}
		configs = append(configs, config)
	}
	t.SetColumnConfigs(configs)
	if f.Header {
		t.AppendHeader(tableRow(names))
	}
	for _, row := range f.rows {
		t.AppendRow(tableRow(row))
	}
	if rendered := t.Render(); rendered != "" {
		out.WriteString(rendered + "\n")
	}
}

// widths returns the widths that the columns need.
func (f *tableFormat) widths(names []string) []int {
	widths := make([]int, len(names))
	for i, name := range names {
		if f.Header {
			widths[i] = prettytext.LongestLineLen(name)
		}
		for _, row := range f.rows {
			widths[i] = max(widths[i], prettytext.LongestLineLen(row[i]))
		}
	}
	return widths
}

// narrowest is the width in characters below which a wrapped column is hard to read.
const narrowest = 12

// fit returns the width at which to wrap cells so that the table is no wider than the screen; a screen of 0 means no
// limit. ok is false if columns would become too narrow.
func fit(screen int, widths []int) (width int, ok bool) {
	if screen == 0 {
		return widest, true
	}
	const frame = len(" | ")
	room := screen - frame*len(widths) - 1
	for width = widest; width >= narrowest; width-- {
		used := 0
		for _, w := range widths {
			used += min(w, width)
		}
		if used <= room {
			return width, true
		}
	}
	return 0, false
}

func (f *tableFormat) asLines(out *bytes.Buffer) {
	var lines lineFormat
	lines.Begin(out, f.columns)
	for _, row := range f.rows {
		lines.texts(out, row)
	}
}

func tableRow(texts []string) table.Row {
	row := make(table.Row, len(texts))
	for i, t := range texts {
		row[i] = t
	}
	return row
}

// lineFormat writes one line per cell.
type lineFormat struct {
	names []string
	width int
	rows  int
}

func newLineFormat(Options) Format { return new(lineFormat) }

func (f *lineFormat) Begin(_ *bytes.Buffer, columns []engine.ResultColumn) {
	f.names, f.width, f.rows = columnNames(columns), 0, 0
	for i, name := range f.names {
		f.names[i] = terminal.Visible(name)
		f.width = max(f.width, utf8.RuneCountInString(f.names[i]))
	}
}

func (f *lineFormat) Row(out *bytes.Buffer, values []any) error {
	f.texts(out, texts(values, null))
	return nil
}

func (f *lineFormat) texts(out *bytes.Buffer, row []string) {
	f.rows++
	fmt.Fprintf(out, "-[ RECORD %-2d ]%s\n", f.rows, strings.Repeat("-", 75))
	var cells [][]string
	longest := 0
	for _, t := range row {
		lines := strings.Split(terminal.Visible(t), "\n")
		cells = append(cells, lines)
		for _, l := range lines {
			longest = max(longest, utf8.RuneCountInString(l))
		}
	}
	for i, lines := range cells {
		f.cell(out, f.names[i], lines, longest)
	}
}

// cell writes the lines of a cell, with a plus sign after each line that continues.
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

func (f *lineFormat) End(*bytes.Buffer) {}

type csvFormat struct{ Options }

func newCSVFormat(options Options) Format { return csvFormat{options} }

func (f csvFormat) Begin(out *bytes.Buffer, columns []engine.ResultColumn) {
	if f.Header {
		f.write(out, columnNames(columns))
	}
}

func (f csvFormat) Row(out *bytes.Buffer, values []any) error {
	record := texts(values, "")
	for i, value := range values {
		if text, ok := value.(string); ok {
			record[i] = inert(text)
		}
	}
	f.write(out, record)
	return nil
}

// inert puts an apostrophe before a text that a spreadsheet would treat as a formula. User names and properties may be
// such texts.
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
	w.Comma = f.Separator
	if err := w.Write(record); err != nil {
		panic(err) // the separator has been checked
	}
	w.Flush()
}

func (f csvFormat) End(*bytes.Buffer) {}

// markdownFormat writes a table in GitHub's Markdown.
type markdownFormat struct{ Options }

func newMarkdownFormat(options Options) Format { return markdownFormat{options} }

func (f markdownFormat) Begin(out *bytes.Buffer, columns []engine.ResultColumn) {
	if !f.Header {
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

func (f markdownFormat) Row(out *bytes.Buffer, values []any) error {
	f.write(out, literals(texts(values, "")))
	return nil
}

func (f markdownFormat) write(out *bytes.Buffer, cells []string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

func (f markdownFormat) End(*bytes.Buffer) {}

// literal escapes characters that have a meaning in Markdown or HTML.
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
