package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/jackc/pgx/v5"
)

const (
	postgresSchema = "amsql"

	// postgresLock is the advisory lock under which tables, views and partitions are made.
	postgresLock = applicationID

	partitionDay = "20060102" // in a partition's name
)

var postgresDialect = dialect{
	types: map[am.Type]string{
		am.Text: "text", am.Integer: "int8", am.Double: "float8", am.Boolean: "bool", am.Timestamp: "timestamptz", am.JSON: "jsonb",
	},
	suffix: func(r relation) string {
		if r.daily() {
			return " partition by range (taken_at)"
		}
		return ""
	},
}

// daily are the relations that are big enough to be kept by day.
func (r relation) daily() bool { return r.name == "session" || r.name == "identity" }

// postgresStore is a history in a schema of a PostgreSQL database, from version 14 on.
type postgresStore struct {
	conn *pgx.Conn
	name string
}

// OpenPostgres opens a history in a PostgreSQL database, and makes its schema where there is none. What the URL leaves
// out comes from libpq's variables and files (PGPASSWORD, PGPASSFILE, PGSSLMODE, …); a password env:NAME or file:PATH
// in the URL says where it is.
func OpenPostgres(ctx context.Context, url string) (Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err // which shows no password
	}
	if config.Password, err = am.Secret(config.Password); err != nil {
		return nil, fmt.Errorf("the password of the URL: %w", err)
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "amsql"
	}
	config.RuntimeParams["search_path"] = postgresSchema
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err // as above
	}
	s := &postgresStore{conn, "postgres://" + net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))) + "/" + config.Database}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("make the schema %s in %s: %w", postgresSchema, s, err), conn.Close(ctx))
	}
	return s, nil
}

func (s *postgresStore) String() string { return s.name }

func (s *postgresStore) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.conn.Close(ctx)
}

// version is that of the schema, 0 where there is none.
func (s *postgresStore) version(ctx context.Context) (version int, err error) {
	if there, err := s.has(ctx, "schema_version"); err != nil || !there {
		return 0, err
	}
	err = s.conn.QueryRow(ctx, "select coalesce(max(version), 0) from schema_version").Scan(&version)
	return version, err
}

// has reports whether a table is there. It reads the catalog, since to_regclass() may not have heard of what another
// process made during the transaction.
func (s *postgresStore) has(ctx context.Context, table string) (there bool, err error) {
	err = s.conn.QueryRow(ctx, "select exists (select from pg_tables where schemaname = $1 and tablename = $2)", postgresSchema, table).Scan(&there)
	return there, err
}

// migrate makes or completes tables and views, all or nothing. An account that may only add rows needs no more.
func (s *postgresStore) migrate(ctx context.Context) error {
	if version, err := s.version(ctx); err != nil || version == schemaVersion {
		return err
	}
	return s.locked(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "create schema if not exists "+postgresSchema); err != nil {
			return err
		}
		version, err := s.version(ctx) // again, as another may have been quicker
		switch {
		case err != nil || version == schemaVersion:
			return err
		case version > schemaVersion:
			return errNewer
		}
		return s.create(ctx, tx)
	})
}

// locked does something in a transaction, one process at a time.
func (s *postgresStore) locked(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", postgresLock); err != nil {
			return err
		}
		return do(tx)
	})
}

func (s *postgresStore) create(ctx context.Context, tx pgx.Tx) error {
	var dropViews string
	err := tx.QueryRow(ctx, `select coalesce('drop function if exists am_session_at; drop view ' || string_agg(quote_ident(viewname), ', '), '')
		from pg_views where schemaname = $1`, postgresSchema).Scan(&dropViews)
	if err != nil {
		return err
	}
	statements := []string{dropViews, "create table if not exists schema_version (version int not null)"}
	for _, r := range relations() {
		statements = append(statements, postgresDialect.createTable(r), r.createIndex())
		for _, c := range r.columns {
			statements = append(statements, fmt.Sprintf("alter table %s add column if not exists %s %s", r.name, c.Name, postgresDialect.types[c.Type]))
		}
	}
	statements = append(statements, createViews(), viewsPostgres,
		fmt.Sprintf("delete from schema_version; insert into schema_version values (%d)", schemaVersion))
	_, err = tx.Exec(ctx, strings.Join(statements, ";\n")) // without arguments, several statements are one text
	return err
}

func (s *postgresStore) lastKey(ctx context.Context, server string) (key string, err error) {
	err = s.conn.QueryRow(ctx, "select fingerprint_key from snapshot where server = $1 order by taken_at desc limit 1", server).Scan(&key)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return key, err
}

func (s *postgresStore) begin(ctx context.Context, server string, takenAt time.Time) (draft, error) {
	for _, r := range relations() {
		if !r.daily() {
			continue
		}
		if err := s.partition(ctx, r, takenAt.UTC()); err != nil {
			return nil, fmt.Errorf("make the partition of %s for %s: %w", r.name, takenAt.UTC().Format(time.DateOnly), err)
		}
	}
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &postgresDraft{tx, []any{server, takenAt}}, nil
}

// partition makes the relation's table of a day where there is none. To make it first and attach it then does not wait
// for those who read or write the others.
func (s *postgresStore) partition(ctx context.Context, r relation, at time.Time) error {
	name := r.name + "_" + at.Format(partitionDay)
	if there, err := s.has(ctx, name); err != nil || there {
		return err
	}
	return s.locked(ctx, func(tx pgx.Tx) error {
		if there, err := s.has(ctx, name); err != nil || there { // again, as another may have been quicker
			return err
		}
		day := at.Format(time.DateOnly)
		_, err := tx.Exec(ctx, fmt.Sprintf(`create table %[1]s (like %[2]s including all);
			alter table %[2]s attach partition %[1]s for values from ('%[3]s 00:00:00+00') to ('%[4]s 00:00:00+00')`,
			name, r.name, day, at.AddDate(0, 0, 1).Format(time.DateOnly)))
		return err
	})
}

// postgresDraft is one transaction, which keeps nobody waiting.
type postgresDraft struct {
	tx  pgx.Tx
	key []any // server and time
}

func (d *postgresDraft) write(ctx context.Context, r relation, rows iter.Seq2[[]any, error]) error {
	source := newCopySource(d.key, rows)
	defer source.stop()
	err := pgx.BeginFunc(ctx, d.tx, func(tx pgx.Tx) error { // a savepoint
		_, err := tx.CopyFrom(ctx, pgx.Identifier{postgresSchema, r.name}, r.names(), source)
		return err
	})
	if source.err != nil {
		return source.err // of which the server has only heard
	}
	return err
}

func (d *postgresDraft) commit(ctx context.Context) error { return d.tx.Commit(ctx) }

func (d *postgresDraft) abandon(ctx context.Context) {
	_ = d.tx.Rollback(ctx) // fails after commit, and where the connection is gone and the server does it
}

// copySource is rows as CopyFrom wants them.
type copySource struct {
	key  []any
	next func() ([]any, error, bool)
	stop func()
	row  []any
	err  error
}

func newCopySource(key []any, rows iter.Seq2[[]any, error]) *copySource {
	next, stop := iter.Pull2(rows)
	return &copySource{key: key, next: next, stop: stop}
}

func (s *copySource) Next() (more bool) {
	if s.row, s.err, more = s.next(); s.err != nil {
		return false
	}
	return more
}

func (s *copySource) Values() ([]any, error) {
	cells := append(s.key[:2:2], s.row...)
	for i, cell := range cells {
		cells[i] = storable(cell)
	}
	return cells, nil
}

func (s *copySource) Err() error { return s.err }

// storable replaces the character NUL, which PostgreSQL has in no text.
func storable(cell any) any {
	switch v := cell.(type) {
	case string:
		return strings.ReplaceAll(strings.ToValidUTF8(v, "\uFFFD"), "\x00", "\uFFFD")
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, value := range v {
			clean[storable(name).(string)] = storable(value)
		}
		return clean
	case []any:
		clean := make([]any, len(v))
		for i, value := range v {
			clean[i] = storable(value)
		}
		return clean
	}
	return cell
}
