package crest

import (
	"strings"
	"unicode"
)

// Fold returns a name of a user or a realm as AM's token store has it: in the lower case of Java's String.toLowerCase.
// Names of one Fold are one name.
//
// Java differs from strings.ToLower in two letters: İ becomes i with a dot above, and Σ at the end of a word becomes ς, so
// that ΝΙΚΟΣ is νικος. (golang.org/x/text/cases does so, too, but ends words elsewhere: Java takes ΝΙΚΟΣ-ΠΑΠΑΣ for one.)
// Unlike strings.EqualFold, Fold keeps letters apart that only have a capital in common (ς and σ, ſ and s).
//
// Sources: OpenAM 16.0.5 lists names in lower case (measured). String.toLowerCase of Java 17 and 25 was compared over all
// letters and over Greek names joined by each sign: equal, except for letters newer than Java's Unicode.
func Fold(name string) string {
	name = strings.ReplaceAll(name, "İ", "i\u0307")
	if !strings.Contains(name, "Σ") {
		return strings.ToLower(name)
	}
	runes := []rune(name)
	folded := make([]rune, len(runes))
	for i, r := range runes {
		if folded[i] = unicode.ToLower(r); r == 'Σ' && endsWord(runes, i) {
			folded[i] = 'ς'
		}
	}
	return string(folded)
}

// Same reports whether two names are of the same user or realm.
func Same(a, b string) bool { return a == b || Fold(a) == Fold(b) }

// endsWord reports whether the letter at i follows another of its word and precedes none.
func endsWord(name []rune, i int) bool {
	before, after := false, false
	for k := i; k > 0 && joined(name, k) && !before; k-- {
		before = isCased(name[k-1])
	}
	for k := i + 1; k < len(name) && joined(name, k) && !after; k++ {
		after = isCased(name[k])
	}
	return before && !after
}

// joined reports whether a word goes on from the rune before k to that at k. In Java it does over letters, digits and
// accents, over one dash, quotation mark or full stop between two letters, and over a point between two digits.
func joined(name []rune, k int) bool {
	a, b := name[k-1], name[k]
	switch {
	case inWord(a) && inWord(b):
		return true
	case inWord(a):
		return k+1 < len(name) && within(a, b, name[k+1])
	case inWord(b):
		return k >= 2 && within(name[k-2], a, b)
	}
	return false
}

// within reports whether a sign between two runes belongs to the word of both.
func within(a, sign, b rune) bool {
	return isLetter(a) && isLetter(b) && (unicode.In(sign, unicode.Pd, unicode.Pc) || strings.ContainsRune("\u2027\"'.", sign)) ||
		isDigit(a) && isDigit(b) && strings.ContainsRune("\"',\u066b.", sign)
}

func inWord(r rune) bool  { return isLetter(r) || isDigit(r) }
func isDigit(r rune) bool { return unicode.Is(unicode.Nd, r) }

// isLetter reports whether a rune is a letter or an accent of one, of scripts that make words of letters.
func isLetter(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Cf) && !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

func isCased(r rune) bool { return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt) }
