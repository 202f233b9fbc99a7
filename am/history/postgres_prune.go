package history

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// daysOpen is how many days old partitions must be before they can be dropped: a scan that began on that day may still
// be writing to them.
const daysOpen = 2

// inMicros is the time of a snapshot as a number, which does not depend on the client's settings; [ofMicros] converts
// it back.
const inMicros = "(extract(epoch from taken_at) * 1000000)::bigint"

func ofMicros(text string) (time.Time, error) {
	micros, err := strconv.ParseInt(text, 10, 64)
	return time.UnixMicro(micros).UTC(), err
}

func (s *postgresStore) list(ctx context.Context) ([]listed, error) {
	rows, err := s.texts(ctx, "select server, "+inMicros+", shard || '/' || shards from snapshot")
	if err != nil {
		return nil, err
	}
	kept := map[snapshotID][]inventory.Shard{}
	for _, row := range rows {
		at, err := ofMicros(row[1])
		if err != nil {
			return nil, err
		}
		shards, err := parseShards(row[2:], nil)
		if err != nil {
			return nil, err
		}
		id := snapshotID{row[0], at}
		kept[id] = append(kept[id], shards...)
	}
	return listOf(kept), nil
}

// remove drops the partitions of days without remaining snapshots, and deletes the other rows, in one transaction.
func (s *postgresStore) remove(ctx context.Context, removed, kept []snapshotID, now time.Time) error {
	if len(removed) == 0 {
		return nil
	}
	err := s.locked(ctx, func() error {
		if err := s.dropDays(ctx, kept, now); err != nil {
			return err
		}
		batch := &pgconn.Batch{}
		for _, r := range relations() {
			for _, id := range removed {
				of := asBytes([]string{id.server, id.at.Format(time.RFC3339Nano)})
				batch.ExecParams("delete from "+r.name+" where server = $1 and taken_at = $2", of, nil, nil, nil)
			}
		}
		_, err := s.conn.ExecBatch(ctx, batch).ReadAll()
		return err
	})
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "55P03" { // lock_not_available
		return fmt.Errorf("remove snapshots: %w: a snapshot or a query is running in the history; nothing was removed, try again when it has ended", err)
	}
	if err != nil {
		return fmt.Errorf("remove snapshots: %w", err)
	}
	return nil
}

// dropDays drops partitions. It has to wait for everybody who uses the tables, and they then wait for it, so it does
// not wait for long.
func (s *postgresStore) dropDays(ctx context.Context, kept []snapshotID, now time.Time) error {
	needed := map[string]bool{}
	for _, id := range kept {
		needed[id.at.UTC().Format(partitionDay)] = true
	}
	if err := s.exec(ctx, "set local lock_timeout = '10s'"); err != nil {
		return err
	}
	open := now.UTC().AddDate(0, 0, -daysOpen).Format(partitionDay)
	for _, r := range relations() {
		if !r.daily() {
			continue
		}
		days, err := s.texts(ctx, "select right(inhrelid::regclass::text, $2) from pg_inherits where inhparent = $1::regclass", r.name, strconv.Itoa(len(partitionDay)))
		if err != nil {
			return err
		}
		for _, row := range days {
			day := row[0]
			if day > open || needed[day] {
				continue
			}
			if err := s.exec(ctx, "drop table if exists "+r.name+"_"+day); err != nil {
				return err
			}
		}
	}
	return nil
}
