package history

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"
)

const (
	writeBatch  = 5_000 // number of rows that wait in memory until their columns are encoded concurrently
	encodeBatch = 500   // number of cells that are encoded at once
)

func writeRows(writer *parquet.GenericWriter[any], r relation, at time.Time, rows iter.Seq2[[]any, error]) error {
	e := newEncoding(writer, r)
	defer func() { _ = e.tasks.Wait() }() // end has returned its error; after another error, it does not matter
	cells := make([]any, 0, len(e.columns))
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := e.add(append(append(cells, at), row...)); err != nil {
			return err
		}
	}
	return e.end()
}

// encoding writes the rows of a file. While one batch is being filled, the previous one is encoded, and the previous
// row group is written.
type encoding struct {
	columns       []encodedColumn
	group, before *parquet.ConcurrentRowGroupWriter
	batch, rows   int // number of rows in the batch that is being filled, and in the group before it
	tasks         errgroup.Group
}

type encodedColumn struct {
	name          string
	from          int // index of the first cell of the rows
	cells, before []any
	values        []parquet.Value
}

func newEncoding(writer *parquet.GenericWriter[any], r relation) *encoding {
	e := &encoding{group: writer.BeginRowGroup(), before: writer.BeginRowGroup()}
	for _, c := range r.parquetColumns() {
		e.columns = append(e.columns, encodedColumn{name: c.Name, from: slices.Index(r.names(), c.Name) - 1})
	}
	return e
}

func (e *encoding) add(row []any) error {
	for i := range e.columns {
		c := &e.columns[i]
		c.cells = append(c.cells, row[c.from])
	}
	if e.batch++; e.batch < writeBatch {
		return nil
	}
	return e.encode()
}

// encode starts to encode the batch as soon as the previous one has been encoded.
func (e *encoding) encode() error {
	if err := e.tasks.Wait(); err != nil {
		return err
	}
	if e.rows == rowGroup {
		e.write()
	}
	writers := e.group.ColumnWriters()
	for i := range e.columns {
		c := &e.columns[i]
		c.cells, c.before = c.before[:0], c.cells
		e.tasks.Go(func() error { return c.encode(writers[i], i) })
	}
	e.batch, e.rows = 0, e.rows+e.batch
	return nil
}

// write starts to write the group.
func (e *encoding) write() {
	e.group, e.before, e.rows = e.before, e.group, 0
	encoded := e.before
	e.tasks.Go(func() error {
		_, err := encoded.Commit()
		return err
	})
}

func (e *encoding) end() error {
	if err := e.encode(); err != nil {
		return err
	}
	if err := e.tasks.Wait(); err != nil {
		return err
	}
	e.write()
	return e.tasks.Wait()
}

func (c *encodedColumn) encode(to *parquet.ColumnWriter, column int) error {
	for cells := range slices.Chunk(c.before, encodeBatch) {
		c.values = c.values[:0]
		for _, cell := range cells {
			value, err := parquetValue(cell, column)
			if err != nil {
				return fmt.Errorf("column %s: %w", c.name, err)
			}
			c.values = append(c.values, value)
		}
		if _, err := to.WriteRowValues(c.values); err != nil {
			return err
		}
	}
	return nil
}
