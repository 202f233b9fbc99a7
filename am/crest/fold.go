package crest

import (
	"strings"
	"unicode"
)

// Fold returns the same text for names that AM treats as the same user or realm. The text is not a spelling of the
// name: see Lower.
//
// AM compares case-insensitively. It treats σ and ς as one letter, and İ and i as two (OpenAM 16.0.5 measured). Unlike
// strings.EqualFold, Fold distinguishes letters that only share a capital, such as ſ and s.
func Fold(name string) string {
	return strings.ReplaceAll(strings.ToLower(spellDot(name)), "ς", "σ")
}

// Lower returns the name of a user as AM lists it: in the lower case of Java's String.toLowerCase.
//
// Java differs from strings.ToLower in two letters: İ becomes i with a dot above, and Σ at the end of a word becomes ς,
// so ΝΙΚΟΣ becomes νικος. (golang.org/x/text/cases does so as well, but has different ends of words: in Java,
// ΝΙΚΟΣ-ΠΑΠΑΣ is one word.)
//
// Sources: OpenAM 16.0.5 measured. The result was compared with String.toLowerCase of Java 17 and 25 for all letters,
// and for Greek names joined by each sign: it is equal, except for letters that are newer than Java's Unicode.
func Lower(name string) string {
	name = spellDot(name)
	if !strings.Contains(name, "Σ") {
		return strings.ToLower(name)
	}
	runes := []rune(name)
	lower := make([]rune, len(runes))
	for i, r := range runes {
		if lower[i] = unicode.ToLower(r); r == 'Σ' && endsWord(runes, i) {
			lower[i] = 'ς'
		}
	}
	return string(lower)
}

// spellDot replaces İ with two characters, because in Go its lower case is the same as that of I.
func spellDot(name string) string { return strings.ReplaceAll(name, "İ", "i\u0307") }

// Same reports whether AM treats two names as the same user or realm.
func Same(a, b string) bool { return a == b || Fold(a) == Fold(b) }

// Distinct returns the names without those that AM treats as equal to an earlier one; nil remains nil.
func Distinct(names []string) []string {
	if names == nil {
		return nil
	}
	seen := make(map[string]bool, len(names))
	kept := make([]string, 0, len(names))
	for _, name := range names {
		if key := Fold(name); !seen[key] {
			seen[key] = true
			kept = append(kept, name)
		}
	}
	return kept
}

// endsWord reports whether the letter at i is the last letter of its word and not the first.
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

// joined reports whether the runes at k-1 and k belong to the same word. In Java, a word continues over letters, digits
// and accents, over a single dash, quotation mark or full stop between two letters, and over a point between two
// digits.
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

// within reports whether a sign between two runes belongs to the same word as both.
func within(a, sign, b rune) bool {
	return isLetter(a) && isLetter(b) && (unicode.In(sign, unicode.Pd, unicode.Pc) || strings.ContainsRune("\u2027\"'.", sign)) ||
		isDigit(a) && isDigit(b) && strings.ContainsRune("\"',\u066b.", sign)
}

func inWord(r rune) bool  { return isLetter(r) || isDigit(r) }
func isDigit(r rune) bool { return unicode.Is(unicode.Nd, r) }

// isLetter reports whether a rune is a letter or an accent in a script whose words consist of letters.
func isLetter(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Cf) && !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

func isCased(r rune) bool { return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt) }
