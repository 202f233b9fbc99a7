package engine

import (
	"cmp"
	"unicode/utf8"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// nameCollation is the collation of columns with names of users and realms, and of the columns of the same name in tables of
// separated values, so that they compare as AM compares them in every form of a statement: joins, IN, NOT IN, GROUP BY, DISTINCT.
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

// isFolded reports whether the column holds names.
func (t *virtualTable) isFolded(column int) bool {
	return column >= 0 && t.columns[column].Folded && t.columns[column].Type == table.Text
}
