package engine

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// nameCollation is the collation of columns with names of users and realms, and of the columns of the same name in tables of
// files, so that they compare as AM compares them in every form of a statement: joins, IN, NOT IN, GROUP BY, DISTINCT.
const nameCollation = "NAME"

// compareNames orders texts without regard to case.
func compareNames(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	return cmp.Compare(crest.Fold(string(a)), crest.Fold(string(b)))
}

// fold notes which columns of a table hold names.
func (db *DB) fold(columns []table.Column) {
	for _, c := range columns {
		if c.Folded {
			db.folded[c.Name] = true
		}
	}
}

// foldsAs is the clause that a column of that name has in a table of a file.
func (db *DB) foldsAs(column string) string {
	if db.folded[strings.ToLower(column)] {
		return " COLLATE " + nameCollation
	}
	return ""
}

// isFolded reports whether the column holds names.
func (t *virtualTable) isFolded(column int) bool {
	return column >= 0 && t.columns[column].Folded && t.columns[column].Type == table.Text
}
