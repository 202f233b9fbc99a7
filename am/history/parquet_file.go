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
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// rowGroup is the number of rows that an engine can skip at once.
const rowGroup = 20 * writeBatch

// parquetTypes are the types of columns. A time is an instant in microseconds.
var parquetTypes = map[table.Type]func() parquet.Node{
	table.Text:      parquet.String,
	table.Integer:   func() parquet.Node { return parquet.Int(64) },
	table.Double:    func() parquet.Node { return parquet.Leaf(parquet.DoubleType) },
	table.Boolean:   func() parquet.Node { return parquet.Leaf(parquet.BooleanType) },
	table.Timestamp: func() parquet.Node { return parquet.Timestamp(parquet.Microsecond) },
	table.JSON:      parquet.String, // as all engines can read it
}

// parquetColumns returns the columns of a relation's file in alphabetical order, as the library orders them. The server
// is not a column: it is in the name of a folder.
func (r relation) parquetColumns() []table.Column {
	columns := slices.Clone(r.all()[1:])
	slices.SortFunc(columns, func(a, b table.Column) int { return strings.Compare(a.Name, b.Name) })
	return columns
}

// zstdCodec is zstd with entropy coding of literals, so that it also compresses texts without repetitions: fingerprints
// to half their size.
type zstdCodec struct {
	compress.Codec
	encoder *zstd.Encoder
}

func (d zstdCodec) Encode(to, from []byte) ([]byte, error) {
	return d.encoder.EncodeAll(from, to[:0]), nil
}

// newParquetWriter compresses the data, and adds Bloom filters so that readers who look for a session or a user can
// skip row groups.
func newParquetWriter(file *os.File, r relation) (*parquet.GenericWriter[any], error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithAllLitEntropyCompression(true), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(2*parquet.DefaultPageBufferSize)) // the encoder allocates this much for each core
	if err != nil {
		return nil, err
	}
	group := parquet.Group{}
	var filters []parquet.BloomFilterColumn
	for _, c := range r.parquetColumns() {
		node := parquetTypes[c.Type]()
		if c.Type == table.Timestamp {
			node = parquet.Encoded(node, &parquet.DeltaBinaryPacked)
		}
		group[c.Name] = parquet.Compressed(parquet.Optional(node), zstdCodec{&parquet.Zstd, encoder})
		if r.daily() && (c.Name == "session" || c.Name == "username") {
			filters = append(filters, parquet.SplitBlockFilter(10, c.Name))
		}
	}
	return parquet.NewGenericWriter[any](file, parquet.NewSchema(r.name, group), parquet.BloomFilters(filters...),
		parquet.DataPageStatistics(false), // the column index contains them
		parquet.CreatedBy("amsql", "", "")), nil
}

// writeParquet writes a file that survives a loss of power, or no file.
func writeParquet(path string, r relation, at time.Time, rows iter.Seq2[[]any, error]) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			_ = os.Remove(path) // the complete folder is removed soon
		}
	}()
	writer, err := newParquetWriter(file, r)
	if err != nil {
		return err
	}
	if err := writeRows(writer, r, at, rows); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	return file.Sync()
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
		if !utf8.ValidString(v) { // faster than replacing without this check
			cell = strings.ToValidUTF8(v, "\uFFFD")
		}
		value = parquet.ValueOf(cell) // does not copy the text
	default:
		text, err := json.Marshal(cell)
		if err != nil {
			return value, err
		}
		value = parquet.ByteArrayValue(text)
	}
	return value.Level(0, 1, column), nil
}

// readKeyName reads the name of a snapshot's key from the snapshot's own file.
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
