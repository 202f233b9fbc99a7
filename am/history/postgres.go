package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/redact"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

const (
	postgresSchema = "amsql"

	// postgresLock is the advisory lock for creating tables, views and partitions.
	postgresLock = applicationID

	partitionDay = "20060102" // in the name of a partition

	// Codes of errors (PostgreSQL documentation, appendix A).
	insufficientPrivilege = "42501"
	dependentObjects      = "2BP01"
)

var postgresDialect = dialect{
	types: map[table.Type]string{
		table.Text: "text", table.Integer: "int8", table.Double: "float8", table.Boolean: "bool", table.Timestamp: "timestamptz", table.JSON: "jsonb",
	},
	suffix: func(r relation) string {
		if r.daily() {
			return " partition by range (taken_at)"
		}
		return ""
	},
	soon:  "now() + interval '1 minute'",
	views: viewsPostgres,
}

// daily reports whether a relation is large enough to be partitioned by day.
func (r relation) daily() bool { return r.name == "session" || r.name == "identity" }

// postgresStore is a history in a schema of a PostgreSQL database, version 14 or later. It uses only pgx's low-level
// package pgconn, because the other one would make the binary 3.5 MB larger.
type postgresStore struct {
	conn *pgconn.PgConn
	name string
	url  string // without a secret
}

// OpenPostgres opens a history in a PostgreSQL database, and creates its schema if it does not exist. Parts that the
// URL omits come from libpq's variables and files (PGPASSWORD, PGPASSFILE, PGSSLMODE, …). A password env:NAME or
// file:PATH in the URL says where the password is.
func OpenPostgres(ctx context.Context, url string) (Store, error) {
	s, err := dialPostgres(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("create the schema %s in %s: %w", postgresSchema, s, advisePostgres(err)), s.conn.Close(ctx))
	}
	return s, nil
}

func dialPostgres(ctx context.Context, url string) (*postgresStore, error) {
	config, err := parsePostgres(url)
	if err != nil {
		return nil, err
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "amsql"
	}
	config.RuntimeParams["search_path"] = postgresSchema
	names := map[string]string{} // host names by address
	lookUp := config.LookupFunc
	config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		addresses, err := lookUp(ctx, host)
		for _, address := range addresses {
			names[address] = host
		}
		return addresses, err
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, redact.Error(err, config.Password)
	}
	host, port := config.Host, strconv.Itoa(int(config.Port))
	if address, is := conn.Conn().RemoteAddr().(*net.TCPAddr); is { // otherwise it is a local socket
		host, port = cmp.Or(names[address.IP.String()], address.IP.String()), strconv.Itoa(address.Port)
	}
	return &postgresStore{conn, "postgres://" + net.JoinHostPort(host, port) + "/" + config.Database, url}, nil
}

func (s *postgresStore) String() string { return s.name }

func (s *postgresStore) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.conn.Close(ctx)
}

// exec runs statements whose results are not needed.
func (s *postgresStore) exec(ctx context.Context, sql string) error {
	_, err := s.conn.Exec(ctx, sql).ReadAll()
	return err
}

// texts returns the rows of one statement as texts; NULL becomes "".
func (s *postgresStore) texts(ctx context.Context, sql string, args ...string) (rows [][]string, err error) {
	answer := s.conn.ExecParams(ctx, sql, asBytes(args), nil, nil, nil).Read()
	for _, row := range answer.Rows {
		texts := make([]string, len(row))
		for i, cell := range row {
			texts[i] = string(cell)
		}
		rows = append(rows, texts)
	}
	return rows, answer.Err
}

func asBytes(args []string) [][]byte {
	values := make([][]byte, len(args))
	for i, arg := range args {
		values[i] = []byte(arg)
	}
	return values
}

// text returns the only value of a statement, or "" if there is none.
func (s *postgresStore) text(ctx context.Context, sql string, args ...string) (string, error) {
	rows, err := s.texts(ctx, sql, args...)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0][0], nil
}

// version returns the version of the schema, or 0 if there is none.
func (s *postgresStore) version(ctx context.Context) (version int, err error) {
	if there, err := s.has(ctx, "schema_version"); err != nil || !there {
		return 0, err
	}
	text, err := s.text(ctx, "select coalesce(max(version), 0) from schema_version")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// usable returns an error if the account may not use the schema. Otherwise the schema would seem to be empty.
func (s *postgresStore) usable(ctx context.Context) error {
	account, err := s.text(ctx, "select quote_ident(current_user) from pg_namespace where nspname = $1 and not has_schema_privilege(oid, 'usage')", postgresSchema)
	if err != nil || account == "" {
		return err
	}
	return fmt.Errorf(`the account "%s" may not use the schema %s: its owner grants that and more by docs/history/writer.sql (grant usage on schema %[2]s to "%[1]s")`,
		strings.Trim(account, `"`), postgresSchema)
}

// has reports whether a table exists. It reads the catalog, because to_regclass() may not see what another process
// created during the transaction.
func (s *postgresStore) has(ctx context.Context, table string) (there bool, err error) {
	found, err := s.texts(ctx, "select from pg_tables where schemaname = $1 and tablename = $2", postgresSchema, table)
	return len(found) > 0, err
}

// migrate creates or extends tables and views, all or nothing. If nothing is to be done, the account needs no rights
// for it.
func (s *postgresStore) migrate(ctx context.Context) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if version, err := s.version(ctx); err != nil || version == schemaVersion {
		return err
	}
	return s.locked(ctx, func() error {
		if err := s.exec(ctx, "create schema if not exists "+postgresSchema); err != nil {
			return err
		}
		version, err := s.version(ctx) // again, because another process may have done it
		switch {
		case err != nil || version == schemaVersion:
			return err
		case version > schemaVersion:
			return errNewer
		}
		return s.create(ctx)
	})
}

// advisePostgres adds what to do about an error of the migration.
func advisePostgres(err error) error {
	var refused *pgconn.PgError
	switch {
	case !errors.As(err, &refused):
		return err
	case refused.Code == insufficientPrivilege:
		return fmt.Errorf("%w: take a snapshot with an account that owns the schema, as after each upgrade of amsql; see docs/history.md#postgresql", err)
	case refused.Code == dependentObjects:
		return fmt.Errorf("%w: drop your own views that use those of amsql (%s), take a snapshot, and create them again", err, refused.Detail)
	}
	return err
}

// locked does something in a transaction that only one process at a time can run.
func (s *postgresStore) locked(ctx context.Context, do func() error) error {
	err := s.exec(ctx, fmt.Sprintf("begin; select pg_advisory_xact_lock(%d)", postgresLock))
	if err == nil {
		err = do()
	}
	if err != nil {
		s.rollback(ctx)
		return err
	}
	return s.commit(ctx)
}

// commit returns an error if the server has rolled back instead.
func (s *postgresStore) commit(ctx context.Context) error {
	answer := s.conn.ExecParams(ctx, "commit", nil, nil, nil, nil).Read()
	if answer.Err == nil && answer.CommandTag.String() != "COMMIT" {
		return errors.New("the transaction was rolled back, because a statement in it failed")
	}
	return answer.Err
}

// rollback ends the transaction, if there is one. If the connection is lost, the server does that.
func (s *postgresStore) rollback(ctx context.Context) {
	if s.conn.TxStatus() != 'I' {
		_ = s.exec(context.WithoutCancel(ctx), "rollback")
	}
}

func (s *postgresStore) create(ctx context.Context) error {
	grants, err := s.texts(ctx, `select format('grant %s on %I to %s', privilege_type, table_name, case grantee when 'PUBLIC' then 'public' else quote_ident(grantee) end)
		from information_schema.table_privileges where table_schema = $1 and table_name = any (string_to_array($2, ' '))`,
		postgresSchema, strings.Join(postgresDialect.viewNames(), " "))
	if err != nil {
		return err
	}
	statements := []string{
		"drop function if exists am_session_at(timestamptz)",
		"drop view if exists " + strings.Join(postgresDialect.viewNames(), ", "), // any other view belongs to the user
		"create table if not exists schema_version (version int not null)",
		postgresDialect.createTables(),
	}
	for _, r := range relations() {
		for _, c := range r.columns {
			statements = append(statements, fmt.Sprintf("alter table %s add column if not exists %s %s", r.name, c.Name, postgresDialect.types[c.Type]))
		}
		statements = append(statements, r.rename()...)
	}
	statements = append(statements, postgresDialect.createViews())
	statements = append(statements, slices.Concat(grants...)...)
	statements = append(statements,
		fmt.Sprintf("delete from schema_version; insert into schema_version values (%d)", schemaVersion))
	return s.exec(ctx, strings.Join(statements, ";\n"))
}

func (s *postgresStore) before(ctx context.Context, server string, soon time.Time) (b before, err error) {
	limit := soon.Format(time.RFC3339Nano)
	b.key, err = s.text(ctx, "select fingerprint_key from snapshot where server = $1 and taken_at <= $2 order by taken_at desc limit 1", server, limit)
	if err != nil {
		return b, err
	}
	ahead, err := s.text(ctx, "select "+inMicros+" from snapshot where server = $1 and taken_at > $2 order by taken_at desc limit 1", server, limit)
	if err == nil && ahead != "" {
		b.ahead, err = ofMicros(ahead)
	}
	return b, err
}

func (s *postgresStore) shards(ctx context.Context, server string, takenAt time.Time) ([]inventory.Shard, error) {
	rows, err := s.texts(ctx, shardTexts+"server = $1 and taken_at = $2", server, takenAt.Format(time.RFC3339Nano))
	return parseShards(slices.Concat(rows...), err)
}

func (s *postgresStore) begin(ctx context.Context, server string, takenAt time.Time, _ inventory.Shard) (draft, error) {
	if err := s.makeDay(ctx, takenAt.UTC()); err != nil {
		return nil, fmt.Errorf("create the partitions for %s: %w", takenAt.UTC().Format(time.DateOnly), err)
	}
	return &postgresDraft{s, []any{server, takenAt}}, s.exec(ctx, "begin")
}

// makeDay creates the partitions of a day if they do not exist.
func (s *postgresStore) makeDay(ctx context.Context, at time.Time) error {
	for _, r := range relations() {
		if !r.daily() {
			continue
		}
		there, err := s.has(ctx, r.name+"_"+at.Format(partitionDay))
		if err != nil {
			return err
		}
		if !there { // the function checks again, because another process may have been faster, and creates those of all relations
			_, err = s.texts(ctx, "select am_make_day($1)", at.Format(time.DateOnly))
			return err
		}
	}
	return nil
}

// postgresDraft is a single transaction, which blocks nobody.
type postgresDraft struct {
	store *postgresStore
	key   []any // server and time
}

func (d *postgresDraft) write(ctx context.Context, r relation, rows iter.Seq2[[]any, error]) error {
	if err := d.store.exec(ctx, "savepoint relation"); err != nil {
		return err
	}
	source := newCopySource(d.key, rows)
	defer source.stop()
	_, err := d.store.conn.CopyFrom(ctx, source, fmt.Sprintf("copy %s (%s) from stdin", r.name, strings.Join(r.names(), ", ")))
	if source.err != nil {
		err = source.err // the server's error only says that the client failed
	}
	if err != nil {
		_ = d.store.exec(ctx, "rollback to savepoint relation") // otherwise the commit fails
		return err
	}
	return d.store.exec(ctx, "release savepoint relation")
}

func (d *postgresDraft) commit(ctx context.Context) error { return d.store.commit(ctx) }
func (d *postgresDraft) abandon(ctx context.Context)      { d.store.rollback(ctx) }
