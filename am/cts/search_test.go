package cts

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

func TestTheLimitsOfAnAccountCostSearchesAndNoSessions(t *testing.T) {
	for name, limit := range map[string]func(*directory){
		"none":                    func(*directory) {},
		"size":                    func(d *directory) { d.size = 1000 },
		"lookthrough":             func(d *directory) { d.lookup = 400 },
		"no unindexed searches":   func(d *directory) { d.unindexed = true },
		"all":                     func(d *directory) { d.size, d.lookup, d.unindexed = 500, 600, true },
		"indexed up to a number":  func(d *directory) { d.lookup, d.unindexed = 300, true },
		"size, and look through ": func(d *directory) { d.size, d.lookup = 500, 2000 },
	} {
		t.Run(name, func(t *testing.T) {
			d := startDirectory(t, nil)
			limit(d)
			var want []string
			for i := range 2300 {
				d.entries = append(d.entries, login(i, "bjensen", "/", now.Add(-time.Duration(i)*700*time.Millisecond)))
				want = append(want, fmt.Sprintf("shandle:h%d", i))
			}
			slices.Sort(want)
			rows, err := collect(d.store(t).Sessions(t.Context(), nil, []string{rest.FieldHandle}))
			must(t, err)
			if !slices.Equal(handles(rows), want) {
				t.Errorf("%d rows, want %d, each once", len(rows), len(want))
			}
		})
	}
}

// A server refuses a search only after its time limit, which is about a minute, so few searches may be refused.
func TestFewSearchesAreRefused(t *testing.T) {
	d := startDirectory(t, nil)
	d.lookup = 600
	for i := range 2000 {
		d.entries = append(d.entries, login(i, "bjensen", "/", now.Add(-time.Duration(i)*890*time.Millisecond)))
	}
	s := d.store(t)
	rows, err := collect(s.Sessions(t.Context(), nil, nil))
	must(t, err)
	const probes, refused = 5, 6
	if all := int64(probes + 7 + 2*refused); len(rows) != 2000 || s.Searches() > all {
		t.Errorf("%d rows in %d searches, want 2000 in %d at most", len(rows), s.Searches(), all)
	}
}

func TestSpansAreAllOfTime(t *testing.T) {
	last, n := beginning, 0
	for from, to := range spans(now) {
		if !from.Equal(last) || !to.After(from) {
			t.Errorf("from %s to %s, after %s", from, to, last)
		}
		last, n = to, n+1
	}
	if !last.Equal(end) || n > 7 {
		t.Errorf("%d spans end at %s, want 7 at most, to %s", n, last, end)
	}
}

// If a session is used while windows are read, it moves to a later window, and is found there again.
func TestASessionThatMovesBetweenWindowsComesOnce(t *testing.T) {
	d := startDirectory(t, nil)
	d.lookup = 100
	for i := range 1000 {
		d.entries = append(d.entries, login(i, "bjensen", "/", now.Add(-time.Duration(i)*time.Second)))
	}
	moved := 0
	d.before = func() {
		e := d.entries[len(d.entries)-1-moved]
		moved += 7
		for _, date := range []string{"coretokendate02", "coretokenexpirationdate"} {
			e[date] = login(0, "", "/", now.Add(time.Duration(moved)*time.Second))[date]
		}
	}
	rows, err := collect(d.store(t).Sessions(t.Context(), nil, []string{rest.FieldHandle}))
	must(t, err)
	if distinct := slices.Compact(handles(rows)); len(rows) != 1000 || len(distinct) != 1000 || moved == 0 {
		t.Errorf("%d rows of %d sessions, want 1000, %d moved", len(rows), len(distinct), moved)
	}
}

// Whatever the last digits of a time are, exactly one part searches for them.
func TestEveryEndingIsInOnePart(t *testing.T) {
	term := regexp.MustCompile(`\*(\d+)\)`)
	for _, count := range []int{2, 3, 7, 10, 64, 999, 1000, 1001} {
		parts := make([]int, 1000) // number of parts that search for these digits
		for i := range count {
			filter := byEnding.filter(Part{Index: i, Count: count})
			if len(filter) > 1000 {
				t.Errorf("%d parts: a filter of %d bytes", count, len(filter))
			}
			terms := term.FindAllStringSubmatch(filter, -1)
			for ms := range parts {
				number := fmt.Sprintf("%03d", ms)
				named := slices.ContainsFunc(terms, func(digits []string) bool { return strings.HasSuffix(number, digits[1]) })
				asked := named != (i == 0) // the first part searches for everything that no other does
				if asked {
					parts[ms]++
				}
				if e := (&entry{created: time.UnixMilli(1_795_850_034_000 + int64(ms))}); (byEnding.of(e, count) == i) != asked {
					t.Fatalf("%d parts: %03d is in part %d, and part %d asks for it: %t", count, ms, byEnding.of(e, count), i, asked)
				}
			}
		}
		for ms, n := range parts {
			if n != 1 {
				t.Errorf("%d parts: %d of them ask for %03d", count, n, ms)
			}
		}
	}
}

func TestASessionWithoutTheTimeThatPartsGoByIsInTheFirst(t *testing.T) {
	for name, l := range map[string]*layout{"OpenAM": openAM, "PingAM": pingAM, "OpenAM 13": openAM13} {
		for _, count := range []int{2, 3, 10} {
			if part := l.parting.of(&entry{}, count); part != 0 {
				t.Errorf("%s: it is in part %d of %d", name, part, count)
			}
		}
	}
	beyond := &entry{Session: rest.Session{MaxSessionExpiration: end.AddDate(90, 0, 0)}}
	last := &entry{Session: rest.Session{MaxSessionExpiration: end.Add(-time.Second)}}
	if a, b := bySlice.of(beyond, 7), bySlice.of(last, 7); a != b {
		t.Errorf("a session that ends after %s is in part %d, and the last slice in part %d", end, a, b)
	}
}
