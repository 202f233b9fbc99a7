package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

var (
	errNothingToExport = errors.New("--export: no statement returns rows")
	errTooMuchToExport = errors.New("--export: more than one statement returns rows, and a file takes those of one: nothing was written")
)

// checkExport tells whether the file's name tells a format.
func checkExport(path string) error {
	if newFileFormat(path, formatOptions{}) == nil {
		return fmt.Errorf("%q ends in none of %s", path, fileExtensions())
	}
	return nil
}

// export writes the rows of the one statement that has some into a file, which is there whole or not at all. Only its owner
// can read it: it tells who is logged in.
func (w *workspace) export(rows *engine.Rows, p printing, start time.Time) error {
	if len(rows.Columns()) == 0 {
		return firstError(rows.Close(), rows.Err(), errNothingToExport)
	}
	file, err := createWhole(p.export)
	if err != nil {
		return firstError(rows.Close(), fmt.Errorf("--export: write %s: %w", p.export, err))
	}
	defer file.discard()
	count, err := printRows(rows, newFileFormat(p.export, p.options), &output{to: file, name: p.export, beside: w.progress}, p.localTime)
	if p.timing {
		w.timing(start, count)
	}
	if err == nil && rows.NextResultSet() {
		err = errTooMuchToExport
	}
	if err := firstError(err, rows.Close(), rows.Err()); err != nil {
		return err
	}
	if err := file.commit(); err != nil {
		return fmt.Errorf("--export: write %s: %w", p.export, err)
	}
	w.streams.notice(fmt.Sprintf("%s written to %s", english.Plural(int(count), "row", ""), p.export))
	return nil
}
