package engine

import (
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// DidYouMean returns " (did you mean X?)" for an error, with the name that is most similar to the given one, or of
// which it is an abbreviation; "" if there is none.
func DidYouMean(given string, names []string) string {
	if slices.Contains(names, given) {
		return "" // the name exists, so something else is wrong
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

// abbreviates reports whether the name contains the letters of the abbreviation in order, beginning with the same
// letter: usr is an abbreviation of username.
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
