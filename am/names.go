package am

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// names returns the values that a column of names must equal, if AM can be asked for them. If AM may treat a name as
// equal to another, and SQL does not, known is false: then all rows must be listed, and the host compares.
//
// Of names that differ only in case, the lower one comes first, and rows show it.
func names(q table.Query, column string) (names []string, known bool) {
	names = q.Texts(column)
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(b, a) })
	return names, !slices.ContainsFunc(names, isAlias)
}

// isAlias reports whether AM may treat a name as equal to one that differs in more than case. It also finds a user by
// the universal identifier, and a directory normalizes names before it compares them: full-width letters equal normal
// ones, and spaces at the ends and repeated spaces are ignored.
func isAlias(name string) bool {
	return len(name) > 3 && strings.EqualFold(name[:3], "id=") ||
		!norm.NFKC.IsNormalString(name) || name != strings.Join(strings.Fields(name), " ")
}
