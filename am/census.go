package am

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// Census returns the tables of one or more connections, combined as by [Union], for callers that read each table once,
// and am_session before am_session_scan. am_session_scan is then the evidence of the scan that the sessions came from,
// and runs no scan of its own. am_user has every listed identity, and also those with sessions that no list contains,
// because a store may list fewer identities than it finds by name. If tolerant is true, a realm that is truncated or
// fails is evidence and not an error, regardless of on_truncation and on_realm_error.
func Census(tolerant bool, members ...*connection.Connection) []table.Table {
	tables := func(c *connection.Connection) []table.Table { return census(c, tolerant, nil) }
	if len(members) == 1 {
		return tables(members[0])
	}
	return unite(members, tables)
}

// CensusAfter is a tolerant Census of a connection that compares lists that may be truncated with an earlier scan.
func CensusAfter(previous *inventory.Previous, c *connection.Connection) []table.Table {
	return census(c, true, previous)
}

func census(c *connection.Connection, tolerant bool, previous *inventory.Previous) []table.Table {
	var evidence []*inventory.RealmScan
	sessionTable, sessionScanTable, userTable := sessionTable, sessionScanTable, userTable
	seen := userNames{}
	sessionTable.lookups = nil // lookups would leave no evidence
	sessionTable.rows = func(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*session, error] {
		scanned := sessionQuery(q)
		scanned.Evidence, scanned.Tolerant, scanned.Previous = &evidence, tolerant, previous
		return seen.among(sessionRows(ctx, c, q, scanned))
	}
	userTable.rows = seen.completing(userTable.rows)
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
		case userTable.name:
			tables[i] = userTable.bind(c)
		case sessionTable.name:
			tables[i] = sessionTable.bind(c)
		case sessionScanTable.name:
			tables[i] = sessionScanTable.bind(c)
		}
	}
	return tables
}

// userNames contains the names of users with sessions, by the Folds of the realm and the name.
type userNames map[string]*namesOfRealm

type namesOfRealm struct {
	path  string
	names map[string]string
}

// among records the users of the sessions.
func (n userNames) among(sessions iter.Seq2[*session, error]) iter.Seq2[*session, error] {
	return func(yield func(*session, error) bool) {
		for s, err := range sessions {
			if err == nil && s.Username != "" && s.FoundByName() {
				n.note(s.Realm, s.Username)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

func (n userNames) note(realm, name string) {
	of := n[crest.Fold(realm)]
	if of == nil {
		of = &namesOfRealm{realm, map[string]string{}}
		n[crest.Fold(realm)] = of
	}
	of.names[crest.Fold(name)] = name
}

// completing adds to the listed identities those that can only be found by the names of sessions, with one request
// each.
func (n userNames) completing(listed rowsOf[user]) rowsOf[user] {
	return func(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*user, error] {
		return func(yield func(*user, error) bool) {
			for u, err := range listed(ctx, c, q) {
				if err == nil && n[crest.Fold(u.Realm)] != nil {
					delete(n[crest.Fold(u.Realm)].names, crest.Fold(u.ID))
				}
				if !yield(u, err) || err != nil {
					return
				}
			}
			for _, of := range n {
				if len(of.names) == 0 {
					continue
				}
				missing := userQuery(q)
				missing.Realms, missing.Names = []string{of.path}, slices.Collect(maps.Values(of.names))
				for u, err := range c.Inventory().Users(ctx, missing) {
					if !yield(&user{u, c.BaseURL()}, err) || err != nil {
						return
					}
				}
			}
		}
	}
}
