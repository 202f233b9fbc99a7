package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible writes out the characters that would drive a terminal or hide text on it, as \u001b for escape.
// User names and properties are chosen by users, and a session list is read by administrators.
func Visible(s string) string {
	if strings.IndexFunc(s, drives) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && strings.HasPrefix(s[i:], "\uFFFD"):
			b.WriteRune(r)
		case r == utf8.RuneError:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case drives(r) && r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, r)
		case drives(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// drives tells whether a terminal may act on a character, or show the next ones elsewhere than they stand.
// The two joiners only shape the letters around them. A byte that is no UTF-8 counts, as utf8.RuneError.
func drives(r rune) bool {
	switch r {
	case '\n', '\t', '\u200c', '\u200d':
		return false
	case utf8.RuneError, '\u2028', '\u2029':
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf)
}
