package engine

import (
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// DidYouMean is " (did you mean X?)" with the name that is nearest to the one that was given, for errors; "" if none is near and none
// is abbreviated by it.
func DidYouMean(given string, names []string) string {
	if slices.Contains(names, given) {
		return "" // it is not the name that is wrong
	}
	nearest, least := "", 1+max(len(given)/3, min(len(given)/2, 2))
	for _, name := range names {
		if d := levenshtein.Distance(strings.ToLower(given), strings.ToLower(name), nil); d < least {
			nearest, least = name, d
		}
	}
	for _, name := range names {
		if abbreviates(given, name) && (nearest == "" || len(name) < len(nearest)) {
			nearest = name
		}
	}
	if nearest == "" {
		return ""
	}
	return " (did you mean " + nearest + "?)"
}

// abbreviates reports whether the name has the letters of the abbreviation in their order, the first ones first: usr is username.
func abbreviates(abbreviation, name string) bool {
	const least = 3
	if len(abbreviation) < least || len(name) <= len(abbreviation) || !strings.EqualFold(abbreviation[:1], name[:1]) {
		return false
	}
	rest := strings.ToLower(abbreviation)
	for _, letter := range []byte(strings.ToLower(name)) {
		if rest != "" && rest[0] == letter {
			rest = rest[1:]
		}
	}
	return rest == ""
}
