package history

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// compared is the relation session with only the columns that a scan needs of the previous snapshot.
var compared = relation{name: "session", columns: []table.Column{
	{Name: "realm", Type: table.Text},
	{Name: "username", Type: table.Text},
	{Name: "identity_type", Type: table.Text},
	{Name: "session", Type: table.Text},
	{Name: "max_session_expiration_time", Type: table.Timestamp},
}}

// comparedSQL selects the columns of compared for a server ($1) and a realm ($2), from the latest snapshot before a time
// ($3) in which the list of the realm was not truncated. %s is the expiration time.
const comparedSQL = `select realm, username, identity_type, session, %s from session
where server = $1 and realm = $2 and taken_at = (
  select taken_at from merged_session_scan
  where server = $1 and realm = $2 and taken_at < $3 and completeness <> 'truncated'
  order by taken_at desc limit 1
)`

// previous returns what the inventory compares its lists with.
func (t *snapshotter) previous(store Store) *inventory.Previous {
	return &inventory.Previous{
		Key: t.options.Key.Fingerprint,
		Sessions: func(ctx context.Context, realm string) iter.Seq2[inventory.PreviousSession, error] {
			return func(yield func(inventory.PreviousSession, error) bool) {
				for cells, err := range store.previous(ctx, t.Server, realm, t.At) {
					var s inventory.PreviousSession
					if err == nil {
						s.Username, _ = cells[1].(string)
						s.IdentityType, _ = cells[2].(string)
						s.Key, _ = cells[3].(string)
						s.End, _ = cells[4].(time.Time)
					}
					if !yield(s, err) || err != nil {
						return
					}
				}
			}
		},
	}
}

// A dataset is a store that consists of files.
type dataset interface {
	// earlier yields a server's snapshots before a time, the latest first.
	earlier(ctx context.Context, server string, before time.Time) iter.Seq2[listed, error]

	read(ctx context.Context, r relation, ids []snapshotID, all bool) iter.Seq2[[]any, error]
}

// lookBack is the number of snapshots of a dataset that lastProof reads at most. In an outage, several snapshots in a row
// may have only a truncated list of a realm.
const lookBack = 100

// previousOf yields what comparedSQL selects.
func previousOf(ctx context.Context, d dataset, server, realm string, before time.Time) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		proof, err := lastProof(ctx, d, server, realm, before)
		if err != nil {
			yield(nil, err)
			return
		}
		for row, err := range d.read(ctx, compared, proof, false) {
			if err != nil {
				yield(nil, err)
				return
			}
			if row = row[len(snapshotKey):]; row[0] == realm && !yield(row, nil) {
				return
			}
		}
	}
}

// lastProof returns the latest snapshot before a time in which the list of the realm was not truncated, or none.
func lastProof(ctx context.Context, d dataset, server, realm string, before time.Time) ([]snapshotID, error) {
	looked := 0
	for l, err := range d.earlier(ctx, server, before) {
		if err != nil {
			return nil, err
		}
		if looked++; looked > lookBack {
			break
		}
		if !l.complete {
			continue
		}
		ids := []snapshotID{l.snapshotID}
		if proof, err := proves(d.read(ctx, relationNamed("session_scan"), ids, false), realm); proof || err != nil {
			return ids, err
		}
	}
	return nil, nil
}

// proves reports whether a snapshot has scans of the realm from all shards, none of them truncated.
func proves(scans iter.Seq2[[]any, error], realm string) (bool, error) {
	r := relationNamed("session_scan")
	found, shards := int64(0), int64(0)
	for row, err := range scans {
		if err != nil {
			return false, err
		}
		if row = row[len(snapshotKey):]; row[r.column("realm")] != realm {
			continue
		}
		if row[r.column("completeness")] == string(inventory.Truncated) {
			return false, nil
		}
		found++
		shards, _ = row[r.column("shards")].(int64)
	}
	return found > 0 && found == shards, nil
}

func relationNamed(name string) relation {
	all := relations()
	return all[slices.IndexFunc(all, func(r relation) bool { return r.name == name })]
}

// latestFirst sorts snapshots by time, the latest first.
func latestFirst(all []listed) []listed {
	slices.SortFunc(all, func(a, b listed) int { return b.at.Compare(a.at) })
	return all
}
