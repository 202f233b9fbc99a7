package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// openPostgresSource opens an existing history and reads its present state. The account only needs the right to read.
func openPostgresSource(ctx context.Context, url string) (source, error) {
	s, err := dialPostgres(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := s.readable(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s, err), s.conn.Close(ctx))
	}
	return s, nil
}

func (s *postgresStore) readable(ctx context.Context) error {
	if err := s.exec(ctx, "begin isolation level repeatable read read only"); err != nil {
		return err
	}
	if err := s.usable(ctx); err != nil {
		return err
	}
	version, err := s.version(ctx)
	switch {
	case err != nil:
		return err
	case version == 0:
		return errEmpty
	case version > schemaVersion:
		return errNewer
	case version < schemaVersion:
		return errOlder
	}
	return nil
}

func (s *postgresStore) read(ctx context.Context, r relation, ids []snapshotID, all bool) iter.Seq2[[]any, error] {
	columns := r.all()
	var selected []string
	for _, c := range columns {
		if c.Type == table.Timestamp {
			selected = append(selected, epochMicros(c.Name))
		} else {
			selected = append(selected, c.Name)
		}
	}
	sql := "select " + strings.Join(selected, ", ") + " from " + r.name
	var args []string
	if !all {
		var servers, times []string
		for _, id := range ids {
			servers, times = append(servers, id.server), append(times, id.at.Format(time.RFC3339Nano))
		}
		sql += ` where (server, taken_at) in (select unnest(string_to_array($1, E'\n')), unnest(string_to_array($2, E'\n'))::timestamptz)`
		args = []string{strings.Join(servers, "\n"), strings.Join(times, "\n")}
	}
	return func(yield func([]any, error) bool) {
		yieldAnswer(s.conn.ExecParams(ctx, sql, asBytes(args), nil, nil, nil), columns, yield)
	}
}

// previous uses another connection, because a draft may be using the store's.
func (s *postgresStore) previous(ctx context.Context, server, realm string, before time.Time) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		own, err := dialPostgres(ctx, s.url)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = own.conn.Close(ctx) }() // it was only read
		sql := fmt.Sprintf(comparedSQL, epochMicros("max_session_expiration_time"))
		answer := own.conn.ExecParams(ctx, sql, asBytes([]string{server, realm, before.Format(time.RFC3339Nano)}), nil, nil, nil)
		yieldAnswer(answer, compared.columns, yield)
	}
}

// yieldAnswer yields the rows of an answer, and its error.
func yieldAnswer(answer *pgconn.ResultReader, columns []table.Column, yield func([]any, error) bool) {
	stopped, err := yieldRows(answer, columns, yield)
	if _, failed := answer.Close(); err == nil {
		err = failed
	}
	if err != nil && !stopped {
		yield(nil, err)
	}
}

func epochMicros(column string) string {
	return "(extract(epoch from " + column + ") * 1000000)::bigint"
}

func yieldRows(answer *pgconn.ResultReader, columns []table.Column, yield func([]any, error) bool) (stopped bool, _ error) {
	for answer.NextRow() {
		row := make([]any, len(columns))
		for i, text := range answer.Values() {
			var err error
			if row[i], err = cellOfText(text, columns[i].Type); err != nil {
				return false, fmt.Errorf("column %s: %w", columns[i].Name, err)
			}
		}
		if !yield(row, nil) {
			return true, nil
		}
	}
	return false, nil
}

// cellOfText converts a text to a cell, nil for NULL. A time is in microseconds.
func cellOfText(text []byte, as table.Type) (any, error) {
	switch {
	case text == nil:
		return nil, nil
	case as == table.Boolean:
		return string(text) == "t", nil
	case as == table.Integer:
		return strconv.ParseInt(string(text), 10, 64)
	case as == table.Double:
		return strconv.ParseFloat(string(text), 64)
	case as == table.Timestamp:
		return ofMicros(string(text))
	case as == table.JSON:
		return json.RawMessage(append([]byte(nil), text...)), nil
	}
	return string(text), nil
}
