package crest

import (
	"fmt"
	"strconv"
	"strings"
)

// Op is what a Filter does: one of the constants here, or the name of a server's own operator ([A-Za-z0-9_.]+).
type Op string

// The operators of CREST (PingIDM 8, CREST Query, "Filter expressions").
const (
	OpTrue         Op = "true"
	OpFalse        Op = "false"
	OpAnd          Op = "and"
	OpOr           Op = "or"
	OpNot          Op = "!"
	OpEqual        Op = "eq"
	OpContains     Op = "co"
	OpStartsWith   Op = "sw"
	OpLess         Op = "lt"
	OpLessEqual    Op = "le"
	OpGreater      Op = "gt"
	OpGreaterEqual Op = "ge"
	OpPresent      Op = "pr"
)

// Filter is a query filter expression. The zero value filters nothing and prints as true.
type Filter struct {
	Op    Op
	Field string   // a JSON pointer without its leading slash: username, mail/0
	Value any      // string, int64, float64 or bool, if Op compares
	Terms []Filter // what and, or, ! combine
}

// Eq is field eq "value".
func Eq(field, value string) Filter { return Filter{Op: OpEqual, Field: field, Value: value} }

// StartsWith is field sw "value".
func StartsWith(field, value string) Filter {
	return Filter{Op: OpStartsWith, Field: field, Value: value}
}

// And holds if all terms do; one term stands for itself, none is true.
func And(terms ...Filter) Filter {
	if len(terms) == 0 {
		return Filter{Op: OpTrue}
	}
	return combine(OpAnd, terms)
}

// Not holds if the term does not.
func Not(term Filter) Filter { return Filter{Op: OpNot, Terms: []Filter{term}} }

func combine(op Op, terms []Filter) Filter {
	if len(terms) == 1 {
		return terms[0]
	}
	return Filter{Op: op, Terms: terms}
}

// String prints the filter as CREST reads it. Strings are quoted with quotes and backslashes escaped, the two
// characters that AM unescapes; everything else stands as it is, for OpenAM decodes no \u escapes.
func (f Filter) String() string {
	var b strings.Builder
	f.print(&b)
	return b.String()
}

func (f Filter) print(b *strings.Builder) {
	switch f.Op {
	case "", OpTrue:
		b.WriteString("true")
	case OpFalse:
		b.WriteString("false")
	case OpNot:
		b.WriteString("!(")
		And(f.Terms...).print(b)
		b.WriteByte(')')
	case OpAnd, OpOr:
		f.printTerms(b)
	case OpPresent:
		b.WriteString(pointer(f.Field) + " pr")
	default:
		b.WriteString(pointer(f.Field) + " " + string(f.Op) + " ")
		printValue(b, f.Value)
	}
}

func (f Filter) printTerms(b *strings.Builder) {
	if len(f.Terms) == 0 {
		b.WriteString(map[Op]string{OpAnd: "true", OpOr: "false"}[f.Op])
	}
	for i, term := range f.Terms {
		if i > 0 {
			b.WriteString(" " + string(f.Op) + " ")
		}
		if term.Op == f.Op || term.Op == OpOr { // and binds tighter than or
			b.WriteByte('(')
			term.print(b)
			b.WriteByte(')')
		} else {
			term.print(b)
		}
	}
}

// pointer writes the leading slash only if a field would read as something else without it.
func pointer(field string) string {
	if field == "" || field == "!" || field[0] == '/' || field[0] == '\'' || isLiteral(field) {
		return "/" + field
	}
	return field
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func printValue(b *strings.Builder, value any) {
	switch v := value.(type) {
	case string:
		b.WriteByte('"')
		_, _ = escaper.WriteString(b, v) // a strings.Builder takes everything
		b.WriteByte('"')
	case float64:
		text := strconv.FormatFloat(v, 'f', -1, 64)
		b.WriteString(text)
		if !strings.Contains(text, ".") { // without a point it reads as an integer
			b.WriteString(".0")
		}
	default:
		_, _ = fmt.Fprint(b, v)
	}
}
