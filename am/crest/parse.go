package crest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// maxDepth is how deep parentheses may nest; AM refuses the sixty-fourth.
const maxDepth = 63

// SyntaxError says where a filter stops being one.
type SyntaxError struct {
	Filter string
	Offset int // bytes from the start
	Want   string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("query filter %q: want %s at byte %d", e.Filter, e.Want, e.Offset)
}

// Parse reads a filter: comparisons, and, or, !, parentheses, true, false; strings in double or single quotes, in
// which a backslash escapes the next character; keywords in any case. A leading slash of a field is dropped.
// Errors are a *SyntaxError.
func Parse(s string) (Filter, error) {
	p := &parser{text: s}
	f, err := p.or(0)
	if err != nil {
		return Filter{}, err
	}
	if p.blanks(); p.pos < len(s) {
		return Filter{}, p.fail("and, or, or the end")
	}
	return f, nil
}

type parser struct {
	text string
	pos  int
}

func (p *parser) or(depth int) (Filter, error)  { return p.list("or", OpOr, depth, p.and) }
func (p *parser) and(depth int) (Filter, error) { return p.list("and", OpAnd, depth, p.term) }

// list reads terms joined by a word.
func (p *parser) list(word string, op Op, depth int, next func(int) (Filter, error)) (Filter, error) {
	var terms []Filter
	for {
		term, err := next(depth)
		if err != nil {
			return Filter{}, err
		}
		terms = append(terms, term)
		if !p.keyword(word) {
			return combine(op, op, terms), nil
		}
	}
}

func (p *parser) term(depth int) (Filter, error) {
	if p.blanks(); depth > maxDepth {
		return Filter{}, p.fail("fewer parentheses")
	}
	switch {
	case p.accept('!'):
		term, err := p.negated(depth + 1)
		return Not(term), err
	case p.accept('('):
		return p.group(depth + 1)
	case p.keyword("true"):
		return True(), nil
	case p.keyword("false"):
		return Filter{Op: OpFalse}, nil
	}
	return p.comparison()
}

// negated counts !( as one level, so that the printer, which always writes the parenthesis, adds no depth.
func (p *parser) negated(depth int) (Filter, error) {
	if p.blanks(); p.accept('(') {
		return p.group(depth)
	}
	return p.term(depth)
}

func (p *parser) group(depth int) (Filter, error) {
	f, err := p.or(depth)
	if err != nil {
		return Filter{}, err
	}
	if p.blanks(); !p.accept(')') {
		return Filter{}, p.fail("a closing parenthesis")
	}
	return f, nil
}

func (p *parser) comparison() (Filter, error) {
	field := strings.TrimPrefix(p.word(), "/")
	if field == "" {
		return Filter{}, p.fail("a field")
	}
	p.blanks()
	op := Op(strings.ToLower(p.word()))
	switch {
	case !isOperator(string(op)):
		return Filter{}, p.fail("an operator")
	case op == OpPresent:
		return Present(field), nil
	case !p.blanks():
		return Filter{}, p.fail("a blank before the value")
	}
	value, err := p.value()
	return compare(field, op, value), err
}

func isOperator(word string) bool {
	switch word {
	case "", "and", "or", "true", "false", "null":
		return false
	}
	for _, r := range word {
		if r != '_' && r != '.' && (r > unicode.MaxASCII || !unicode.IsLetter(r)) {
			return false
		}
	}
	return true
}

func (p *parser) value() (any, error) {
	if p.pos < len(p.text) && (p.text[p.pos] == '"' || p.text[p.pos] == '\'') {
		return p.quoted()
	}
	start := p.pos
	switch word := p.word(); word {
	case "null":
		return nil, nil
	case "true", "false":
		return word == "true", nil
	default:
		number, err := strconv.ParseFloat(word, 64)
		if err != nil || word[0] != '-' && !unicode.IsDigit(rune(word[0])) {
			p.pos = start
			return nil, p.fail("a quoted string, a number, true, false or null")
		}
		return number, nil
	}
}

func (p *parser) quoted() (any, error) {
	quote := p.text[p.pos]
	var b strings.Builder
	for i := p.pos + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == quote:
			p.pos = i + 1
			return b.String(), nil
		case c == '\\' && i+1 < len(p.text):
			i++
			b.WriteByte(p.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return nil, p.fail("a closing quote")
}

// word reads up to a blank, a parenthesis, a quote or the end.
func (p *parser) word() string {
	rest := p.text[p.pos:]
	end := strings.IndexAny(rest, " \t\r\n()\"'!")
	if end < 0 {
		end = len(rest)
	}
	p.pos += end
	return rest[:end]
}

// keyword takes the word if it comes next, in any case.
func (p *parser) keyword(word string) bool {
	p.blanks()
	start := p.pos
	if strings.EqualFold(p.word(), word) {
		return true
	}
	p.pos = start
	return false
}

func (p *parser) accept(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// blanks skips white space and reports whether there was any.
func (p *parser) blanks() bool {
	start := p.pos
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
	return p.pos > start
}

func (p *parser) fail(want string) error {
	return &SyntaxError{Filter: p.text, Offset: p.pos, Want: want}
}
