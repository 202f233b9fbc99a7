package simulator

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// An ldapFilter is a filter of RFC 4511, or a part of one.
type ldapFilter struct {
	op    ber.Tag
	terms []*ldapFilter // the operands of and, or and not

	name      string // the attribute
	attribute *tokenAttribute
	value     string
	parts     []string // of substrings: those at the beginning, in the middle and at the end
}

var errFilter = errors.New("the filter is not supported")

// readFilter decodes a filter. If no session has an attribute, or the account may not see it, no entry has it.
func (l *tokenLayout) readFilter(p *ber.Packet, may rights) (*ldapFilter, error) {
	f := &ldapFilter{op: p.Tag}
	switch p.Tag {
	case ldap.FilterAnd, ldap.FilterOr, ldap.FilterNot:
		for _, child := range p.Children {
			term, err := l.readFilter(child, may)
			if err != nil {
				return nil, err
			}
			f.terms = append(f.terms, term)
		}
		if p.Tag == ldap.FilterNot && len(f.terms) != 1 {
			return nil, errFilter
		}
		return f, nil
	case ldap.FilterPresent:
		f.name = p.Data.String()
	case ldap.FilterEqualityMatch, ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual:
		if len(p.Children) != 2 {
			return nil, errFilter
		}
		f.name, f.value = berText(p.Children[0]), berText(p.Children[1])
	case ldap.FilterSubstrings:
		if len(p.Children) != 2 {
			return nil, errFilter
		}
		f.name, f.parts = berText(p.Children[0]), substrings(p.Children[1])
	default:
		return nil, errFilter
	}
	if f.attribute = l.attribute(f.name); f.attribute != nil && !f.attribute.visible(may) {
		f.attribute = nil
	}
	return f, nil
}

func (a *tokenAttribute) visible(may rights) bool { return a.ofEntry || a.rights <= may }

// substrings returns the parts of a*b*c in order; "" for an open end.
func substrings(p *ber.Packet) []string {
	parts := []string{""}
	for i, child := range p.Children {
		switch text := strings.ToLower(berText(child)); child.Tag {
		case ldap.FilterSubstringsInitial:
			parts[0] = text
		case ldap.FilterSubstringsFinal:
			return append(parts, text)
		default:
			parts = append(parts, text)
		}
		if i == len(p.Children)-1 {
			parts = append(parts, "")
		}
	}
	return parts
}

// berText returns the value of a primitive element.
func berText(p *ber.Packet) string {
	if text, ok := p.Value.(string); ok {
		return text
	}
	return p.Data.String()
}

// A truth is yes, no, or unknown; "not" leaves unknown unchanged.
type truth int

const (
	no truth = iota - 1
	unknown
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// evaluate reports whether the filter matches an entry, whose attributes the function returns.
func (f *ldapFilter) evaluate(value func(*ldapFilter) (values []string, known bool)) truth {
	switch f.op {
	case ldap.FilterAnd:
		result := yes
		for _, term := range f.terms {
			if result = min(result, term.evaluate(value)); result == no {
				break
			}
		}
		return result
	case ldap.FilterOr:
		result := no
		for _, term := range f.terms {
			if result = max(result, term.evaluate(value)); result == yes {
				break
			}
		}
		return result
	case ldap.FilterNot:
		return -f.terms[0].evaluate(value)
	}
	values, known := value(f)
	if !known {
		return unknown
	}
	return truthOf(slices.ContainsFunc(values, f.matches))
}

// matches reports whether a value matches the assertion.
func (f *ldapFilter) matches(value string) bool {
	switch f.op {
	case ldap.FilterPresent:
		return value != ""
	case ldap.FilterSubstrings:
		return contains(strings.ToLower(value), f.parts)
	}
	if value == "" {
		return false
	}
	order := compareValues(value, f.value, f.syntax())
	return f.op == ldap.FilterEqualityMatch && order == 0 || f.op == ldap.FilterGreaterOrEqual && order >= 0 || f.op == ldap.FilterLessOrEqual && order <= 0
}

func (f *ldapFilter) syntax() syntax {
	if f.attribute == nil {
		return likeText
	}
	return f.attribute.syntax
}

func contains(value string, parts []string) bool {
	first, last := parts[0], parts[len(parts)-1]
	rest, ok := strings.CutPrefix(value, first)
	for _, part := range parts[1 : len(parts)-1] {
		if ok {
			_, rest, ok = strings.Cut(rest, part)
		}
	}
	return ok && strings.HasSuffix(rest, last)
}

func compareValues(a, b string, as syntax) int {
	switch as {
	case likeNumber:
		x, _ := strconv.ParseInt(a, 10, 64)
		y, _ := strconv.ParseInt(b, 10, 64)
		return int(max(-1, min(1, x-y)))
	case likeTime:
		x, _ := parseGeneralized(a)
		y, _ := parseGeneralized(b)
		return x.Compare(y)
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

// parseGeneralized also accepts a fraction.
func parseGeneralized(text string) (time.Time, error) { return time.Parse(generalized+"Z0700", text) }
