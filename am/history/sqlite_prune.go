package history

import (
	"context"
	"fmt"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

func (s *sqliteStore) list(context.Context) ([]listed, error) {
	stmt, _, err := s.conn.Prepare("select server, taken_at, shard, shards from snapshot")
	if err != nil {
		return nil, err
	}
	defer func() { _ = stmt.Close() }() // repeats the error of the last step
	kept := map[snapshotID][]inventory.Shard{}
	for stmt.Step() {
		at, err := parseTimestamp(stmt.ColumnText(1))
		if err != nil {
			return nil, err
		}
		id := snapshotID{stmt.ColumnText(0), at}
		kept[id] = append(kept[id], inventory.Shard{Index: stmt.ColumnInt(2), Count: stmt.ColumnInt(3)})
	}
	return listOf(kept), stmt.Err()
}

// remove deletes the snapshots in one transaction. Then it rewrites the file without its free space; nobody else can
// write in the meantime.
func (s *sqliteStore) remove(ctx context.Context, removed, _ []snapshotID, _ time.Time) error {
	if len(removed) == 0 {
		return nil
	}
	defer s.conn.SetInterrupt(s.conn.SetInterrupt(ctx))
	if err := s.transaction(func() error { return s.delete(removed) }); err != nil {
		return fmt.Errorf("remove snapshots: %w", s.disk.withCause(err))
	}
	if err := s.conn.Exec("vacuum"); err != nil {
		return fmt.Errorf("the snapshots were removed, but the file is as large as before: %w: free as much space as the file takes, and run VACUUM in it", s.disk.withCause(err))
	}
	return nil
}

func (s *sqliteStore) delete(removed []snapshotID) error {
	for _, r := range relations() {
		stmt, _, err := s.conn.Prepare("delete from " + r.name + " where server = ? and taken_at = ?")
		if err != nil {
			return err
		}
		defer func() { _ = stmt.Close() }() // repeats the error of the last step
		for _, id := range removed {
			if err := bind(stmt, 1, id.server); err != nil {
				return err
			}
			if err := bind(stmt, 2, id.at); err != nil {
				return err
			}
			if err := stmt.Exec(); err != nil {
				return err
			}
		}
	}
	return nil
}
