package am

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// tableOf is a typed definition of a table, from which all its views are made.
type tableOf[T any] struct {
	name        string
	description string
	keys        []string
	exact       bool // keys are case-sensitive, unlike AM's names
	columns     []column[T]
	rows        rowsOf[T]
	lookups     func(rowsOf[T]) rowsOf[T] // replaces rows for the lookups of one statement; nil: rows
	hold        func() held[T]            // stores the rows of a scan for a plugin host; nil: unchanged
}

type column[T any] struct {
	name        string
	kind        table.Type
	description string
	value       func(*T) any
}

// definition is a table without a connection.
type definition interface {
	bind(*connection.Connection) table.Table
	pluginTable
}

// definitions contains all tables, sessions first.
var definitions = []definition{
	sessionTable, sessionScanTable, sessionInfoTable, sessionPropertyTable, realmTable, sessionServiceTable, userTable, serverTable,
}

// Tables returns the tables of a connection. If c is nil, they have columns but no rows.
func Tables(c *connection.Connection) []table.Table {
	tables := make([]table.Table, len(definitions))
	for i, d := range definitions {
		tables[i] = d.bind(c)
	}
	return tables
}

func (t tableOf[T]) bind(c *connection.Connection) table.Table { return &bound[T]{t, c} }

// bound is a definition with a connection.
type bound[T any] struct {
	tableOf[T]
	connection *connection.Connection
}

func (b *bound[T]) Name() string        { return b.name }
func (b *bound[T]) Description() string { return b.description }
func (b *bound[T]) Keys() []string      { return b.keys }

// foldedColumns contain names of users and realms, in all tables.
var foldedColumns = []string{"username", "login_name", "realm", "path"}

func (b *bound[T]) Columns() []table.Column {
	columns := make([]table.Column, len(b.columns))
	for i, c := range b.columns {
		columns[i] = table.Column{Name: c.name, Type: c.kind, Description: c.description, Folded: slices.Contains(foldedColumns, c.name)}
	}
	return columns
}

func (b *bound[T]) Rows(ctx context.Context, q table.Query) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for row, err := range b.rows(ctx, b.connection, q) {
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func (b *bound[T]) Cell(row any, column int) any { return b.columns[column].value(row.(*T)) }

// The functions below make cells of values whose zero value means that they are absent.

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
