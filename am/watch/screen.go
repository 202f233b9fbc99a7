package watch

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// A Screen draws looks on a terminal: a summary, and below it the rows, first those that began, changed or ended.
type Screen struct {
	Streams terminal.Streams

	since  time.Time
	totals map[Kind]int
	last   *Look // the last look that did not fail
}

// marks are shown in front of the rows of events.
var marks = map[Kind]string{Login: "+", Seen: "?", Changed: "~", Logout: "-", Expired: "x"}

// Escape sequences for the terminal's alternate screen, which keep what was there before.
const (
	enterScreen = "\x1b[?1049h"
	leaveScreen = "\x1b[?1049l"
	toTheTop    = "\x1b[H"
	clearLine   = "\x1b[K"
	clearRest   = "\x1b[J"
)

// Open switches to the alternate screen.
func (s *Screen) Open() { _, _ = io.WriteString(s.Streams.Out, enterScreen) }

// Close switches back.
func (s *Screen) Close() { _, _ = io.WriteString(s.Streams.Out, leaveScreen) }

// Show draws a look. If it failed, the rows of the last one stay.
func (s *Screen) Show(look *Look) error {
	if s.totals == nil {
		s.since, s.totals = look.At, map[Kind]int{}
	}
	if look.Failure == nil {
		s.last = look
	}
	for _, e := range look.Events {
		s.totals[e.Kind]++
	}
	text, err := s.text(look)
	if err != nil {
		return err
	}
	_, err = io.WriteString(s.Streams.Out, toTheTop+strings.ReplaceAll(terminal.Visible(text), "\n", clearLine+"\r\n")+clearRest)
	return err
}

// text returns what fits on the screen.
func (s *Screen) text(look *Look) (string, error) {
	width, height := s.Streams.Size()
	lines := s.summary(look)
	const frame, more = 4, 1
	table, left, err := s.table(look, width, max(1, height-len(lines)-frame-more))
	if err != nil {
		return "", err
	}
	lines = append(lines, strings.Split(strings.TrimSuffix(table, "\n"), "\n")...)
	if left > 0 {
		lines = append(lines, fmt.Sprintf("… and %s more", humanize.Comma(int64(left))))
	}
	if height > 0 && len(lines) > height {
		lines = lines[:height]
	}
	return strings.Join(lines, "\n"), nil
}

func (s *Screen) summary(look *Look) []string {
	var realms []string
	for _, completeness := range []inventory.Completeness{inventory.Complete, inventory.ByUser, inventory.Truncated} {
		if n := s.last.Realms[completeness]; n > 0 {
			realms = append(realms, fmt.Sprintf("%d %s", n, completeness))
		}
	}
	lines := []string{
		fmt.Sprintf("%s  %s, realms: %s. Next list in %s; Ctrl-C stops.", look.At.Format(time.DateTime), english.Plural(s.last.Sessions, "session", ""),
			strings.Join(realms, ", "), look.Next.Round(time.Second)),
		fmt.Sprintf("Since %s: %d + login, %d - logout, %d x expired, %d ~ changed, %d ? seen for the first time", s.since.Format(time.TimeOnly),
			s.totals[Login], s.totals[Logout], s.totals[Expired], s.totals[Changed], s.totals[Seen]),
	}
	if look.Failure != nil {
		lines = append(lines, "The last list failed, so this is older: "+terminal.Line(look.Failure.Error()))
	}
	for _, gap := range look.Incomplete {
		lines = append(lines, terminal.Line(fmt.Sprintf("Incomplete: realm %s of %s: %s", gap.Path, gap.Server, gap.Reason)))
	}
	return lines
}

// table returns the look's rows, events first, as many as there is room for, and the number of rows that are left out.
func (s *Screen) table(look *Look, width, room int) (text string, left int, err error) {
	columns, rows := marked(s.last, look.Failure != nil)
	left = max(0, len(rows)-room)
	f := render.NewFormat("table", render.Options{Header: true, Width: width})
	var b bytes.Buffer
	f.Begin(&b, columns)
	for _, row := range rows[:len(rows)-left] {
		if err := f.Row(&b, row); err != nil {
			return "", 0, err
		}
	}
	f.End(&b)
	return b.String(), left, nil
}

// marked adds a first column that shows what happened to each row.
func marked(look *Look, old bool) (columns []engine.ResultColumn, rows [][]any) {
	happened := map[*any]bool{} // by the address of a row's first cell
	for _, e := range look.Events {
		row := e.Row
		if row == nil {
			row = e.Before
		}
		if happened[&row[0]] = true; !old {
			rows = append(rows, append([]any{marks[e.Kind]}, row...))
		}
	}
	for _, row := range look.Rows {
		if old || !happened[&row[0]] {
			rows = append(rows, append([]any{""}, row...))
		}
	}
	return readable(append([]engine.ResultColumn{{Name: " "}}, look.Columns...), rows)
}

// readable removes the handles, and the server if there is only one.
func readable(columns []engine.ResultColumn, rows [][]any) ([]engine.ResultColumn, [][]any) {
	for i := len(columns) - 1; i >= 0; i-- {
		oneServer := columns[i].Name == "base_url" && !slices.ContainsFunc(rows, func(row []any) bool { return row[i] != rows[0][i] })
		if columns[i].Name != handleColumn && !oneServer {
			continue
		}
		columns = slices.Delete(columns, i, i+1)
		for j := range rows {
			rows[j] = slices.Delete(rows[j], i, i+1)
		}
	}
	return columns, rows
}
