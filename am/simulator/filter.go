package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// A filter is a parsed _queryFilter.
//
// The parser is AM's, with its quirks (measured on OpenAM 16.0.5): only a blank separates words, a word ends at a blank or a
// parenthesis, keywords and operators are case-blind, unknown operators pass, ! wants a parenthesis, 63 parentheses are the limit.
type filter struct {
	op    string // and or ! true false, eq co sw …
	field string // as written
	leaf  string // the last segment of the field's pointer
	value any    // string, bool, int64 or float64
	want  string // the value as it is compared: a text in lower case
	terms []*filter
}

// String writes the filter as AM does in its error messages.
func (f *filter) String() string {
	switch f.op {
	case "true", "false":
		return f.op
	case "!":
		return "! (" + f.terms[0].String() + ")"
	case "and", "or":
		parts := make([]string, len(f.terms))
		for i, t := range f.terms {
			parts[i] = t.String()
		}
		return "(" + strings.Join(parts, " "+f.op+" ") + ")"
	}
	field := "/" + strings.TrimPrefix(f.field, "/")
	if f.op == "pr" {
		return field + " pr"
	}
	if s, ok := f.value.(string); ok {
		return field + " " + f.op + ` "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	return fmt.Sprintf("%s %s %v", field, f.op, f.value)
}

const maxParens = 63

type filterParser struct {
	text  string
	pos   int
	depth int
}

func parseFilter(text string) (*filter, error) {
	p := &filterParser{text: text}
	f, err := p.or()
	switch {
	case errors.Is(err, errSyntax), err == nil && p.more():
		return nil, unparsed(text, "_queryFilter", "a valid query filter")
	case err != nil:
		return nil, err
	}
	return f, nil
}

var errSyntax = badRequest("syntax")

// more skips blanks and says whether anything is left.
func (p *filterParser) more() bool {
	for p.pos < len(p.text) && p.text[p.pos] == ' ' {
		p.pos++
	}
	return p.pos < len(p.text)
}

// word returns the next word without taking it; a parenthesis is a word of its own.
func (p *filterParser) word() string {
	if !p.more() {
		return ""
	}
	if c := p.text[p.pos]; c == '(' || c == ')' {
		return p.text[p.pos : p.pos+1]
	}
	end := strings.IndexAny(p.text[p.pos:], " ()")
	if end < 0 {
		return p.text[p.pos:]
	}
	return p.text[p.pos : p.pos+end]
}

func (p *filterParser) take() string {
	w := p.word()
	p.pos += len(w)
	return w
}

func (p *filterParser) or() (*filter, error)  { return p.chain("or", p.and) }
func (p *filterParser) and() (*filter, error) { return p.chain("and", p.not) }

func (p *filterParser) chain(word string, next func() (*filter, error)) (*filter, error) {
	first, err := next()
	if err != nil || !strings.EqualFold(p.word(), word) {
		return first, err
	}
	chain := &filter{op: word, terms: []*filter{first}}
	for strings.EqualFold(p.word(), word) {
		p.take()
		term, err := next()
		if err != nil {
			return nil, err
		}
		chain.terms = append(chain.terms, term)
	}
	return chain, nil
}

func (p *filterParser) not() (*filter, error) {
	if p.word() != "!" {
		return p.primary()
	}
	p.take()
	term, err := p.primary()
	return &filter{op: "!", terms: []*filter{term}}, err
}

func (p *filterParser) primary() (*filter, error) {
	word := p.take()
	switch {
	case word == "" || word == ")":
		return nil, errSyntax
	case word == "(":
		return p.group()
	case strings.EqualFold(word, "true"), strings.EqualFold(word, "false"):
		return &filter{op: strings.ToLower(word)}, nil
	}
	if err := checkPointer(word); err != nil {
		return nil, err
	}
	leaf := word[strings.LastIndexByte(word, '/')+1:]
	op := strings.ToLower(p.take())
	if op == "" || strings.ContainsAny(op, `"'()`) {
		return nil, errSyntax
	}
	if op == "pr" {
		return &filter{op: op, field: word, leaf: leaf}, nil
	}
	value, err := p.value()
	return &filter{op: op, field: word, leaf: leaf, value: value, want: strings.ToLower(fmt.Sprint(value))}, err
}

func (p *filterParser) group() (*filter, error) {
	if p.depth++; p.depth > maxParens {
		return nil, errSyntax
	}
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	p.depth--
	if p.take() != ")" {
		return nil, errSyntax
	}
	return f, nil
}

// value reads a string, a boolean or a number. In a string a backslash takes the next character as it is.
func (p *filterParser) value() (any, error) {
	if !p.more() {
		return nil, errSyntax
	}
	quote := p.text[p.pos]
	if quote != '"' && quote != '\'' {
		return literal(p.take())
	}
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
	return nil, errSyntax
}

func literal(word string) (any, error) {
	if strings.EqualFold(word, "true") || strings.EqualFold(word, "false") {
		return strings.EqualFold(word, "true"), nil
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return n, nil
	}
	if f, err := strconv.ParseFloat(word, 64); err == nil && !strings.ContainsAny(word, "xXnNiI_") {
		return f, nil
	}
	return nil, errSyntax
}

// checkPointer refuses a field that Java's URI class would not take as a fragment, in that class's words and with a 500.
func checkPointer(field string) error {
	for segment := range strings.SplitSeq(field, "/") {
		if at := illegalInURI(segment); at >= 0 {
			return fail(http.StatusInternalServerError, fmt.Sprintf("Illegal character in fragment at index %d: #%s", at+1, segment))
		}
	}
	return nil
}

func badPointer(field string) bool { return illegalInURI(field) >= 0 }

func illegalInURI(s string) int {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c == 0x7f || strings.IndexByte("\"<>\\^`{|}#", c) >= 0 {
			return i
		}
		if c == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			return i
		}
	}
	return -1
}

// matches evaluates the filter over the values of an entry, as the identity store does: without regard to case.
func (f *filter) matches(values func(field string) []string) bool {
	switch f.op {
	case "true":
		return true
	case "false":
		return false
	case "!":
		return !f.terms[0].matches(values)
	case "and":
		for _, t := range f.terms {
			if !t.matches(values) {
				return false
			}
		}
		return true
	case "or":
		for _, t := range f.terms {
			if t.matches(values) {
				return true
			}
		}
		return false
	}
	for _, v := range values(f.leaf) {
		if compare(f.op, strings.ToLower(v), f.want) {
			return true
		}
	}
	return false
}

func compare(op, have, want string) bool {
	switch op {
	case "eq":
		return have == want
	case "co":
		return strings.Contains(have, want)
	case "sw":
		return strings.HasPrefix(have, want)
	case "gt":
		return have > want
	case "ge":
		return have >= want
	case "lt":
		return have < want
	case "le":
		return have <= want
	}
	return op == "pr"
}
