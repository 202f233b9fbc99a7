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

// Part is one of several parts of all sessions, which readers share. The zero value is all of them.
//
// A session is in one part for as long as it lives: its part depends on a value that AM never changes. So parts that are read one
// after the other miss no session, and have none twice.
type Part struct {
	Index int // from 0
	Count int
}

func (p Part) whole() bool { return p.Count < 2 }

// parting is how a layout's sessions are parted.
type parting struct {
	fields []string                      // the fields of a row that tell the part
	of     func(e *entry, count int) int // the session's part
	filter func(Part) string             // the part's sessions in one search; nil: the server cannot tell them apart
	sliced string                        // an attribute with an index by order, by whose times the part is searched; "": none
}

// has reports whether a session is in the part.
func (p Part) has(l *layout, e *entry) bool {
	return p.whole() || l.parting.of(e, p.Count) == p.Index
}

// fields are those of rows, and those that tell their part; nil: all.
func (p Part) fields(l *layout, fields []string) []string {
	if p.whole() || fields == nil {
		return fields
	}
	return slices.Concat(fields, l.parting.fields)
}

// filter is that of the part's sessions, or "" if the server cannot tell them apart.
func (p Part) filter(l *layout) string {
	if p.whole() || l.parting.filter == nil {
		return ""
	}
	return l.parting.filter(p)
}

// bySlice is for layouts that keep when a session ends whether it is used or not: slices of that time go to the parts in turn.
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

// byEnding is for layouts that keep the millisecond of the sign-in, without an index: its last three digits, read from
// behind, tell the part. The server looks through all sessions and sends the part's.
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
		if p.Index == 0 { // what no other part has, so that a session without the attribute is in one, too
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

// bySecond is for layouts that keep nothing else that stays the same: each part is read from the whole.
var bySecond = parting{
	fields: []string{rest.FieldCreationTime},
	of: func(e *entry, count int) int {
		if e.created.Before(beginning) {
			return 0
		}
		return int(e.created.Unix() % int64(count))
	},
}

// partOfEnding is the part of three digits that are read from behind.
func partOfEnding(reversed, count int) int { return reversed * count / 1000 }

// endings are the shortest endings of digits that are in the parts from first to last alone. The digits so far, read from
// behind, stand for the numbers from low on.
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
	// sliceLength is short enough for parts to be of about the same size, and for an index to serve a slice of a hundred million
	// sessions: directories give an index up at 100,000 entries.
	sliceLength = 10 * time.Second
	// slicesTogether is how many slices one search asks for.
	slicesTogether = 30
)

func sliceOf(at time.Time) int64 { return at.Unix() / int64(sliceLength/time.Second) }

// next is the beginning of the part's first slice that ends after a time.
func (p Part) next(at time.Time) time.Time {
	slice, count := sliceOf(at), int64(p.Count)
	slice += (int64(p.Index) - slice%count + count) % count
	return time.Unix(slice*int64(sliceLength/time.Second), 0).UTC()
}

// slicing is a listing of a part by slices of time, which have no entry in common.
type slicing struct {
	*listing
	part      Part
	attribute string
	filter    string
}

// run searches the part's slices from a time on, some of them together. If they have nothing, it goes on where there is
// something.
func (s *slicing) run(ctx context.Context, from time.Time) (err error) {
	turn := sliceLength * time.Duration(s.part.Count)
	for at := s.part.next(from); at.Before(end); at = s.part.next(at) {
		var group []time.Time
		for ; len(group) < slicesTogether && at.Before(end); at = at.Add(turn) {
			group = append(group, at)
		}
		s.found, s.seen, s.listed, s.whole = 0, map[[2]uint64]bool{}, s.listed[:0], true
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

// together searches some slices at once, or in halves if that is too much.
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

// skip passes over times at which no session ends, in steps that grow until there is one, and then shrink.
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

// any reports whether there is an entry, or the server refuses to look for one among too many.
func (s *slicing) any(ctx context.Context, window string) (there bool, err error) {
	look := &listing{store: s.store, base: s.base, attributes: []string{"1.1"}, sample: 1, each: func(*ldap.Entry) error { return nil }}
	err = look.search(ctx, and(s.filter, window))
	if errors.Is(err, errEnough) || narrower[code(err)] {
		return true, nil
	}
	return false, err
}
