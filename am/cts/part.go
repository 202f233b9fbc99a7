package cts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// Part is one of several parts of all sessions, for readers that share the work. The zero value is all of them.
//
// A session stays in the same part for its whole life, because its part depends on a value that AM never changes. Parts
// that are read one after the other therefore contain each session exactly once.
type Part struct {
	Index int // from 0
	Count int
}

func (p Part) whole() bool { return p.Count < 2 }

// parting describes how the sessions of a layout are divided into parts.
type parting struct {
	fields []string                      // the fields of a row that determine the part
	of     func(e *entry, count int) int // returns the part of a session
	filter func(Part) string             // returns a filter for one search; nil if the server cannot select a part
	sliced string                        // an attribute with an ordering index, by whose slices of time a part is searched; "" if there is none
}

// has reports whether a session belongs to the part.
func (p Part) has(l *layout, e *entry) bool {
	return p.whole() || l.parting.of(e, p.Count) == p.Index
}

// fields returns the given fields and those that determine the part; nil means all.
func (p Part) fields(l *layout, fields []string) []string {
	if p.whole() || fields == nil {
		return fields
	}
	return slices.Concat(fields, l.parting.fields)
}

// filter returns a filter for the sessions of the part, or "" if the server cannot select them.
func (p Part) filter(l *layout) string {
	if p.whole() || l.parting.filter == nil {
		return ""
	}
	return l.parting.filter(p)
}

// bySlice is for layouts that contain the time at which a session ends even if it is used. Slices of that time are
// assigned to the parts in turn.
var bySlice = parting{
	fields: []string{rest.FieldMaxSessionExpiration, rest.FieldMaxIdleExpiration},
	sliced: "coreTokenDate01",
	of: func(e *entry, count int) int {
		at := e.MaxSessionExpiration
		if at.Before(beginning) {
			return 0
		}
		return int(min(sliceOf(at), sliceOf(end)-1) % int64(count))
	},
}

// byEnding is for layouts that contain the millisecond of the sign-in, without an index. Its last three digits, read
// from right to left, determine the part. The server examines all sessions and returns those of the part.
var byEnding = parting{
	fields: []string{rest.FieldCreationTime},
	of: func(e *entry, count int) int {
		if e.created.IsZero() {
			return 0
		}
		ms := int(e.created.UnixMilli() % 1000)
		return partOfEnding(ms%10*100+ms/10%10*10+ms/100, count)
	},
	filter: func(p Part) string {
		first, last := p.Index, p.Index
		if p.Index == 0 { // a session without the attribute also belongs to a part
			first, last = 1, p.Count-1
		}
		filter := ""
		for _, digits := range endings("", 0, 1000, p.Count, first, last) {
			filter += "(coreTokenString12=*" + digits + ")"
		}
		switch {
		case p.Index == 0:
			return "(!(|" + filter + "))"
		case filter == "":
			return "(!(objectClass=*))" // there are more parts than endings
		}
		return "(|" + filter + ")"
	},
}

// bySecond is for layouts with no other value that never changes. The server returns all sessions for each part.
var bySecond = parting{
	fields: []string{rest.FieldCreationTime},
	of: func(e *entry, count int) int {
		if e.created.Before(beginning) {
			return 0
		}
		return int(e.created.Unix() % int64(count))
	},
}

// partOfEnding returns the part for three digits, read from right to left.
func partOfEnding(reversed, count int) int { return reversed * count / 1000 }

// endings returns the shortest endings that occur only in the parts from first to last. The digits so far, read from
// right to left, stand for the numbers from low on.
func endings(digits string, low, width, count, first, last int) (all []string) {
	from, to := partOfEnding(low, count), partOfEnding(low+width-1, count)
	switch {
	case first <= from && to <= last && digits != "":
		return []string{digits}
	case to < first || from > last || width == 1:
		return nil
	}
	for d := range 10 {
		all = append(all, endings(string(rune('0'+d))+digits, low+d*width/10, width/10, count, first, last)...)
	}
	return all
}

const (
	// sliceLength is short enough for parts of about equal size, and for an index to serve a slice of a hundred million
	// sessions: directories stop using an index at 100,000 entries.
	sliceLength = 10 * time.Second
	// slicesTogether is the number of slices in one search.
	slicesTogether = 30
)

func sliceOf(at time.Time) int64 { return at.Unix() / int64(sliceLength/time.Second) }

// next returns the beginning of the part's first slice that ends after a time.
func (p Part) next(at time.Time) time.Time {
	slice, count := sliceOf(at), int64(p.Count)
	slice += (int64(p.Index) - slice%count + count) % count
	return time.Unix(slice*int64(sliceLength/time.Second), 0).UTC()
}

// slicing lists a part by slices of time, which have no entries in common.
type slicing struct {
	*listing
	part      Part
	attribute string
	filter    string
}

// run searches the part's slices from a time on, several at once. If they are empty, it skips to the next time with
// sessions.
func (s *slicing) run(ctx context.Context, from time.Time) (err error) {
	turn := sliceLength * time.Duration(s.part.Count)
	for at := s.part.next(from); at.Before(end); at = s.part.next(at) {
		var group []time.Time
		for ; len(group) < slicesTogether && at.Before(end); at = at.Add(turn) {
			group = append(group, at)
		}
		s.found, s.seen, s.listed, s.single = 0, map[[2]uint64]bool{}, s.listed[:0], true
		if err := s.together(ctx, group); err != nil {
			return err
		}
		if at = group[len(group)-1].Add(sliceLength); s.found == 0 {
			if at, err = s.skip(ctx, at, turn*slicesTogether); err != nil {
				return err
			}
		}
	}
	return nil
}

// together searches several slices at once. If that is too much, it searches each half.
func (s *slicing) together(ctx context.Context, group []time.Time) error {
	if len(group) == 1 {
		return s.windows(ctx, s.attribute, s.filter, group[0], group[0].Add(sliceLength))
	}
	var slices strings.Builder
	for _, from := range group {
		slices.WriteString("(&" + window(s.attribute, from, from.Add(sliceLength)) + ")")
	}
	err := s.search(ctx, and(s.filter, "(|"+slices.String()+")"))
	if !narrower[code(err)] || s.seen == nil {
		return err
	}
	s.recall()
	half := len(group) / 2
	if err := s.together(ctx, group[:half]); err != nil {
		return err
	}
	return s.together(ctx, group[half:])
}

// skip finds the next time at which a session ends, in steps that grow until there is one, and then shrink.
func (s *slicing) skip(ctx context.Context, at time.Time, step time.Duration) (time.Time, error) {
	for shortest, found := step, false; at.Before(end); {
		to := at.Add(step)
		some, err := s.any(ctx, window(s.attribute, at, to))
		if err != nil {
			return at, err
		}
		if found = found || some; !some {
			at = to
		}
		switch {
		case !found:
			step *= 2
		case step <= shortest:
			return at, nil
		default:
			step /= 2
		}
	}
	return at, nil
}

// any reports whether there is an entry, or the server refuses the search because there are too many.
func (s *slicing) any(ctx context.Context, window string) (there bool, err error) {
	look := &listing{store: s.store, base: s.base, attributes: []string{"1.1"}, sample: 1, each: func(*ldap.Entry) error { return nil }}
	err = look.search(ctx, and(s.filter, window))
	if errors.Is(err, errEnough) || narrower[code(err)] {
		return true, nil
	}
	return false, err
}
