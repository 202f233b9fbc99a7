package render

import (
	"bytes"
	"crypto/md5" //nolint:gosec // names, not secrets: Steampipe's are made with it
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// jsonColumn describes a column of a result. Its name is the name of the member in each row.
type jsonColumn struct {
	Name         string `json:"name"`
	DataType     string `json:"data_type"`
	OriginalName string `json:"original_name,omitempty"`
}

// jsonColumns adds a suffix to names that occur again, because the members of an object need different names.
func jsonColumns(columns []engine.ResultColumn) []jsonColumn {
	described := make([]jsonColumn, len(columns))
	seen := map[string]bool{}
	for i, c := range columns {
		described[i] = jsonColumn{Name: c.Name, DataType: c.Type.String()}
		if seen[c.Name] {
			described[i].Name = c.Name + "_" + suffix(c.Name, i)
			described[i].OriginalName = c.Name
		}
		seen[c.Name] = true
	}
	return described
}

// suffix returns the same suffix as Steampipe: four base-36 digits of a hash of the name and its position.
func suffix(name string, place int) string {
	sum := md5.Sum([]byte(name + strconv.Itoa(place))) //nolint:gosec // as above
	digits := fmt.Sprintf("%04s", strconv.FormatUint(binary.BigEndian.Uint64(sum[:8]), 36))
	return digits[len(digits)-4:]
}

// jsonFormat writes one object with the columns, and the rows with their members sorted.
type jsonFormat struct {
	object jsonObject
	rows   int
}

func newJSONFormat(Options) Format { return new(jsonFormat) }

func (f *jsonFormat) Begin(out *bytes.Buffer, columns []engine.ResultColumn) {
	described := jsonColumns(columns)
	f.object = newJSONObject(described)
	f.object.sort()
	out.WriteString("{\n \"columns\": ")
	f.indent(out, encode(described), " ")
	out.WriteString(",\n \"rows\": [")
}

func (f *jsonFormat) Row(out *bytes.Buffer, values []any) error {
	if f.rows > 0 {
		out.WriteByte(',')
	}
	f.rows++
	out.WriteString("\n  ")
	var object bytes.Buffer
	f.object.write(&object, values)
	f.indent(out, object.Bytes(), "  ")
	return nil
}

func (f *jsonFormat) End(out *bytes.Buffer) {
	if f.rows > 0 {
		out.WriteString("\n ")
	}
	out.WriteString("]\n}\n")
	f.rows = 0
}

func (f *jsonFormat) indent(out *bytes.Buffer, compact []byte, prefix string) {
	if err := json.Indent(out, compact, prefix, " "); err != nil {
		panic(err) // it has just been encoded
	}
}

// jsonLinesFormat writes one object per line, with its members in the order of the columns.
type jsonLinesFormat struct{ object jsonObject }

func newJSONLinesFormat(Options) Format { return new(jsonLinesFormat) }

func (f *jsonLinesFormat) Begin(_ *bytes.Buffer, columns []engine.ResultColumn) {
	f.object = newJSONObject(jsonColumns(columns))
}

func (f *jsonLinesFormat) Row(out *bytes.Buffer, values []any) error {
	f.object.write(out, values)
	out.WriteByte('\n')
	return nil
}

func (f *jsonLinesFormat) End(*bytes.Buffer) {}

// jsonObject writes rows as objects.
type jsonObject struct {
	names [][]byte // encoded as JSON
	order []int
}

func newJSONObject(columns []jsonColumn) jsonObject {
	var o jsonObject
	for i, c := range columns {
		o.names = append(o.names, encode(c.Name))
		o.order = append(o.order, i)
	}
	return o
}

func (o jsonObject) sort() {
	slices.SortFunc(o.order, func(a, b int) int { return bytes.Compare(o.names[a], o.names[b]) })
}

func (o jsonObject) write(out *bytes.Buffer, values []any) {
	separator := byte('{')
	for _, i := range o.order {
		out.WriteByte(separator)
		out.Write(o.names[i])
		out.WriteByte(':')
		out.Write(encode(values[i]))
		separator = ','
	}
	out.WriteByte('}')
}

// Object returns a row as a JSON object with its members in the order of the columns.
func Object(columns []engine.ResultColumn, row []any) json.RawMessage {
	var object bytes.Buffer
	newJSONObject(jsonColumns(columns)).write(&object, row)
	return object.Bytes()
}
