package workspace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// Abandon reports that a transaction was not committed.
func (w *Workspace) Abandon() {
	if w.DB.InTransaction() {
		w.Notices.Add("the transaction was not committed: nothing was sent")
	}
}

// Printing contains SQL and how to print its rows.
type Printing struct {
	SQL       string
	Args      []engine.Arg
	Output    string // the format on standard output
	Export    string // the file, instead of standard output
	Format    render.Options
	LocalTime bool
	Timing    bool
	Empty     func() error // called for a statement that returns no rows, which prints nothing if Empty fails; may be nil
}

// Print runs the statements and prints the rows of each.
func (w *Workspace) Print(ctx context.Context, p Printing) error {
	start := time.Now()
	w.Notices.Forget()
	w.absent.forget()
	if err := w.AttachNamed(p.SQL); err != nil {
		return err
	}
	rows, err := w.DB.Query(ctx, p.SQL, p.Args...)
	if err != nil {
		return w.Explain(err)
	}
	if p.Export != "" {
		return w.Explain(w.export(rows, p, start)) //nolint:contextcheck // the rows have theirs
	}
	return w.Explain(w.printAll(rows, p, start)) //nolint:contextcheck // as above
}

func (w *Workspace) printAll(rows *engine.Rows, p Printing, start time.Time) (err error) {
	p.Format.Width, _ = w.Streams.Size()
	out := render.NewOutput(w.Streams, w.Progress)
	for more := len(rows.Columns()) > 0; more && err == nil; {
		var count int64
		count, err = printRows(rows, render.NewFormat(p.Output, p.Format), out, p)
		if w.Shown != nil {
			w.Shown()
		}
		switch {
		case p.Timing:
			w.timing(start, count)
		case err == nil && w.Streams.OutIsTerminal && w.Streams.ErrIsTerminal && slices.Contains(counted, p.Output):
			fmt.Fprintf(w.Streams.Err, "(%s)\n", rowCount(count))
		}
		start = time.Now()
		w.absent.forget()
		if more = err == nil && rows.NextResultSet(); more {
			out.WriteString(render.Between(p.Output, p.Format))
		}
	}
	return cmp.Or(err, rows.Close(), rows.Err())
}

// counted are the formats for people. On a terminal, the number of rows follows them.
var counted = []string{"table", "line"}

func rowCount(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return humanize.Comma(n) + " rows"
}

// printRows prints the rows of one statement.
func printRows(rows *engine.Rows, f render.Format, out *render.Output, p Printing) (count int64, err error) {
	for rows.Next() {
		if count == 0 {
			f.Begin(&out.Buffer, rows.Columns())
		}
		count++
		values := rows.Values()
		if p.LocalTime {
			localise(values)
		}
		if err := f.Row(&out.Buffer, values); err != nil {
			return count, errors.Join(err, out.Abandon())
		}
		if err := out.RowDone(); err != nil {
			return count, err
		}
	}
	if err := rows.Err(); err != nil {
		return count, errors.Join(err, out.Abandon())
	}
	if count == 0 {
		if p.Empty != nil {
			if err := p.Empty(); err != nil {
				return 0, errors.Join(err, out.Abandon())
			}
		}
		f.Begin(&out.Buffer, rows.Columns())
	}
	f.End(&out.Buffer)
	return count, out.Finish()
}

// localise converts times to this machine's zone.
func localise(values []any) {
	for i, value := range values {
		if t, ok := value.(time.Time); ok {
			values[i] = t.Local()
		}
	}
}

// PrintCells prints cells that do not come from a statement.
func (w *Workspace) PrintCells(columns []table.Column, rows [][]any, output string) error {
	return render.PrintCells(render.NewOutput(w.Streams, w.Progress), columns, rows, output, render.ScreenOptions(w.Streams))
}
