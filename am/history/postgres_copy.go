package history

import (
	"bytes"
	"encoding/json"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
)

// copySource encodes rows in the text format of PostgreSQL's COPY (PostgreSQL 15 documentation, COPY, Text Format).
type copySource struct {
	key  []any // the first cells of each row
	next func() ([]any, error, bool)
	stop func()
	text bytes.Buffer
	err  error // the error of a row
}

func newCopySource(key []any, rows iter.Seq2[[]any, error]) *copySource {
	next, stop := iter.Pull2(rows)
	return &copySource{key: key, next: next, stop: stop}
}

// Read returns the error of a row at the end, so that no row is copied.
func (s *copySource) Read(p []byte) (int, error) {
	for s.err == nil && s.text.Len() < len(p) {
		row, err, more := s.next()
		if err == nil && more {
			err = s.add(row)
		}
		if s.err = err; !more {
			break
		}
	}
	switch {
	case s.err != nil:
		return 0, s.err
	case s.text.Len() == 0:
		return 0, io.EOF
	}
	return s.text.Read(p)
}

func (s *copySource) add(row []any) error {
	end := byte('\t')
	cells := len(s.key) + len(row)
	for i := range cells {
		cell := any(nil)
		if i < len(s.key) {
			cell = s.key[i]
		} else {
			cell = row[i-len(s.key)]
		}
		text, err := copyText(cell)
		if err != nil {
			return err
		}
		if i == cells-1 {
			end = '\n'
		}
		s.text.WriteString(text)
		s.text.WriteByte(end)
	}
	return nil
}

// copyEscapes escapes characters that have a meaning for COPY. It replaces NUL, which no text in PostgreSQL can
// contain.
var copyEscapes = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", "\uFFFD")

func copyText(cell any) (string, error) {
	switch v := cell.(type) {
	case nil:
		return `\N`, nil
	case string:
		return copyEscapes.Replace(strings.ToValidUTF8(v, "\uFFFD")), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case bool:
		return strconv.FormatBool(v), nil
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), nil
	}
	encoded, err := json.Marshal(cell)
	return copyEscapes.Replace(withoutNUL(string(encoded))), err
}

// withoutNUL replaces NUL in the texts of JSON, where it is an escape sequence that jsonb does not accept either.
func withoutNUL(encoded string) string {
	if !strings.Contains(encoded, `\u0000`) {
		return encoded
	}
	// A backslash after a backslash does not begin an escape sequence.
	return strings.NewReplacer(`\\`, `\\`, `\u0000`, `\ufffd`).Replace(encoded)
}
