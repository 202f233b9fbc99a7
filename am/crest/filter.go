package crest

import (
	"fmt"
	"strconv"
	"strings"
)

// Op is the operator of a Filter: one of the constants below, or the name of an operator of the server
// ([A-Za-z0-9_.]+).
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

// Filter is a query filter expression. The zero value matches everything and prints as true.
type Filter struct {
	Op    Op
	Field string   // a JSON pointer without its leading slash: username, mail/0
	Value any      // string, int64, float64 or bool if Op compares
	Terms []Filter // the operands of and, or and !
}

// Eq returns the filter field eq "value".
func Eq(field, value string) Filter { return Filter{Op: OpEqual, Field: field, Value: value} }

// StartsWith returns the filter field sw "value".
func StartsWith(field, value string) Filter {
	return Filter{Op: OpStartsWith, Field: field, Value: value}
}

// And returns a filter that matches if all terms do. A single term is returned as it is; without terms, it matches
// everything.
func And(terms ...Filter) Filter {
	if len(terms) == 0 {
		return Filter{Op: OpTrue}
	}
	return combine(OpAnd, terms)
}

// Not returns a filter that matches if the term does not.
func Not(term Filter) Filter { return Filter{Op: OpNot, Terms: []Filter{term}} }

func combine(op Op, terms []Filter) Filter {
	if len(terms) == 1 {
		return terms[0]
	}
	return Filter{Op: op, Terms: terms}
}

// String prints the filter in the syntax of CREST. In strings, it escapes quotes and backslashes, which are the only
// characters that AM unescapes. All other characters stay as they are, because OpenAM does not decode \u escapes.
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

// pointer writes the leading slash only if the field would be parsed differently without it.
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
		_, _ = escaper.WriteString(b, v) // a strings.Builder never fails
		b.WriteByte('"')
	case float64:
		text := strconv.FormatFloat(v, 'f', -1, 64)
		b.WriteString(text)
		if !strings.Contains(text, ".") { // without a point it would be parsed as an integer
			b.WriteString(".0")
		}
	default:
		_, _ = fmt.Fprint(b, v)
	}
}
