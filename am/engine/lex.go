package engine

import (
	"strings"
	"unicode/utf8"
)

// A lexeme is a token of SQL, by SQLite's rules.
type lexeme struct {
	kind     lexemeKind
	text     string // a name or a string without its quotes, or a keyword in upper case
	from, to int    // positions in bytes
}

type lexemeKind int

const (
	atEnd lexemeKind = iota
	wordLexeme
	quotedLexeme // a name in quotes
	stringLexeme
	numberLexeme
	blobLexeme
	parameterLexeme
	signLexeme
)

// signs are the operators with more than one character, longer ones first.
var signs = []string{"->>", "->", "||", "<=", "<>", "<<", ">=", ">>", "==", "!="}

// lex splits SQL into lexemes, without spaces and comments. The last one marks the end.
func lex(sql string) (lexemes []lexeme) {
	at := 0
	for {
		if at += skip(sql[at:], spaces); at >= len(sql) {
			return append(lexemes, lexeme{from: len(sql), to: len(sql)})
		}
		l := lexOne(sql[at:])
		l.from, l.to = at, at+l.to
		lexemes = append(lexemes, l)
		at = l.to
	}
}

// lexOne returns the first lexeme of the text; its to is its length.
func lexOne(s string) lexeme {
	switch c := s[0]; {
	case c == '\'':
		return lexQuoted(s, '\'', stringLexeme)
	case c == '"' || c == '`':
		return lexQuoted(s, c, quotedLexeme)
	case c == '[':
		name, _, _ := strings.Cut(s[1:], "]")
		return lexeme{kind: quotedLexeme, text: name, to: min(len(name)+2, len(s))}
	case (c == 'x' || c == 'X') && len(s) > 1 && s[1] == '\'':
		l := lexQuoted(s[1:], '\'', blobLexeme)
		l.to++
		return l
	case isDigit(c) || c == '.' && len(s) > 1 && isDigit(s[1]):
		n := lengthOfNumber(s)
		return lexeme{kind: numberLexeme, text: s[:n], to: n}
	case strings.IndexByte("?:@$#", c) >= 0:
		n := 1 + lengthOfWord(s[1:])
		return lexeme{kind: parameterLexeme, text: s[:n], to: n}
	case isWordByte(c):
		n := lengthOfWord(s)
		return lexeme{kind: wordLexeme, text: s[:n], to: n}
	}
	for _, sign := range signs {
		if strings.HasPrefix(s, sign) {
			return lexeme{kind: signLexeme, text: sign, to: len(sign)}
		}
	}
	return lexeme{kind: signLexeme, text: s[:1], to: 1}
}

func lexQuoted(s string, quote byte, kind lexemeKind) lexeme {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != quote:
		case i+1 < len(s) && s[i+1] == quote:
			i++
		default:
			return lexeme{kind: kind, text: unquote(s[:i+1], quote), to: i + 1}
		}
	}
	return lexeme{kind: kind, text: s[1:], to: len(s)}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= utf8.RuneSelf || isDigit(c) || 'a' <= lowerASCII(c) && lowerASCII(c) <= 'z'
}

func lengthOfWord(s string) int {
	for i := range len(s) {
		if !isWordByte(s[i]) {
			return i
		}
	}
	return len(s)
}

// lengthOfNumber returns the length of a number such as 12, 1_000, 1.5, .5, 1e-3 or 0xff.
func lengthOfNumber(s string) int {
	n := 0
	for n < len(s) && (isWordByte(s[n]) || s[n] == '.' || (s[n] == '+' || s[n] == '-') && lowerASCII(s[n-1]) == 'e' && !strings.HasPrefix(strings.ToLower(s), "0x")) {
		n++
	}
	return n
}
