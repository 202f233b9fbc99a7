package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// readBatch is the number of rows that are read at once.
const readBatch = 500

// readFiles yields the rows of a relation from its files, which open opens.
func readFiles(r relation, ids []snapshotID, shards func(snapshotID) ([]inventory.Shard, error), open func(name string, read func(io.ReaderAt, int64) error) error) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		stopped := false
		for _, id := range ids {
			kept, err := shards(id)
			if err == nil && len(kept) == 0 {
				err = fs.ErrNotExist
			}
			for _, shard := range kept {
				name := path.Join(id.folder(shard), parquetFile(r))
				err = open(name, func(file io.ReaderAt, size int64) error {
					return readParquet(file, size, r, id, func(row []any) bool {
						stopped = !yield(row, nil)
						return !stopped
					})
				})
				if err != nil {
					err = fmt.Errorf("read %s: %w", name, err)
					break
				}
				if stopped {
					return
				}
			}
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("the snapshot of %s was removed in the meantime: run the query again (%w)", id.at.Format(time.RFC3339), err)
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// readParquet yields the rows of a file until yield returns false. Columns that the file lacks are NULL.
func readParquet(from io.ReaderAt, size int64, r relation, id snapshotID, yield func([]any) bool) error {
	file, err := parquet.OpenFile(from, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	columns := r.all()
	schema, only, err := r.project(file.Schema())
	if err != nil {
		return err
	}
	var at []int // the index in the relation for each column of the schema
	for _, name := range schema.Columns() {
		at = append(at, table.Index(columns, name[0]))
	}
	batch := make([]parquet.Row, readBatch)
	for _, group := range file.RowGroups() {
		rows := parquet.ConvertRowGroup(group, only).Rows()
		for err == nil {
			var n int
			n, err = rows.ReadRows(batch)
			for _, found := range batch[:n] {
				row := make([]any, len(columns))
				row[0] = id.server
				for _, value := range found {
					i := at[value.Column()]
					if i < 0 {
						continue
					}
					row[i] = cellOf(value, columns[i].Type)
					if text, is := row[i].(string); is {
						row[i] = r.word(columns[i].Name, text)
					}
				}
				if !yield(row) {
					return rows.Close()
				}
			}
		}
		if err = errors.Join(notEnd(err), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

func notEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// project returns the part of a file's schema that the relation has, and the conversion to it, which reads no other
// columns.
func (r relation) project(file *parquet.Schema) (*parquet.Schema, parquet.Conversion, error) {
	columns := parquet.Group{}
	for _, field := range file.Fields() {
		if table.Index(r.all(), field.Name()) >= 0 {
			columns[field.Name()] = field
		}
	}
	schema := parquet.NewSchema(file.Name(), columns)
	only, err := parquet.Convert(schema, file)
	return schema, only, err
}

// cellOf is the inverse of parquetValue.
func cellOf(value parquet.Value, as table.Type) any {
	switch {
	case value.IsNull():
		return nil
	case as == table.Boolean:
		return value.Boolean()
	case as == table.Integer:
		return value.Int64()
	case as == table.Double:
		return value.Double()
	case as == table.Timestamp:
		return time.UnixMicro(value.Int64())
	case as == table.JSON:
		return json.RawMessage(bytes.Clone(value.ByteArray()))
	}
	return string(value.ByteArray())
}

func (s *parquetStore) read(ctx context.Context, r relation, ids []snapshotID, _ bool) iter.Seq2[[]any, error] {
	return readFiles(r, ids, func(id snapshotID) ([]inventory.Shard, error) { return s.shards(ctx, id.server, id.at) },
		func(name string, read func(io.ReaderAt, int64) error) (err error) {
			file, err := os.Open(filepath.Join(s.dir, name))
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, file.Close()) }()
			info, err := file.Stat()
			if err != nil {
				return err
			}
			return read(file, info.Size())
		})
}

// read keeps one file at a time in memory.
func (s *bucketStore) read(ctx context.Context, r relation, ids []snapshotID, _ bool) iter.Seq2[[]any, error] {
	return readFiles(r, ids, func(id snapshotID) ([]inventory.Shard, error) { return s.shards(ctx, id.server, id.at) },
		func(name string, read func(io.ReaderAt, int64) error) error {
			content, err := s.bucket.read(ctx, s.prefix+name)
			if err != nil {
				return err
			}
			return read(bytes.NewReader(content), int64(len(content)))
		})
}
