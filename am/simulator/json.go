package simulator

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// An object is a JSON object that keeps the order of its members, because tests compare answers with AM's byte by byte.
type object []member

type member struct {
	key   string
	value any
}

// raw is encoded JSON.
type raw []byte

// appendJSON writes a value in Jackson's compact form.
func appendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return appendString(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case raw:
		return append(dst, v...)
	case json.Number:
		return append(dst, v...)
	case []string:
		return appendList(dst, v, func(dst []byte, s string) []byte { return appendString(dst, s) })
	case []any:
		return appendList(dst, v, appendJSON)
	case []object:
		return appendList(dst, v, func(dst []byte, o object) []byte { return appendObject(dst, o) })
	case object:
		return appendObject(dst, v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, text...)
}

func appendObject(dst []byte, o object) []byte {
	dst = append(dst, '{')
	for i, m := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, m.key), ':')
		dst = appendJSON(dst, m.value)
	}
	return append(dst, '}')
}

func appendList[T any](dst []byte, items []T, one func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, item)
	}
	return append(dst, ']')
}

const hexDigits = "0123456789ABCDEF"

// appendString quotes as Jackson does: slashes, angle brackets and non-ASCII characters are not escaped.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	dst = append(dst, s[start:]...)
	if !utf8.ValidString(s) {
		return appendString(dst[:len(dst)-len(s[start:])], string([]rune(s[start:])))
	}
	return append(dst, '"')
}

// pretty formats compact JSON as Jackson's default pretty printer does: one member per line, arrays on one line.
func pretty(compact []byte) []byte {
	var out []byte
	depth, inString := 0, false
	line := func() {
		out = append(out, '\n')
		for range depth {
			out = append(out, "  "...)
		}
	}
	for i := 0; i < len(compact); i++ {
		c := compact[i]
		next := byte(0)
		if i+1 < len(compact) {
			next = compact[i+1]
		}
		switch {
		case inString:
			out = append(out, c)
			if c == '\\' {
				i++
				out = append(out, compact[i])
			}
			inString = c != '"'
		case c == '"':
			inString = true
			out = append(out, c)
		case c == '{' && next == '}', c == '[' && next == ']':
			out = append(out, c, ' ', next)
			i++
		case c == '{':
			depth++
			out = append(out, c)
			line()
		case c == '}':
			depth--
			line()
			out = append(out, c)
		case c == '[':
			out = append(out, "[ "...)
		case c == ']':
			out = append(out, " ]"...)
		case c == ':':
			out = append(out, " : "...)
		case c == ',' && inArray(compact, i):
			out = append(out, ", "...)
		case c == ',':
			out = append(out, ',')
			line()
		default:
			out = append(out, c)
		}
	}
	return out
}

// inArray reports whether the comma at i separates array items rather than members: a name and a colon follow the comma
// of a member.
func inArray(compact []byte, i int) bool {
	if compact[i+1] != '"' {
		return true
	}
	for j := i + 2; j < len(compact); j++ {
		switch compact[j] {
		case '\\':
			j++
		case '"':
			return j+1 >= len(compact) || compact[j+1] != ':'
		}
	}
	return true
}

// A calendar writes times, and caches the text of the last day.
type calendar struct {
	day  int64 // since 1970, plus one; 0: none yet
	text [11]byte
}

const dayMillis = 24 * 60 * minute

// append writes milliseconds since 1970 as 2026-11-22T03:16:30Z, with .123 if millis is set.
func (c *calendar) append(dst []byte, at int64, millis bool) []byte {
	day := at / dayMillis
	if c.day != day+1 {
		c.day = day + 1
		time.UnixMilli(at).UTC().AppendFormat(c.text[:0], "2006-01-02T")
	}
	dst = append(dst, c.text[:]...)
	rest := int(at - day*dayMillis)
	seconds := rest / 1000
	dst = appendTwo(dst, seconds/3600)
	dst = appendTwo(append(dst, ':'), seconds/60%60)
	dst = appendTwo(append(dst, ':'), seconds%60)
	if millis {
		ms := rest % 1000
		dst = appendTwo(append(dst, '.', byte('0'+ms/100)), ms%100)
	}
	return append(dst, 'Z')
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func timeText(at int64) string { return string(new(calendar).append(nil, at, false)) }
