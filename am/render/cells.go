package render

import (
	"cmp"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// PrintCells prints the cells of a table's rows in the format of that name.
func PrintCells(out *Output, columns []table.Column, rows [][]any, name string, o Options) error {
	header := make([]engine.ResultColumn, len(columns))
	for i, c := range columns {
		header[i] = engine.ResultColumn{Name: c.Name, Type: c.Type}
	}
	f := NewFormat(cmp.Or(name, "table"), o)
	f.Begin(&out.Buffer, header)
	for _, row := range rows {
		if err := f.Row(&out.Buffer, table.EncodeRow(columns, row)); err != nil {
			return err
		}
		if err := out.RowDone(); err != nil {
			return err
		}
	}
	f.End(&out.Buffer)
	return out.Finish()
}
