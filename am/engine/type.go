package engine

import (
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// declarations are the declared types of columns in SQLite, which derives a column's affinity from the words: TEXT
// prevents it from treating a timestamp such as '2026' as a number. In SQL, timestamps and JSON are texts (see [DB]),
// and booleans are 0 and 1.
var declarations = [...]string{
	table.Text: "TEXT", table.Integer: "INTEGER", table.Double: "DOUBLE", table.Boolean: "BOOLEAN", table.Timestamp: "TIMESTAMP TEXT", table.JSON: "JSON TEXT",
}

// declaredType returns the type of a column with this declaration, if it is one of ours.
func declaredType(declaration string) (table.Type, bool) {
	for t, declared := range declarations {
		if strings.EqualFold(declaration, declared) {
			return table.Type(t), true
		}
	}
	return table.Text, false
}
