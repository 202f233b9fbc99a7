package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// decodeJSON decodes one JSON value. detail is what is wrong with it, in Jackson's words; trailing means that more
// follows.
func decodeJSON(data []byte, source string) (value any, trailing bool, detail string) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, false, ""
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		return nil, false, complain(data, source, err)
	}
	_, err := dec.Token()
	return value, !errors.Is(err, io.EOF), ""
}

const (
	wantedName  = "was expecting double-quote to start field name"
	wantedValue = "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
)

// complain returns Jackson's message for a syntax error: what it found, what it expected, and where.
func complain(data []byte, source string, err error) string {
	at := len(data)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset > 0 {
		at = int(syntax.Offset) - 1
	}
	line, column := position(data, at)
	where := fmt.Sprintf("\n at [Source: (%s); line: %d, column: %d]", source, line, column)
	if at >= len(data) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "Unexpected end-of-input" + where
	}
	c, _ := utf8.DecodeRune(data[at:])
	wanted := wantedValue
	if before := bytes.TrimSpace(data[:at]); len(before) > 0 && before[len(before)-1] == '{' {
		wanted = wantedName
	}
	return fmt.Sprintf("Unexpected character ('%c' (code %d)): %s%s", c, c, wanted, where)
}

// position returns the line and the column after the character, both counted from 1.
func position(data []byte, at int) (line, column int) {
	line, column = 1, 2
	for i := 0; i < at && i < len(data); i++ {
		if column++; data[i] == '\n' {
			line, column = line+1, 2
		}
	}
	return line, column
}
