package engine

import (
	"strings"

	"github.com/agext/levenshtein"
)

// DidYouMean is " (did you mean X?)" with the name that is nearest to the one that was given, for errors; "" if none is near.
func DidYouMean(given string, names []string) string {
	nearest, least := "", 1+max(len(given)/3, min(len(given)/2, 2))
	for _, name := range names {
		if d := levenshtein.Distance(strings.ToLower(given), strings.ToLower(name), nil); d < least && name != given {
			nearest, least = name, d
		}
	}
	if nearest == "" {
		return ""
	}
	return " (did you mean " + nearest + "?)"
}
