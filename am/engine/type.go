package engine

import (
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// declarations are the types that SQLite is told. SQLite derives a column's affinity from the words: TEXT keeps it from
// taking a timestamp like '2026' for a number. Timestamps and JSON are text in SQL, see [DB], booleans 0 and 1.
var declarations = [...]string{
	table.Text: "TEXT", table.Integer: "INTEGER", table.Double: "DOUBLE", table.Boolean: "BOOLEAN", table.Timestamp: "TIMESTAMP TEXT", table.JSON: "JSON TEXT",
}

// declaredType is the type of a column declared like this, if the declaration is one of ours.
func declaredType(declaration string) (table.Type, bool) {
	for t, declared := range declarations {
		if strings.EqualFold(declaration, declared) {
			return table.Type(t), true
		}
	}
	return table.Text, false
}
