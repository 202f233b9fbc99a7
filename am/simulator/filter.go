package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// parseFilter parses a _queryFilter. If Java's URI class does not accept a field as a fragment, the answer is a 500
// with the message of that class.
func parseFilter(text string) (*crest.Filter, error) {
	f, err := crest.Parse(text)
	var pointer *crest.PointerError
	switch {
	case errors.As(err, &pointer):
		return nil, fail(http.StatusInternalServerError, fmt.Sprintf("Illegal character in fragment at index %d: #%s", pointer.Offset+1, pointer.Segment))
	case err != nil:
		return nil, unparsed(text, "_queryFilter", "a valid query filter")
	}
	return &f, nil
}

// filterText writes a filter as AM does in error messages.
func filterText(f *crest.Filter) string {
	switch f.Op {
	case crest.OpTrue, crest.OpFalse:
		return string(f.Op)
	case crest.OpNot:
		return "! (" + filterText(&f.Terms[0]) + ")"
	case crest.OpAnd, crest.OpOr:
		parts := make([]string, len(f.Terms))
		for i := range f.Terms {
			parts[i] = filterText(&f.Terms[i])
		}
		return "(" + strings.Join(parts, " "+string(f.Op)+" ") + ")"
	}
	return "/" + strings.TrimPrefix(f.String(), "/")
}

// lastSegment returns the part of a field that AM uses: realm of any/realm.
func lastSegment(field string) string { return field[strings.LastIndexByte(field, '/')+1:] }

// A matcher reports whether an entry with these values matches a filter.
type matcher func(values func(field string) []string) bool

// newMatcher returns a matcher that works like the identity store: case-insensitively, and an unknown operator matches
// nothing.
func newMatcher(f *crest.Filter) matcher {
	switch f.Op {
	case crest.OpTrue, crest.OpFalse:
		return func(func(string) []string) bool { return f.Op == crest.OpTrue }
	case crest.OpNot:
		term := newMatcher(&f.Terms[0])
		return func(values func(string) []string) bool { return !term(values) }
	case crest.OpAnd, crest.OpOr:
		return combined(f)
	}
	field, want := lastSegment(f.Field), crest.Fold(fmt.Sprint(f.Value))
	return func(values func(string) []string) bool {
		return slices.ContainsFunc(values(field), func(have string) bool { return compare(f.Op, crest.Fold(have), want) })
	}
}

func combined(f *crest.Filter) matcher {
	terms := make([]matcher, len(f.Terms))
	for i := range f.Terms {
		terms[i] = newMatcher(&f.Terms[i])
	}
	or := f.Op == crest.OpOr
	return func(values func(string) []string) bool {
		for _, term := range terms {
			if term(values) == or {
				return or
			}
		}
		return !or
	}
}

func compare(op crest.Op, have, want string) bool {
	switch op {
	case crest.OpEqual:
		return have == want
	case crest.OpContains:
		return strings.Contains(have, want)
	case crest.OpStartsWith:
		return strings.HasPrefix(have, want)
	case crest.OpGreater:
		return have > want
	case crest.OpGreaterEqual:
		return have >= want
	case crest.OpLess:
		return have < want
	case crest.OpLessEqual:
		return have <= want
	}
	return op == crest.OpPresent
}
