package history

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// daysOpen is how long the partitions of a day are left alone: a scan that began on it may still write to them.
const daysOpen = 2

func (s *postgresStore) list(ctx context.Context) (all []snapshotID, err error) {
	rows, err := s.conn.Query(ctx, "select server, taken_at from snapshot")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (id snapshotID, err error) {
		err = row.Scan(&id.server, &id.at)
		return id, err
	})
}

// remove drops the partitions of days that nothing is kept of, and deletes the rest, in one transaction.
func (s *postgresStore) remove(ctx context.Context, removed, kept []snapshotID, now time.Time) error {
	if len(removed) == 0 {
		return nil
	}
	err := s.locked(ctx, func(tx pgx.Tx) error {
		if err := s.dropDays(ctx, tx, kept, now); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for _, r := range relations() {
			for _, id := range removed {
				batch.Queue("delete from "+r.name+" where server = $1 and taken_at = $2", id.server, id.at)
			}
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "55P03" { // lock_not_available
		return fmt.Errorf("remove snapshots: %w: a snapshot or a query is under way in the history; nothing is removed, try again when it has ended", err)
	}
	if err != nil {
		return fmt.Errorf("remove snapshots: %w", err)
	}
	return nil
}

// dropDays drops partitions. It has to wait for all who use the table, and they for it, and so it does not wait for long.
func (s *postgresStore) dropDays(ctx context.Context, tx pgx.Tx, kept []snapshotID, now time.Time) error {
	needed := map[string]bool{}
	for _, id := range kept {
		needed[id.at.UTC().Format(partitionDay)] = true
	}
	if _, err := tx.Exec(ctx, "set local lock_timeout = '10s'"); err != nil {
		return err
	}
	open := now.UTC().AddDate(0, 0, -daysOpen).Format(partitionDay)
	for _, r := range relations() {
		if !r.daily() {
			continue
		}
		rows, err := tx.Query(ctx, "select right(inhrelid::regclass::text, $2) from pg_inherits where inhparent = $1::regclass", r.name, len(partitionDay))
		if err != nil {
			return err
		}
		days, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, day := range days {
			if day > open || needed[day] {
				continue
			}
			if _, err := tx.Exec(ctx, "drop table if exists "+r.name+"_"+day); err != nil {
				return err
			}
		}
	}
	return nil
}
