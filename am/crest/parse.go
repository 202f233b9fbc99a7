package crest

import (
	"fmt"
	"strconv"
	"strings"
)

// maxParentheses is how deep parentheses may be nested; AM refuses the sixty-fourth.
const maxParentheses = 63

// SyntaxError reports where a filter is not valid.
type SyntaxError struct {
	Filter string
	Offset int // in bytes from the start
	Want   string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("query filter %q: want %s at byte %d", e.Filter, e.Want, e.Offset)
}

// Parse parses a filter as AM does (measured on OpenAM 16.0.5, and its QueryFilterParser). Only spaces separate words,
// and a word ends at a space or a parenthesis, so !true is a field. Keywords and the operators of CREST are
// case-insensitive. Strings are in double or single quotes; a backslash in them quotes the next character. The leading
// slash of a field is dropped.
//
// AM accepts and, or, true and false as names of the server's own operators; Parse does not.
//
// Errors are a *SyntaxError, or a *PointerError if a field is not a JSON pointer.
func Parse(s string) (Filter, error) {
	p := &parser{text: s}
	f, err := p.or()
	if err != nil {
		return Filter{}, err
	}
	if p.peek() != "" {
		return Filter{}, p.fail("and, or, or the end")
	}
	return f, nil
}

type parser struct {
	text        string
	pos         int
	parentheses int // number of open parentheses
}

func (p *parser) or() (Filter, error)  { return p.chain(OpOr, p.and) }
func (p *parser) and() (Filter, error) { return p.chain(OpAnd, p.not) }

// chain parses terms that are joined by op.
func (p *parser) chain(op Op, next func() (Filter, error)) (Filter, error) {
	var terms []Filter
	for {
		term, err := next()
		if err != nil {
			return Filter{}, err
		}
		terms = append(terms, term)
		if !strings.EqualFold(p.peek(), string(op)) {
			return combine(op, terms), nil
		}
		p.take()
	}
}

func (p *parser) not() (Filter, error) {
	if p.peek() != string(OpNot) {
		return p.primary()
	}
	p.take()
	term, err := p.primary()
	return Not(term), err
}

func (p *parser) primary() (Filter, error) {
	word := p.peek()
	switch {
	case word == "(":
		return p.group()
	case isLiteral(word):
		return Filter{Op: Op(strings.ToLower(p.take()))}, nil
	case word == "" || word == ")" || isQuote(word[0]):
		return Filter{}, p.fail("a field")
	}
	return p.comparison()
}

func isLiteral(word string) bool {
	return strings.EqualFold(word, string(OpTrue)) || strings.EqualFold(word, string(OpFalse))
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

func (p *parser) group() (Filter, error) {
	if p.parentheses++; p.parentheses > maxParentheses {
		return Filter{}, p.fail("fewer parentheses")
	}
	p.take()
	f, err := p.or()
	if err != nil {
		return Filter{}, err
	}
	if p.peek() != ")" {
		return Filter{}, p.fail("a closing parenthesis")
	}
	p.take()
	p.parentheses--
	return f, nil
}

func (p *parser) comparison() (Filter, error) {
	pointer := p.take()
	if err := CheckPointer(pointer); err != nil {
		return Filter{}, err
	}
	f := Filter{Field: strings.TrimPrefix(pointer, "/")}
	var err error
	if f.Op, err = p.operator(); err != nil {
		return Filter{}, err
	}
	if f.Op == OpPresent {
		return f, nil
	}
	if f.Value, err = p.value(); err != nil {
		return Filter{}, err
	}
	return f, nil
}

const operatorLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."

// operator returns an operator of CREST in lower case, and any other unchanged.
func (p *parser) operator() (Op, error) {
	word := p.peek()
	rest := strings.TrimLeft(word, operatorLetters)
	p.pos += len(word) - len(rest)
	op := Op(strings.ToLower(word))
	switch {
	case word == "" || rest != "" || op == OpAnd || op == OpOr || isLiteral(word):
		return "", p.fail("an operator")
	case isComparison(op):
		return op, nil
	}
	return Op(word), nil
}

func isComparison(op Op) bool {
	switch op {
	case OpEqual, OpContains, OpStartsWith, OpLess, OpLessEqual, OpGreater, OpGreaterEqual, OpPresent:
		return true
	}
	return false
}

func (p *parser) value() (any, error) {
	word := p.peek()
	if word != "" && isQuote(word[0]) {
		return p.quoted()
	}
	value, err := literal(word)
	if err != nil {
		return nil, p.fail("a quoted string, a number, true or false")
	}
	p.take()
	return value, nil
}

// literal parses true, false or a number, which is an integer unless it contains a point.
func literal(word string) (any, error) {
	switch {
	case isLiteral(word):
		return strings.EqualFold(word, string(OpTrue)), nil
	case strings.Contains(word, "."):
		return strconv.ParseFloat(word, 64)
	}
	return strconv.ParseInt(word, 10, 64)
}

func (p *parser) quoted() (string, error) {
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
	return "", p.fail("a closing quote")
}

// peek skips spaces and returns the next word, or "" at the end. A parenthesis is a word.
func (p *parser) peek() string {
	rest := strings.TrimLeft(p.text[p.pos:], " ")
	p.pos = len(p.text) - len(rest)
	switch end := strings.IndexAny(rest, " ()"); end {
	case -1:
		return rest
	case 0:
		return rest[:1]
	default:
		return rest[:end]
	}
}

func (p *parser) take() string {
	word := p.peek()
	p.pos += len(word)
	return word
}

func (p *parser) fail(want string) error {
	return &SyntaxError{Filter: p.text, Offset: p.pos, Want: want}
}
