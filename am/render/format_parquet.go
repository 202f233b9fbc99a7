package render

import (
	"bytes"
	"fmt"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// parquetRows is how many rows a row group has: they wait in memory.
const parquetRows = 100_000

// parquetFormat is a Parquet file with the columns in their order, each of which may be NULL.
type parquetFormat struct {
	version string // of amsql
	columns []engine.ResultColumn
	writer  *parquet.GenericWriter[any] // of rows that have no Go type
}

func newParquetFormat(o Options) Format { return &parquetFormat{version: o.Version} }

// parquetTypes are those of the columns. A time is an instant, in microseconds.
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

func (f *parquetFormat) Begin(out *bytes.Buffer, columns []engine.ResultColumn) {
	f.columns = columns
	group := inOrder{Group: parquet.Group{}}
	for i, c := range jsonColumns(columns) {
		group.names = append(group.names, c.Name)
		group.Group[c.Name] = parquet.Optional(parquetTypes[columns[i].Type]())
	}
	f.writer = parquet.NewGenericWriter[any](out, parquet.NewSchema("amsql", group),
		parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(parquetRows), parquet.CreatedBy("amsql", f.version, ""))
}

func (f *parquetFormat) Row(_ *bytes.Buffer, values []any) error {
	row := make(parquet.Row, len(values))
	for i, value := range values {
		cell, ok := parquetValue(f.columns[i].Type, value)
		if !ok {
			return fmt.Errorf("column %s holds %s, but its first row has it as %s: cast the expression to one type", f.columns[i].Name, text(value), f.columns[i].Type)
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

// parquetValue is a value as its column has it; not ok where it is of another type, which SQLite allows.
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

func (f *parquetFormat) End(*bytes.Buffer) {
	if err := f.writer.Close(); err != nil {
		panic(err) // it writes to memory
	}
}
