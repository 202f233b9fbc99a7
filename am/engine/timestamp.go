package engine

import (
	"bytes"
	"time"
)

// instants is the name of the collation of timestamp columns.
const instants = "INSTANT"

// Forms of a timestamp in SQL. The fraction is left out where it is zero, since datetime('now') has none:
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

func appendTimestamp(b []byte, t time.Time) []byte {
	t = t.UTC()
	switch ns := t.Nanosecond(); {
	case ns == 0:
		return t.AppendFormat(b, bySeconds)
	case ns%1e6 == 0:
		return t.AppendFormat(b, byMillis)
	case ns%1e3 == 0:
		return t.AppendFormat(b, byMicros)
	default:
		return t.AppendFormat(b, byNanos)
	}
}

func parseTimestamp(s string) (time.Time, bool) {
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

// compareInstants orders texts by the instants they name. What names none stands for itself, byte by byte.
func compareInstants(a, b []byte) int {
	return bytes.Compare(instant(a), instant(b))
}

// instant is the text as appendTimestamp would have written it.
func instant(text []byte) []byte {
	if isCanonical(text) {
		return text
	}
	if t, ok := parseTimestamp(string(text)); ok {
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
		return s[19] == '.' && string(s[len(s)-3:]) != "000"
	}
	return false
}
