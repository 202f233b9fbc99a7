package am

import (
	"context"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// Union combines the tables of several connections: each table has the rows of all connections, in no particular order.
// An error in one connection becomes that of the query, and names the connection.
func Union(members []*connection.Connection) []table.Table { return unite(members, Tables) }

func unite(members []*connection.Connection, tablesOf func(*connection.Connection) []table.Table) []table.Table {
	tables := make([]table.Table, len(definitions))
	for _, member := range members {
		for i, t := range tablesOf(member) {
			if tables[i] == nil {
				tables[i] = &union{Table: t}
			}
			u := tables[i].(*union)
			u.members, u.names = append(u.members, t), append(u.names, member.Name())
		}
	}
	return tables
}

// union is a table of several connections. All have the same definition, so any of them can convert rows to cells.
type union struct {
	table.Table
	members []table.Table
	names   []string // names of the connections
}

// Rows queries all connections concurrently.
func (u *union) Rows(ctx context.Context, q table.Query) iter.Seq2[any, error] {
	return u.ask(ctx, q, func(member int) rowsOfAny { return u.members[member].Rows })
}

// Lookups combines those of all connections.
func (u *union) Lookups() func(context.Context, table.Query) iter.Seq2[any, error] {
	lookups := make([]rowsOfAny, len(u.members))
	for i, member := range u.members {
		lookups[i] = table.Lookups(member)
	}
	return func(ctx context.Context, q table.Query) iter.Seq2[any, error] {
		return u.ask(ctx, q, func(member int) rowsOfAny { return lookups[member] })
	}
}

type rowsOfAny = func(context.Context, table.Query) iter.Seq2[any, error]

func (u *union) ask(ctx context.Context, q table.Query, of func(member int) rowsOfAny) iter.Seq2[any, error] {
	return inventory.Stream(ctx, func(ctx context.Context, send inventory.Sender[any]) error {
		group, ctx := errgroup.WithContext(ctx)
		for i := range u.members {
			group.Go(func() error {
				for row, err := range of(i)(ctx, q) {
					if err != nil {
						return fmt.Errorf("connection %s: %w", u.names[i], err)
					}
					if err := send(ctx, row); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return group.Wait()
	})
}
