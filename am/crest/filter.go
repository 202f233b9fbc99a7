package crest

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
)

// Op is what a Filter does: one of the constants here, or the name of a server's own operator ([A-Za-z_.]+).
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
	Value any      // string, float64, bool or nil (null), where Op compares
	Terms []Filter // what and, or, ! combine
}

// Eq is field eq "value".
func Eq(field, value string) Filter { return compare(field, OpEqual, value) }

// StartsWith is field sw "value".
func StartsWith(field, value string) Filter { return compare(field, OpStartsWith, value) }

// Present is field pr.
func Present(field string) Filter { return Filter{Op: OpPresent, Field: field} }

// And holds where all terms do; one term stands for itself, none is true.
func And(terms ...Filter) Filter { return combine(OpAnd, OpTrue, terms) }

// Or holds where a term does; one term stands for itself, none is false.
func Or(terms ...Filter) Filter { return combine(OpOr, OpFalse, terms) }

// Not holds where the term does not.
func Not(term Filter) Filter { return Filter{Op: OpNot, Terms: []Filter{term}} }

// True holds always.
func True() Filter { return Filter{Op: OpTrue} }

func compare(field string, op Op, value any) Filter {
	return Filter{Op: op, Field: field, Value: value}
}

func combine(op, none Op, terms []Filter) Filter {
	switch len(terms) {
	case 0:
		return Filter{Op: none}
	case 1:
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

// pointer writes the leading slash only where a field would read as something else without it.
func pointer(field string) string {
	if strings.HasPrefix(field, "/") || strings.EqualFold(field, "true") || strings.EqualFold(field, "false") {
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
		b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	case bool:
		b.WriteString(strconv.FormatBool(v))
	default:
		b.WriteString("null")
	}
}

// Match reports whether an object satisfies the filter. get returns the value at a field (string, float64, bool,
// json.Number, or a slice of them, of which any element may match) and whether it is there.
//
// An operator outside the constants matches nothing.
func (f Filter) Match(get func(field string) (any, bool)) bool {
	switch f.Op {
	case "", OpTrue:
		return true
	case OpNot:
		return !f.Terms[0].Match(get)
	case OpAnd:
		for _, term := range f.Terms {
			if !term.Match(get) {
				return false
			}
		}
		return true
	case OpOr:
		for _, term := range f.Terms {
			if term.Match(get) {
				return true
			}
		}
		return false
	case OpFalse:
		return false
	}
	got, ok := get(f.Field)
	if f.Op == OpPresent || !ok {
		return ok
	}
	if list, many := got.([]any); many {
		for _, element := range list {
			if f.matchValue(element) {
				return true
			}
		}
		return false
	}
	return f.matchValue(got)
}

func (f Filter) matchValue(got any) bool {
	if number, ok := got.(json.Number); ok {
		got, _ = number.Float64()
	}
	switch want := f.Value.(type) {
	case string:
		have, ok := got.(string)
		return ok && f.matchText(have, want)
	case float64:
		have, ok := got.(float64)
		return ok && f.matchOrder(cmp.Compare(have, want))
	default:
		return f.Op == OpEqual && got == f.Value
	}
}

func (f Filter) matchText(have, want string) bool {
	switch f.Op {
	case OpContains:
		return strings.Contains(have, want)
	case OpStartsWith:
		return strings.HasPrefix(have, want)
	}
	return f.matchOrder(strings.Compare(have, want))
}

func (f Filter) matchOrder(order int) bool {
	switch f.Op {
	case OpEqual:
		return order == 0
	case OpLess:
		return order < 0
	case OpLessEqual:
		return order <= 0
	case OpGreater:
		return order > 0
	case OpGreaterEqual:
		return order >= 0
	}
	return false
}
