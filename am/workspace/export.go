package workspace

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/render"
)

var (
	errNothingToExport = errors.New("--export: no statement returns rows")
	errTooMuchToExport = errors.New("--export: more than one statement returns rows, but a file can contain those of only one: nothing was written")
)

// export writes the rows of the only statement that returns rows to a file, which is complete or absent. Only its owner
// can read it, because it shows who is logged in.
func (w *Workspace) export(rows *engine.Rows, p Printing, start time.Time) error {
	if len(rows.Columns()) == 0 {
		return cmp.Or(rows.Close(), rows.Err(), errNothingToExport)
	}
	options := p.Format
	options.Version = w.Version
	file, err := render.CreateWholeFile(p.Export)
	if err != nil {
		return cmp.Or(rows.Close(), fmt.Errorf("--export: write %s: %w", p.Export, err))
	}
	defer file.Discard()
	count, err := printRows(rows, render.NewFileFormat(p.Export, options), &render.Output{To: file, Name: p.Export, Beside: w.Progress}, p)
	if p.Timing {
		w.timing(start, count)
	}
	if err == nil && rows.NextResultSet() {
		err = errTooMuchToExport
	}
	if err := cmp.Or(err, rows.Close(), rows.Err()); err != nil {
		return err
	}
	if err := file.Commit(); err != nil {
		return fmt.Errorf("--export: write %s: %w", p.Export, err)
	}
	w.Streams.Notice(fmt.Sprintf("%s written to %s", english.Plural(int(count), "row", ""), p.Export))
	return nil
}
