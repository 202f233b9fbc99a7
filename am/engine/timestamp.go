package engine

import (
	"bytes"
	"time"
)

// instants is the name of the collation of timestamp columns.
const instants = "INSTANT"

// The canonical forms of a timestamp in SQL. The fraction is left out where it is zero, since datetime('now') has none:
// so equal instants are equal text, and text order is the order in time.
const (
	bySeconds = "2006-01-02 15:04:05"
	byMillis  = bySeconds + ".000"
	byMicros  = bySeconds + ".000000"
	byNanos   = bySeconds + ".000000000"
)

// readable are the forms that are understood besides, a space standing for T. Without a zone they are UTC.
var readable = []string{
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05Z07",
	"2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02",
}

// appendTimestamp writes the canonical form, as time.AppendFormat would at several times the cost.
func appendTimestamp(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = appendDigits(b, "", max(0, min(year, 9999)), 4) // SQLite knows no others
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

// appendDigits writes a number of that many digits.
func appendDigits(b []byte, before string, n, digits int) []byte {
	b = append(append(b, before...), "000000000"[:digits]...)
	for i := len(b) - 1; n > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

func parseTimestamp(text []byte) (time.Time, bool) {
	if t, ok := parseCanonical(text); ok {
		return t, true
	}
	s := string(text)
	if len(s) > 10 && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	for _, layout := range readable {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// parseCanonical undoes appendTimestamp, as time.Parse would at many times the cost.
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
	// time.Date makes a date of the 31st of February, too.
	inRange := 1 <= month && month <= 12 && t.Day() == day && hour < 24 && minute < 60 && second < 60
	return t, valid && inRange
}

// compareInstants orders texts by the instants they name. What names none stands for itself, byte by byte.
func compareInstants(a, b []byte) int {
	return bytes.Compare(instant(a), instant(b))
}

// instant is the text as appendTimestamp would have written it.
func instant(text []byte) []byte {
	if isCanonical(text) {
		return text
	}
	if t, ok := parseTimestamp(text); ok {
		return appendTimestamp(nil, t)
	}
	return text
}

// isCanonical tells whether the text has the shape that appendTimestamp writes.
func isCanonical(s []byte) bool {
	if len(s) < len(bySeconds) || s[4] != '-' || s[7] != '-' || s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return false
	}
	switch len(s) {
	case len(bySeconds):
		return true
	case len(byMillis), len(byMicros), len(byNanos):
		return s[19] == '.' && areDigits(s[20:]) && string(s[len(s)-3:]) != "000"
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
