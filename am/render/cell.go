package render

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// text returns a value of the engine, other than NULL, as formats for people and spreadsheets show it.
func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return float(v)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case json.RawMessage:
		return string(encode(v))
	case []byte:
		return `\x` + hex.EncodeToString(v)
	}
	panic("a cell that the engine does not make")
}

// texts returns the values of a row as texts.
func texts(values []any, null string) []string {
	row := make([]string, len(values))
	for i, v := range values {
		if v == nil {
			row[i] = null
		} else {
			row[i] = text(v)
		}
	}
	return row
}

// float writes infinities, which SQL has, as Postgres does.
func float(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// encode returns a value as compact JSON with the members of objects sorted.
func encode(value any) []byte {
	switch v := value.(type) {
	case json.RawMessage:
		value = sorted(v)
	case time.Time, []byte:
		value = text(v)
	case float64:
		if math.IsInf(v, 0) {
			value = text(v)
		}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // text, numbers and decoded JSON can always be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// sorted decodes valid JSON, so that encoding it again sorts the members of objects. Numbers keep their digits.
func sorted(raw json.RawMessage) (value any) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return string(raw)
	}
	return value
}
