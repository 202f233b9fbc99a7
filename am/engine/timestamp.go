package engine

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The canonical form of a timestamp in SQL is one of these, in UTC. The fraction is left out if it is zero, as in
// datetime('now'). Equal instants are therefore equal texts, and texts have the order of times.
const (
	bySeconds = "2006-01-02 15:04:05"
	byMillis  = bySeconds + ".000"
	byMicros  = bySeconds + ".000000"
	byNanos   = bySeconds + ".000000000"
)

// The texts for after and before every instant. They sort correctly.
const (
	infinity      = "infinity"
	minusInfinity = "-infinity"
)

// timeForms lists the accepted forms, for errors.
const timeForms = "such as '2026-11-28 09:23:08', '2026-11-28T09:23:08.5+01:00', '2026-11-28', '20261128T092308Z', 'Sat, 28 Nov 2026 09:23:08 GMT', " +
	"seconds or milliseconds since 1970, 'now', 'today' or 'yesterday' (without a zone it is UTC)"

// appendTimestamp writes the canonical form, several times as fast as time.AppendFormat.
func appendTimestamp(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = appendDigits(b, "", max(0, min(year, 9999)), 4) // SQLite supports no other years
	b = appendDigits(b, "-", int(month), 2)
	b = appendDigits(b, "-", day, 2)
	b = appendDigits(b, " ", hour, 2)
	b = appendDigits(b, ":", minute, 2)
	b = appendDigits(b, ":", second, 2)
	switch ns := t.Nanosecond(); {
	case ns == 0:
		return b
	case ns%1e6 == 0:
		return appendDigits(b, ".", ns/1e6, 3)
	case ns%1e3 == 0:
		return appendDigits(b, ".", ns/1e3, 6)
	default:
		return appendDigits(b, ".", ns, 9)
	}
}

// appendDigits writes a number with this many digits.
func appendDigits(b []byte, before string, n, digits int) []byte {
	b = append(append(b, before...), "000000000"[:digits]...)
	for i := len(b) - 1; n > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// canonicalTime returns the canonical form of a time in any accepted form. A word such as yesterday is relative to now.
func canonicalTime(text string, now time.Time) (time string, relative, ok bool) {
	if _, is := parseCanonical([]byte(text)); is { // the usual case
		return text, false, true
	}
	text = strings.TrimSpace(text)
	if word := timeWords[strings.ToLower(text)]; word != nil {
		return word(now), true, true
	}
	switch strings.ToLower(text) {
	case infinity, minusInfinity:
		return strings.ToLower(text), false, true
	case "epoch":
		text = "1970-01-01"
	}
	t, ok := parseTimestamp([]byte(text))
	return canonical(t), false, ok
}

var timeWords = map[string]func(now time.Time) string{
	"now":       canonical,
	"today":     func(now time.Time) string { return midnight(now, 0) },
	"yesterday": func(now time.Time) string { return midnight(now, -1) },
	"tomorrow":  func(now time.Time) string { return midnight(now, 1) },
}

func midnight(now time.Time, days int) string {
	year, month, day := now.UTC().Date()
	return canonical(time.Date(year, month, day+days, 0, 0, 0, 0, time.UTC))
}

// parseTimestamp parses an absolute time.
func parseTimestamp(text []byte) (time.Time, bool) {
	if t, ok := parseCanonical(text); ok {
		return t, true
	}
	s := string(text)
	for _, parse := range []func(string) (time.Time, bool){parseISO, parseEpoch, parseNamed} {
		if t, ok := parse(s); ok && 1 <= t.Year() && t.Year() <= 9999 {
			return t, true
		}
	}
	return time.Time{}, false
}

// isoForm matches ISO 8601, extended and basic, also with slashes, and with spaces before the zone. The year must come
// first: in other orders, it is not clear which number is the month.
var isoForm = regexp.MustCompile(`(?i)^(?:(\d{4})-(\d\d?)-(\d\d?)|(\d{4})/(\d\d?)/(\d\d?)|(\d{4})(\d\d)(\d\d))` +
	`(?:(?:t| +)(?:(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d+))?)?|(\d\d)(\d\d)(?:(\d\d)(?:\.(\d+))?)?))?` +
	` *(?:(z|utc|gmt)|([+-])(\d\d)(?::?(\d\d))?)?$`)

func parseISO(text string) (time.Time, bool) {
	found := isoForm.FindStringSubmatch(text)
	if found == nil {
		return time.Time{}, false
	}
	first := func(groups ...int) (n int) { // of the groups that have matched
		for _, i := range groups {
			if found[i] != "" {
				n, _ = strconv.Atoi(found[i])
			}
		}
		return n
	}
	year, month, day := first(1, 4, 7), first(2, 5, 8), first(3, 6, 9)
	hour, minute, second := first(10, 14), first(11, 15), first(12, 16)
	fraction, _ := strconv.Atoi((found[13] + found[17] + "000000000")[:9])
	zone := time.Duration(first(20))*time.Hour + time.Duration(first(21))*time.Minute
	if found[19] == "-" {
		zone = -zone
	}
	// As in PostgreSQL, 24:00 is the next midnight, and second 60 is the beginning of the next minute.
	inDay := hour < 24 && minute < 60 && second <= 60 || hour == 24 && minute == 0 && second == 0 && fraction == 0
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if !inDay || year == 0 || month < 1 || month > 12 || date.Day() != day || first(20) > 15 || first(21) > 59 {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, fraction, time.UTC).Add(-zone), true
}

// epochForm matches seconds since 1970, with a fraction, and milliseconds. They cover the years 2001 to 2286, in which
// the number of digits distinguishes them from each other and from a date.
var epochForm = regexp.MustCompile(`^(\d{10})(?:\.(\d{1,9}))?$|^(\d{13})$`)

func parseEpoch(text string) (time.Time, bool) {
	found := epochForm.FindStringSubmatch(text)
	if found == nil {
		return time.Time{}, false
	}
	if found[3] != "" {
		milliseconds, _ := strconv.ParseInt(found[3], 10, 64)
		return time.UnixMilli(milliseconds).UTC(), true
	}
	seconds, _ := strconv.ParseInt(found[1], 10, 64)
	fraction, _ := strconv.ParseInt((found[2] + "000000000")[:9], 10, 64)
	return time.Unix(seconds, fraction).UTC(), true
}

// namedForms contain names of months: the forms of HTTP, mail, date and git.
var namedForms = []string{
	"Mon, 2 Jan 2006 15:04:05 MST", "Mon, 2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 MST", "2 Jan 2006 15:04:05 -0700",
	"Monday, 2-Jan-06 15:04:05 MST",
	time.ANSIC, time.UnixDate, time.RubyDate, "Mon Jan _2 15:04:05 2006 -0700",
}

// commaFraction matches what time.Parse accepts as a fraction and PostgreSQL does not.
var commaFraction = regexp.MustCompile(`:\d\d,`)

func parseNamed(text string) (time.Time, bool) {
	if commaFraction.MatchString(text) {
		return time.Time{}, false
	}
	for _, form := range namedForms {
		t, err := time.ParseInLocation(form, text, time.UTC)
		if err != nil {
			continue
		}
		// time.Parse accepts any letters as a zone, and treats unknown ones as UTC.
		zone, _ := t.Zone()
		return t.UTC(), !strings.Contains(form, "MST") || zone == "UTC" || zone == "GMT"
	}
	return time.Time{}, false
}

// parseCanonical is the inverse of appendTimestamp, many times as fast as time.Parse.
func parseCanonical(s []byte) (time.Time, bool) {
	if !isCanonical(s) {
		return time.Time{}, false
	}
	valid := true
	number := func(from, to int) (n int) {
		for _, c := range s[from:to] {
			valid = valid && '0' <= c && c <= '9'
			n = 10*n + int(c-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	hour, minute, second := number(11, 13), number(14, 16), number(17, 19)
	ns := 0
	if len(s) > len(bySeconds) {
		ns = number(len(bySeconds)+1, len(s))
		for range len(byNanos) - len(s) {
			ns *= 10
		}
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, ns, time.UTC)
	// time.Date also accepts the 31st of February.
	inRange := 1 <= month && month <= 12 && t.Day() == day && hour < 24 && minute < 60 && second < 60
	return t, valid && inRange
}

// isCanonical reports whether the text has the shape that appendTimestamp writes.
func isCanonical(s []byte) bool {
	if len(s) < len(bySeconds) || s[4] != '-' || s[7] != '-' || s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return false
	}
	switch len(s) {
	case len(bySeconds):
		return true
	case len(byMillis), len(byMicros), len(byNanos):
		return s[19] == '.' && areDigits(s[20:]) && !bytes.HasSuffix(s, []byte("000"))
	}
	return false
}

func areDigits(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// truths are the words for booleans, which PostgreSQL also accepts shortened.
var truths = []struct {
	word  string
	least int
	value bool
}{
	{"true", 1, true}, {"yes", 1, true}, {"on", 2, true}, {"1", 1, true},
	{"false", 1, false}, {"no", 1, false}, {"off", 2, false}, {"0", 1, false},
}

// truthForms lists the accepted words, for errors.
const truthForms = "true or false (also yes, no, on, off, 1 and 0)"

func parseTruth(text string) (value, ok bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	for _, t := range truths {
		if len(text) >= t.least && strings.HasPrefix(t.word, text) {
			return t.value, true
		}
	}
	return false, false
}
