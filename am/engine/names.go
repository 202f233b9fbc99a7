package engine

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// nameCollation is the collation of columns with names of users and realms, and of the columns of the same name in tables of
// files, so that they compare as AM compares them in every form of a statement: joins, IN, NOT IN, GROUP BY, DISTINCT.
const nameCollation = "NAME"

// compareNames orders texts by their [crest.Fold]. Sorting compares often and most names are ASCII, whose letters fold one by
// one: no text is copied for them.
func compareNames(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] >= utf8.RuneSelf || b[i] >= utf8.RuneSelf {
			return cmp.Compare(crest.Fold(string(a)), crest.Fold(string(b)))
		}
		if order := cmp.Compare(lowerASCII(a[i]), lowerASCII(b[i])); order != 0 {
			return order
		}
	}
	return cmp.Compare(len(a), len(b))
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// Fold notes which columns of a table hold names: columns of the same name in tables of files that are attached later hold
// names, too. Attach does so.
func (db *DB) Fold(columns []table.Column) {
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
