package cli

import (
	"bytes"
	"fmt"
	"html"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// htmlFormat is a page with one table, which loads nothing and runs nothing.
type htmlFormat struct {
	formatOptions
	classes []string
}

func newHTMLFormat(options formatOptions) format { return &htmlFormat{formatOptions: options} }

const (
	htmlHead = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>amsql</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em }
table { border-collapse: collapse }
th, td { border-bottom: 1px solid #ccc; padding: .3em .8em; text-align: left; vertical-align: top; white-space: pre-wrap }
th { position: sticky; top: 0; background: #fff }
td.number { text-align: right; font-variant-numeric: tabular-nums }
@media print { th { position: static } }
</style>
</head>
<body>
<table>
`
	htmlTail = "</tbody>\n</table>\n</body>\n</html>\n"
)

func (f *htmlFormat) begin(out *bytes.Buffer, columns []engine.ResultColumn) {
	out.WriteString(htmlHead)
	f.classes = make([]string, len(columns))
	if f.header {
		out.WriteString("<thead>\n<tr>")
	}
	for i, c := range columns {
		if isNumber(c) {
			f.classes[i] = ` class="number"`
		}
		if f.header {
			fmt.Fprintf(out, "<th>%s</th>", html.EscapeString(visible(c.Name)))
		}
	}
	if f.header {
		out.WriteString("</tr>\n</thead>\n")
	}
	out.WriteString("<tbody>\n")
}

func (f *htmlFormat) row(out *bytes.Buffer, values []any) error {
	out.WriteString("<tr>")
	for i, t := range texts(values, "") {
		fmt.Fprintf(out, "<td%s>%s</td>", f.classes[i], html.EscapeString(visible(t)))
	}
	out.WriteString("</tr>\n")
	return nil
}

func (f *htmlFormat) end(out *bytes.Buffer) { out.WriteString(htmlTail) }
