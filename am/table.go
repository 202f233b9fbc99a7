package am

import (
	"context"
	"iter"
	"slices"
	"time"
)

// Type is what a column's cells are.
type Type int

// The types of columns. A cell is nil where it is NULL, otherwise a string, int64, float64, bool, time.Time, or for
// JSON a value that encoding/json can marshal.
const (
	Text Type = iota
	Integer
	Double
	Boolean
	Timestamp
	JSON
)

// Column is a column of a table.
type Column struct {
	Name        string
	Type        Type
	Description string
}

// Query is what a host wants of a table. Everything in it is a saving, nothing a promise: a host filters rows itself.
type Query struct {
	Columns []string // those wanted; nil: all
	Quals   []Qual   // all hold for each row wanted
	Limit   int64    // rows that match all quals; 0: no limit
}

// Qual is column = value, or column IN (values).
type Qual struct {
	Column string
	Values []any
}

// wants reports whether a column is wanted.
func (q Query) wants(column string) bool {
	return q.Columns == nil || slices.Contains(q.Columns, column)
}

// wantsAny reports whether one of the columns is wanted.
func (q Query) wantsAny(columns []string) bool {
	return slices.ContainsFunc(columns, q.wants)
}

// texts are the values that a text column shall equal: nil where there is no such qual.
func (q Query) texts(column string) []string {
	for _, qual := range q.Quals {
		if qual.Column != column {
			continue
		}
		texts := make([]string, 0, len(qual.Values))
		for _, value := range qual.Values {
			if text, ok := value.(string); ok {
				texts = append(texts, text)
			}
		}
		return texts
	}
	return nil
}

// Table is a table of one connection, for hosts other than Steampipe's.
type Table interface {
	Name() string
	Description() string
	Columns() []Column
	Keys() []string // the columns whose = and IN the table uses
	Rows(ctx context.Context, q Query) iter.Seq2[any, error]
	Cell(row any, column int) any
}

// table is a typed definition: all that every view of a table is made of.
type table[T any] struct {
	name        string
	description string
	keys        []string
	exact       bool // keys tell upper from lower case, which AM's names do not
	columns     []column[T]
	rows        func(ctx context.Context, c *Connection, q Query) iter.Seq2[*T, error]
}

type column[T any] struct {
	name        string
	kind        Type
	description string
	value       func(*T) any
}

// definition is a table before it has a connection.
type definition interface {
	bind(*Connection) Table
	pluginTable
}

// definitions are all tables, that of sessions first.
var definitions = []definition{
	sessionTable, sessionScanTable, sessionInfoTable, sessionPropertyTable, realmTable, sessionServiceTable, userTable, serverTable,
}

func (t table[T]) bind(c *Connection) Table { return &bound[T]{t, c} }

// scan yields the table's rows. Errors leave it to the host to name the table, which may be one of several connections.
func (t table[T]) scan(ctx context.Context, c *Connection, q Query) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		defer c.begin()()
		for row, err := range t.rows(ctx, c, q) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// bound is a definition with its connection.
type bound[T any] struct {
	table[T]
	connection *Connection
}

func (b *bound[T]) Name() string        { return b.name }
func (b *bound[T]) Description() string { return b.description }
func (b *bound[T]) Keys() []string      { return b.keys }

func (b *bound[T]) Columns() []Column {
	columns := make([]Column, len(b.columns))
	for i, c := range b.columns {
		columns[i] = Column{c.name, c.kind, c.description}
	}
	return columns
}

func (b *bound[T]) Rows(ctx context.Context, q Query) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for row, err := range b.scan(ctx, b.connection, q) {
			if !yield(row, err) {
				return
			}
		}
	}
}

func (b *bound[T]) Cell(row any, column int) any { return b.columns[column].value(row.(*T)) }

// The functions below make cells of values of which the zero value means absent.

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func number(n *int) any {
	if n == nil {
		return nil
	}
	return int64(*n)
}

func flag(b *bool) any {
	if b == nil {
		return nil
	}
	return *b
}

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
