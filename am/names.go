package am

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// names are the values that a column of names must equal, as far as AM can be asked for them. If one is spelled so that
// AM takes it for another name, which SQL does not, known is false: then all must be listed, and the host compares.
//
// Of names that differ in case alone the lower comes first, which is the one that rows show.
func names(q table.Query, column string) (names []string, known bool) {
	names = q.Texts(column)
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(b, a) })
	return names, !slices.ContainsFunc(names, isAlias)
}

// isAlias reports whether AM may take a name for one that differs in more than case. It finds a user by the universal
// identifier, too, and a directory prepares names for comparison: full-width letters are plain ones, blanks around and in a
// row count for little.
func isAlias(name string) bool {
	return len(name) > 3 && strings.EqualFold(name[:3], "id=") ||
		!norm.NFKC.IsNormalString(name) || name != strings.Join(strings.Fields(name), " ")
}
