package am

import (
	"context"
	"iter"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// Census is the tables of one or more connections, as [Union] has them, for callers that read each table once and am_session before
// am_session_scan: that is then the evidence of the very scan that the sessions come from, and makes none of its own. Where
// it is tolerant, a realm that is cut or fails is evidence, whatever on_truncation and on_realm_error say, and not an error.
func Census(tolerant bool, members ...*connection.Connection) []table.Table {
	tables := func(c *connection.Connection) []table.Table { return census(c, tolerant) }
	if len(members) == 1 {
		return tables(members[0])
	}
	return unite(members, tables)
}

func census(c *connection.Connection, tolerant bool) []table.Table {
	var evidence []*inventory.RealmScan
	sessionTable, sessionScanTable := sessionTable, sessionScanTable
	sessionTable.lookups = nil // they would leave no evidence
	sessionTable.rows = func(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*session, error] {
		scanned := sessionQuery(q)
		scanned.Evidence, scanned.Tolerant = &evidence, tolerant
		return sessionRows(ctx, c, q, scanned)
	}
	scan := sessionScanTable.rows
	sessionScanTable.rows = func(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*realmScan, error] {
		if evidence == nil {
			return scan(ctx, c, q)
		}
		return func(yield func(*realmScan, error) bool) {
			for _, r := range evidence {
				if !yield(&realmScan{r, c.BaseURL()}, nil) {
					return
				}
			}
		}
	}
	tables := Tables(c)
	for i, t := range tables {
		switch t.Name() {
		case sessionTable.name:
			tables[i] = sessionTable.bind(c)
		case sessionScanTable.name:
			tables[i] = sessionScanTable.bind(c)
		}
	}
	return tables
}
