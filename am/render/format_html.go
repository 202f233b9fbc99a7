package render

import (
	"bytes"
	"fmt"
	"html"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// htmlFormat is a page with one table. It loads and runs nothing.
type htmlFormat struct {
	Options
	classes []string
}

func newHTMLFormat(options Options) Format { return &htmlFormat{Options: options} }

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

func (f *htmlFormat) Begin(out *bytes.Buffer, columns []engine.ResultColumn) {
	out.WriteString(htmlHead)
	f.classes = make([]string, len(columns))
	if f.Header {
		out.WriteString("<thead>\n<tr>")
	}
	for i, c := range columns {
		if isNumber(c) {
			f.classes[i] = ` class="number"`
		}
		if f.Header {
			fmt.Fprintf(out, "<th>%s</th>", html.EscapeString(terminal.Visible(c.Name)))
		}
	}
	if f.Header {
		out.WriteString("</tr>\n</thead>\n")
	}
	out.WriteString("<tbody>\n")
}

func (f *htmlFormat) Row(out *bytes.Buffer, values []any) error {
	out.WriteString("<tr>")
	for i, t := range texts(values, "") {
		fmt.Fprintf(out, "<td%s>%s</td>", f.classes[i], html.EscapeString(terminal.Visible(t)))
	}
	out.WriteString("</tr>\n")
	return nil
}

func (f *htmlFormat) End(out *bytes.Buffer) { out.WriteString(htmlTail) }
