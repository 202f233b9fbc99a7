package engine

import (
	"cmp"
	"unicode/utf8"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// nameCollation is the collation of columns with names of users and realms, and of columns with the same names in
// tables from files. With it, they compare as in AM in every part of a statement: joins, IN, NOT IN, GROUP BY,
// DISTINCT.
const nameCollation = "NAME"

// compareNames orders texts by their [crest.Fold]. A sort compares often, and most names are ASCII, which can be folded
// letter by letter, so for them it copies no text.
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

// isFolded reports whether the column contains names.
func (t *virtualTable) isFolded(column int) bool {
	return column >= 0 && t.columns[column].Folded && t.columns[column].Type == table.Text
}
