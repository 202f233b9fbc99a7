//go:build !demo

package render

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// parquetRows is the number of rows in a row group, which waits in memory.
const parquetRows = 100_000

// lookAhead is how many rows determine the types of expressions.
const lookAhead = 10_000

// parquetFormat is a Parquet file with the columns in order. Each column may be NULL. Columns have their declared
// types. Expressions have the type of the values in the first rows, so a NULL in the first row does not turn numbers
// into text.
type parquetFormat struct {
	version string // the version of amsql
	columns []engine.ResultColumn
	decided []bool                      // whether the type of a column is known
	waiting [][]any                     // the first rows, until there is a writer
	writer  *parquet.GenericWriter[any] // the rows have no Go type
}

// parquetFormats contains the format of this file, for formats.
var parquetFormats = []namedFormat{{"", ".parquet", newParquetFormat, nil}}

func newParquetFormat(o Options) Format { return &parquetFormat{version: o.Version} }

// parquetTypes are the types of columns. A time is an instant in microseconds.
var parquetTypes = map[table.Type]func() parquet.Node{
	table.Text:      parquet.String,
	table.Integer:   func() parquet.Node { return parquet.Int(64) },
	table.Double:    func() parquet.Node { return parquet.Leaf(parquet.DoubleType) },
	table.Boolean:   func() parquet.Node { return parquet.Leaf(parquet.BooleanType) },
	table.Timestamp: func() parquet.Node { return parquet.Timestamp(parquet.Microsecond) },
	table.JSON:      parquet.JSON,
}

// inOrder is a group that does not sort its fields.
type inOrder struct {
	parquet.Group
	names []string
}

func (g inOrder) Fields() []parquet.Field {
	byName := map[string]parquet.Field{}
	for _, field := range g.Group.Fields() {
		byName[field.Name()] = field
	}
	fields := make([]parquet.Field, len(g.names))
	for i, name := range g.names {
		fields[i] = byName[name]
	}
	return fields
}

func (f *parquetFormat) Begin(_ *bytes.Buffer, columns []engine.ResultColumn) {
	f.columns, f.decided = slices.Clone(columns), make([]bool, len(columns))
	for i, c := range columns {
		if f.decided[i] = c.Declared; !c.Declared {
			f.columns[i].Type = table.Text // all values are NULL
		}
	}
}

// write writes the waiting rows.
func (f *parquetFormat) write(out *bytes.Buffer) error {
	columns := f.columns
	group := inOrder{Group: parquet.Group{}}
	for i, c := range jsonColumns(columns) {
		group.names = append(group.names, c.Name)
		group.Group[c.Name] = parquet.Optional(parquetTypes[columns[i].Type]())
	}
	f.writer = parquet.NewGenericWriter[any](out, parquet.NewSchema("amsql", group),
		parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(parquetRows), parquet.CreatedBy("amsql", f.version, ""))
	for _, values := range f.waiting {
		if err := f.writeRow(values); err != nil {
			return err
		}
	}
	f.waiting = nil
	return nil
}

// take determines the type of a column from a value, unless it is known already. If integers and doubles are mixed, the
// type becomes double. ok is false if the value has another type.
func (f *parquetFormat) take(column int, value any) (ok bool) {
	c := &f.columns[column]
	_, isDouble := value.(float64)
	_, isInteger := value.(int64)
	switch {
	case value == nil:
		return true
	case !f.decided[column] && isInteger:
		c.Type = table.Integer
	case isDouble && !c.Declared && (!f.decided[column] || c.Type == table.Integer):
		c.Type = table.Double
	}
	f.decided[column] = true
	_, ok = parquetValue(c.Type, value)
	return ok
}

func (f *parquetFormat) Row(out *bytes.Buffer, values []any) error {
	if f.writer != nil {
		return f.writeRow(values)
	}
	for i, value := range values {
		if !f.take(i, value) {
			return f.mismatch(i, value)
		}
	}
	f.waiting = append(f.waiting, slices.Clone(values))
	if len(f.waiting) < lookAhead {
		return nil
	}
	return f.write(out)
}

func (f *parquetFormat) mismatch(column int, value any) error {
	c := f.columns[column]
	return fmt.Errorf("column %s contains %s, but is %s in earlier rows: cast the expression to one type", c.Name, text(value), c.Type)
}

func (f *parquetFormat) writeRow(values []any) error {
	row := make(parquet.Row, len(values))
	for i, value := range values {
		cell, ok := parquetValue(f.columns[i].Type, value)
		if !ok {
			return f.mismatch(i, value)
		}
		level := 1
		if cell.IsNull() {
			level = 0
		}
		row[i] = cell.Level(0, level, i)
	}
	_, err := f.writer.WriteRows([]parquet.Row{row})
	return err
}

// parquetValue converts a value to its column's type; ok is false if it has another type, which SQLite allows.
func parquetValue(as table.Type, value any) (cell parquet.Value, ok bool) {
	switch v := value.(type) {
	case nil:
		return parquet.NullValue(), true
	case bool:
		return parquet.BooleanValue(v), as == table.Boolean
	case int64:
		if as == table.Double {
			return parquet.DoubleValue(float64(v)), true
		}
		cell, ok = parquet.Int64Value(v), as == table.Integer
	case float64:
		cell, ok = parquet.DoubleValue(v), as == table.Double
	case time.Time:
		cell, ok = parquet.Int64Value(v.UnixMicro()), as == table.Timestamp
	}
	if !ok && (as == table.Text || as == table.JSON) {
		return parquet.ByteArrayValue([]byte(text(value))), true
	}
	return cell, ok
}

func (f *parquetFormat) End(out *bytes.Buffer) {
	var err error
	if f.writer == nil {
		err = f.write(out)
	}
	if err = cmp.Or(err, f.writer.Close()); err != nil {
		panic(err) // writing to memory does not fail, and the waiting rows have the types of their columns
	}
}
