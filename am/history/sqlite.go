package history

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// applicationID marks an SQLite file as a history: "amsq" in ASCII.
const applicationID = 0x616d7371

// lockPatience is how long a snapshot waits for another process that is using the file.
const lockPatience = time.Minute

var sqliteDialect = dialect{
	types: map[table.Type]string{ // types that amsql query recognizes
		table.Text: "TEXT", table.Integer: "INTEGER", table.Double: "DOUBLE", table.Boolean: "BOOLEAN", table.Timestamp: "TIMESTAMP TEXT", table.JSON: "JSON TEXT",
	},
	suffix: func(r relation) string {
		if r.key != nil {
			return " without rowid"
		}
		return ""
	},
	soon:  "strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 minute')",
	views: viewsSQLite,
}

// sqliteStore is a history in one file. It uses a rollback journal, SQLite's oldest kind: between two runs there is
// only one file, which can be copied, and read by any program. If a run is killed, the next program that opens the file
// rolls back the incomplete snapshot.
type sqliteStore struct {
	path string
	disk *disk
	conn *sqlite3.Conn
}

// OpenSQLite opens a history in an SQLite file. If the file does not exist, it creates one that only its owner can
// read.
func OpenSQLite(ctx context.Context, path string) (Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil { //nolint:gosec // where the user wants it
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // as above
	if err == nil {
		err = file.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	s := &sqliteStore{path: path, disk: newDisk()}
	if err := s.open(ctx); err != nil {
		err = s.disk.withCause(err)
		_ = s.Close() // no statement is running
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	closeToOthers(path)
	return s, nil
}

func (s *sqliteStore) open(ctx context.Context) (err error) {
	if s.conn, err = sqlite3.OpenContext(ctx, s.uri()); err != nil {
		return err
	}
	if err := s.conn.BusyTimeout(lockPatience); err != nil {
		return err
	}
	if err := distrust(s.conn); err != nil {
		return err
	}
	return s.migrate()
}

// distrust restricts what the content of a file can do, because the file may come from somebody else.
func distrust(conn *sqlite3.Conn) error {
	for setting, on := range map[sqlite3.DBConfig]bool{
		sqlite3.DBCONFIG_DEFENSIVE: true, sqlite3.DBCONFIG_TRUSTED_SCHEMA: false, sqlite3.DBCONFIG_ENABLE_TRIGGER: false,
	} {
		if _, err := conn.Config(setting, on); err != nil {
			return err
		}
	}
	return nil
}

// uri returns a URI that makes SQLite create the journal with the mode of the file.
func (s *sqliteStore) uri() string {
	path := filepath.ToSlash(s.path)
	query := url.Values{"modeof": {path}, "vfs": {s.disk.name()}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}).String()
}

func (s *sqliteStore) String() string { return s.path }

func (s *sqliteStore) Close() error {
	defer s.disk.remove()
	return s.conn.Close()
}

var (
	errNotOurs = errors.New("it is an SQLite database, but not a history of amsql: use another file")
	errNewer   = errors.New("it was written by a newer amsql: use that version")
	errOlder   = errors.New("it was written by an older amsql: run amsql snapshot or amsql snapshot prune on it to update it")

	errHalfWritten = errors.New("a run was killed while it wrote a snapshot: run amsql snapshot or amsql snapshot prune on it to repair it")
)

// CheckSQLite returns why an SQLite file cannot be queried as a history. It only reads: the file may come from somebody
// else, who could have named any file in its journal, and it may be on a disk that is read-only.
func CheckSQLite(ctx context.Context, path string) error {
	if err := checkSQLite(ctx, path); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	return nil
}

// readSQLite opens a file read-only.
func readSQLite(ctx context.Context, path string) (*sqlite3.Conn, error) {
	uri := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: "mode=ro"}
	conn, err := sqlite3.OpenContext(ctx, uri.String())
	if err != nil {
		return nil, err
	}
	if err := errors.Join(conn.BusyTimeout(lockPatience), distrust(conn)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func checkSQLite(ctx context.Context, path string) (err error) {
	conn, err := readSQLite(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	s := &sqliteStore{conn: conn}
	version, err := s.number("pragma user_version")
	switch {
	case errors.Is(err, sqlite3.READONLY):
		return errHalfWritten
	case err != nil:
		return err
	}
	if err := s.ours(); err != nil {
		return err
	}
	switch {
	case version > schemaVersion:
		return errNewer
	case version < schemaVersion:
		return errOlder
	}
	return s.complete()
}

// complete returns an error if the file lacks something that a history has, or has a virtual table, which would run
// code of this program.
func (s *sqliteStore) complete() error {
	const ofKind = "select name from pragma_table_list where schema = 'main' and type = ?"
	virtual, err := s.texts(ofKind, "virtual")
	if err != nil || len(virtual) > 0 {
		return cmp.Or(err, fmt.Errorf("it has a virtual table, %q: use another file", strings.Join(virtual, ", ")))
	}
	for kind, names := range map[string][]string{"table": tableNames(), "view": sqliteDialect.viewNames()} {
		there, err := s.texts(ofKind, kind)
		if err != nil {
			return err
		}
		for _, name := range names {
			if !slices.Contains(there, name) {
				return fmt.Errorf("it has no %s %s: use another file", kind, name)
			}
		}
	}
	return nil
}

// migrate creates or extends tables and views, all or nothing.
func (s *sqliteStore) migrate() error {
	switch version, err := s.number("pragma user_version"); {
	case err != nil:
		return err
	case version == schemaVersion:
		return s.ours()
	}
	return s.transaction(func() error {
		version, err := s.number("pragma user_version") // again, because another process may have done it
		switch {
		case err != nil || version == schemaVersion:
			return err
		case version > schemaVersion && s.ours() == nil:
			return errNewer
		}
		if tables, err := s.number("select count(*) from sqlite_schema"); err != nil || tables > 0 && s.ours() != nil {
			return cmp.Or(err, errNotOurs)
		}
		return s.create()
	})
}

func (s *sqliteStore) ours() error {
	id, err := s.number("pragma application_id")
	if err == nil && id != applicationID {
		err = errNotOurs
	}
	return err
}

func (s *sqliteStore) create() error {
	var statements []string
	for _, name := range sqliteDialect.viewNames() { // any other view belongs to the user
		statements = append(statements, "drop view if exists "+name)
	}
	if err := s.conn.Exec(strings.Join(append(statements, sqliteDialect.createTables()), ";\n")); err != nil {
		return err
	}
	statements = nil
	for _, r := range relations() {
		for _, c := range r.columns {
			if _, _, _, _, _, err := s.conn.TableColumnMetadata("main", r.name, c.Name); err != nil {
				statements = append(statements, fmt.Sprintf("alter table %s add column %s %s", r.name, c.Name, sqliteDialect.types[c.Type]))
			}
		}
		statements = append(statements, r.rename()...)
	}
	statements = append(statements, sqliteDialect.createViews(),
		fmt.Sprintf("pragma application_id = %d; pragma user_version = %d", applicationID, schemaVersion))
	return s.conn.Exec(strings.Join(statements, ";\n"))
}

func (s *sqliteStore) transaction(do func() error) error {
	tx, err := s.conn.BeginImmediate()
	if err != nil {
		return err
	}
	defer tx.End(&err)
	err = do()
	return err
}

func (s *sqliteStore) number(sql string) (n int64, err error) {
	texts, err := s.texts(sql)
	if err != nil || len(texts) == 0 {
		return 0, err
	}
	_, err = fmt.Sscan(texts[0], &n)
	return n, err
}

// texts returns the first column of the result.
func (s *sqliteStore) texts(sql string, args ...string) (texts []string, err error) {
	stmt, _, err := s.conn.Prepare(sql)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stmt.Close() }() // repeats the error of the last step
	for i, arg := range args {
		if err := stmt.BindText(i+1, arg); err != nil {
			return nil, err
		}
	}
	for stmt.Step() {
		texts = append(texts, stmt.ColumnText(0))
	}
	return texts, stmt.Err()
}

func (s *sqliteStore) before(_ context.Context, server string, soon time.Time) (b before, err error) {
	names, err := s.texts("select fingerprint_key from snapshot where server = ? and taken_at <= ? order by taken_at desc limit 1", server, timestamp(soon))
	if err != nil {
		return b, err
	}
	times, err := s.texts("select taken_at from snapshot where server = ? and taken_at > ? order by taken_at desc limit 1", server, timestamp(soon))
	if len(names) > 0 {
		b.key = names[0]
	}
	if len(times) > 0 {
		b.ahead, err = parseTimestamp(times[0])
	}
	return b, err
}

// previous uses another connection, because a draft may be using the store's.
func (s *sqliteStore) previous(ctx context.Context, server, realm string, before time.Time) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		conn, err := readSQLite(ctx, s.path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = conn.Close() }() // it was only read
		stmt, _, err := conn.Prepare(fmt.Sprintf(comparedSQL, "max_session_expiration_time"))
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = stmt.Close() }() // it repeats the error of the last step
		err = errors.Join(stmt.BindText(1, server), stmt.BindText(2, realm), stmt.BindText(3, timestamp(before)))
		for err == nil && stmt.Step() {
			var row []any
			if row, err = comparedRow(stmt); err == nil && !yield(row, nil) {
				return
			}
		}
		if err = cmp.Or(err, stmt.Err()); err != nil {
			yield(nil, err)
		}
	}
}

func comparedRow(stmt *sqlite3.Stmt) (row []any, err error) {
	row = make([]any, len(compared.columns))
	for i, c := range compared.columns {
		switch {
		case stmt.ColumnType(i) == sqlite3.NULL:
		case c.Type == table.Timestamp:
			row[i], err = parseTimestamp(stmt.ColumnText(i))
		default:
			row[i] = stmt.ColumnText(i)
		}
	}
	return row, err
}

func (s *sqliteStore) shards(_ context.Context, server string, takenAt time.Time) ([]inventory.Shard, error) {
	texts, err := s.texts(shardTexts+"server = ? and taken_at = ?", server, timestamp(takenAt))
	return parseShards(texts, err)
}

// begin collects rows in temporary tables. A scan may take an hour, during which others can read and write the file.
func (s *sqliteStore) begin(ctx context.Context, server string, takenAt time.Time, _ inventory.Shard) (draft, error) {
	d := &sqliteDraft{store: s, key: []any{server, takenAt}, interrupt: s.conn.SetInterrupt(ctx)}
	var statements []string
	for _, r := range relations() {
		names := strings.Join(r.names(), ", ") // not the order of the file, where columns that were added later come last
		statements = append(statements, fmt.Sprintf("drop table if exists temp.new_%s; create temp table new_%[1]s as select %s from %[1]s limit 0", r.name, names))
	}
	if err := s.conn.Exec(strings.Join(append(statements, "begin"), ";")); err != nil {
		d.abandon(ctx)
		return nil, s.disk.withCause(err)
	}
	return d, nil
}

type sqliteDraft struct {
	store     *sqliteStore
	key       []any // server and time
	interrupt context.Context
	done      bool
}

func (d *sqliteDraft) write(ctx context.Context, r relation, rows iter.Seq2[[]any, error]) (err error) {
	defer func() { err = d.store.disk.withCause(err) }()
	save := d.store.conn.Savepoint()
	defer save.Release(&err)
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(r.all())), ", ")
	stmt, _, err := d.store.conn.Prepare(fmt.Sprintf("insert into temp.new_%s (%s) values (%s)", r.name, strings.Join(r.names(), ", "), marks))
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }() // repeats the error of the last step
	for row, err := range rows {
		if err != nil {
			return err
		}
		for i, cell := range append(d.key[:2:2], row...) {
			if err := bind(stmt, i+1, cell); err != nil {
				return err
			}
		}
		if err := stmt.Exec(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// commit is the only step that locks the file.
func (d *sqliteDraft) commit(context.Context) error {
	var statements []string
	for _, r := range relations() {
		order := ""
		if r.key != nil {
			order = " order by " + strings.Join(append([]string{"server", "taken_at"}, r.key...), ", ") // the order of the table
		}
		names := strings.Join(r.names(), ", ")
		statements = append(statements, fmt.Sprintf("insert into main.%s (%s) select %[2]s from temp.new_%[1]s%[3]s", r.name, names, order))
	}
	if err := d.store.conn.Exec(strings.Join(append(statements, "commit"), ";\n")); err != nil {
		return d.store.disk.withCause(err)
	}
	d.end()
	return nil
}

func (d *sqliteDraft) abandon(context.Context) {
	if d.done {
		return
	}
	d.end()
	if !d.store.conn.GetAutocommit() {
		_ = d.store.conn.Exec("rollback") // fails if SQLite itself has rolled back
	}
}

func (d *sqliteDraft) end() {
	d.done = true
	d.store.conn.SetInterrupt(d.interrupt)
}

func bind(stmt *sqlite3.Stmt, i int, cell any) error {
	switch v := cell.(type) {
	case nil:
		return stmt.BindNull(i)
	case string:
		return stmt.BindText(i, v)
	case int64:
		return stmt.BindInt64(i, v)
	case float64:
		return stmt.BindFloat(i, v)
	case bool:
		return stmt.BindBool(i, v)
	case time.Time:
		return stmt.BindText(i, timestamp(v))
	}
	encoded, err := json.Marshal(cell)
	if err != nil {
		return err
	}
	return stmt.BindText(i, string(encoded))
}

// parseTimestamp is the inverse of timestamp.
func parseTimestamp(text string) (time.Time, error) {
	return time.Parse(time.DateTime, text) // also accepts a fraction
}

// timestamp writes a time in the form of SQLite's functions and of amsql query: UTC, with a fraction of 3 or 6 digits
// if there is one. In this form, texts have the order of times.
func timestamp(t time.Time) string {
	t = t.UTC().Truncate(time.Microsecond)
	switch {
	case t.Nanosecond() == 0:
		return t.Format(time.DateTime)
	case t.Nanosecond()%1e6 == 0:
		return t.Format(time.DateTime + ".000")
	}
	return t.Format(time.DateTime + ".000000")
}
