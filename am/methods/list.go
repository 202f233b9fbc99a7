package methods

import (
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// ListColumns are the columns of [ListRows].
var ListColumns = []table.Column{
	{Name: "method"}, {Name: "accessible_by"}, {Name: "required"}, {Name: "optional"}, {Name: "action"}, {Name: "versions"}, {Name: "effects"},
}

// ListRows returns a row for each method.
func ListRows() (rows [][]any) {
	for _, m := range Methods {
		by := []string{"exec"}
		for _, access := range m.By {
			by = append(by, access.Verb+" "+access.Table)
		}
		row := []any{}
		for _, cell := range []string{
			m.Name, strings.Join(by, ", "), strings.Join(m.Required, ", "), strings.Join(m.Optional, ", "),
			m.Action, strings.Join(m.Versions(), ", "), m.Effects,
		} {
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}
