package am

import (
	"context"
	"iter"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// Census is the tables of one or more connections, as [Union] has them, for who reads each once and am_session before
// am_session_scan: that is then the evidence of the very scan that the sessions come from, and makes none of its own.
func Census(members []*Connection) []Table {
	if len(members) == 1 {
		return members[0].census()
	}
	return unite(members, (*Connection).census)
}

func (c *Connection) census() []Table {
	var evidence []*inventory.RealmScan
	sessionTable, sessionScanTable := sessionTable, sessionScanTable
	sessionTable.rows = func(ctx context.Context, c *Connection, q Query) iter.Seq2[*session, error] {
		return sessions(ctx, c, q, func(of []*inventory.RealmScan) { evidence = of })
	}
	scan := sessionScanTable.rows
	sessionScanTable.rows = func(ctx context.Context, c *Connection, q Query) iter.Seq2[*realmScan, error] {
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
	tables := c.Tables()
	tables[0], tables[1] = sessionTable.bind(c), sessionScanTable.bind(c)
	return tables
}
