package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/parquet-go/parquet-go"
)

const (
	// rowGroup is how many rows an engine can skip at once, and how many wait in memory.
	rowGroup = 100_000

	writeBatch = 500 // rows that are handed to the writer at once
)

// parquetTypes are those of columns. A time is an instant, in microseconds.
var parquetTypes = map[am.Type]func() parquet.Node{
	am.Text:      parquet.String,
	am.Integer:   func() parquet.Node { return parquet.Int(64) },
	am.Double:    func() parquet.Node { return parquet.Leaf(parquet.DoubleType) },
	am.Boolean:   func() parquet.Node { return parquet.Leaf(parquet.BooleanType) },
	am.Timestamp: func() parquet.Node { return parquet.Timestamp(parquet.Microsecond) },
	am.JSON:      parquet.String, // as which all engines read it
}

// parquetColumns are a relation's in a file, in the order of their names, as the format's library has them. The server
// is in the name of a folder.
func (r relation) parquetColumns() []am.Column {
	columns := slices.Clone(r.all()[1:])
	slices.SortFunc(columns, func(a, b am.Column) int { return strings.Compare(a.Name, b.Name) })
	return columns
}

// newParquetWriter compresses, and lets those who look for a session or a user skip row groups without them.
func newParquetWriter(file *os.File, r relation) *parquet.GenericWriter[any] {
	group := parquet.Group{}
	var filters []parquet.BloomFilterColumn
	for _, c := range r.parquetColumns() {
		group[c.Name] = parquet.Compressed(parquet.Optional(parquetTypes[c.Type]()), &parquet.Zstd)
		if r.daily() && (c.Name == "session" || c.Name == "username") {
			filters = append(filters, parquet.SplitBlockFilter(10, c.Name))
		}
	}
	return parquet.NewGenericWriter[any](file, parquet.NewSchema(r.name, group),
		parquet.MaxRowsPerRowGroup(rowGroup), parquet.BloomFilters(filters...), parquet.CreatedBy("amsql", "", ""))
}

// writeParquet writes a file that outlasts a loss of power, or none.
func writeParquet(path string, r relation, at time.Time, rows iter.Seq2[[]any, error]) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			_ = os.Remove(path) // the whole folder goes soon
		}
	}()
	writer := newParquetWriter(file, r)
	if err := writeRows(writer, r, at, rows); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	return file.Sync()
}

func writeRows(writer *parquet.GenericWriter[any], r relation, at time.Time, rows iter.Seq2[[]any, error]) error {
	var order []int // of the cells in a file's row
	for _, c := range r.parquetColumns() {
		order = append(order, slices.Index(r.names(), c.Name)-1)
	}
	batch, cells := make([]parquet.Row, 0, writeBatch), make([]any, 0, len(order))
	values := make([]parquet.Value, writeBatch*len(order)) // of the batch; the writer keeps none
	flush := func() error {
		_, err := writer.WriteRows(batch)
		batch = batch[:0]
		return err
	}
	for row, err := range rows {
		if err != nil {
			return err
		}
		cells = append(append(cells[:0], at), row...)
		encoded := parquet.Row(values[len(batch)*len(order):][:len(order):len(order)])
		for i, from := range order {
			if encoded[i], err = parquetValue(cells[from], i); err != nil {
				return fmt.Errorf("column %s: %w", r.names()[from+1], err)
			}
		}
		if batch = append(batch, encoded); len(batch) == writeBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func parquetValue(cell any, column int) (parquet.Value, error) {
	var value parquet.Value
	switch v := cell.(type) {
	case nil:
		return parquet.NullValue().Level(0, 0, column), nil
	case bool:
		value = parquet.BooleanValue(v)
	case int64:
		value = parquet.Int64Value(v)
	case float64:
		value = parquet.DoubleValue(v)
	case time.Time:
		value = parquet.Int64Value(v.UnixMicro())
	case string:
		value = parquet.ByteArrayValue([]byte(strings.ToValidUTF8(v, "\uFFFD")))
	default:
		text, err := json.Marshal(cell)
		if err != nil {
			return value, err
		}
		value = parquet.ByteArrayValue(text)
	}
	return value.Level(0, 1, column), nil
}

// readKeyName reads the name of a snapshot's key from its own file.
func readKeyName(folder string, content []byte) (string, error) {
	rows, err := parquet.Read[struct {
		Key string `parquet:"fingerprint_key,optional"`
	}](bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return "", fmt.Errorf("read the file of %s: %w", folder, err)
	}
	if len(rows) != 1 {
		return "", fmt.Errorf("the file of %s has %d rows instead of one", folder, len(rows))
	}
	return rows[0].Key, nil
}
