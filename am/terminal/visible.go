package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible replaces characters that would control a terminal or hide text on it, such as \u001b for escape. Users choose
// user names and properties, and administrators read lists of sessions.
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

// drives reports whether a terminal may act on a character, or show the following characters elsewhere. The two joiners
// only affect the shape of adjacent letters, so they are allowed. A byte that is not valid UTF-8 counts, too, as
// utf8.RuneError.
func drives(r rune) bool {
	switch r {
	case '\n', '\t', '\u200c', '\u200d':
		return false
	case utf8.RuneError, '\u2028', '\u2029':
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf)
}
