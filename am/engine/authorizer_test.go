package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// sqliteFile creates an SQLite file with SQL, and returns its path.
func sqliteFile(t *testing.T, sql string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.db")
	conn, err := sqlite3.Open(path)
	if err == nil {
		err = errors.Join(conn.Exec(sql), conn.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs all statements of the SQL to their end.
func run(t *testing.T, db *engine.DB, sql string) error {
	t.Helper()
	rows, err := db.Query(t.Context(), sql)
	if err != nil {
		return err
	}
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
		}
		if rows.Err() != nil {
			break
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

func TestStatementsWriteOnlyToTheSessionsOwnTables(t *testing.T) {
	path := sqliteFile(t, `CREATE TABLE kept(a); INSERT INTO kept VALUES (1), (2); CREATE INDEX kept_a ON kept(a)`)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	created := filepath.Join(t.TempDir(), "created.db")
	db := open(t, sessions())
	if err := db.AttachFile("file", path); err != nil {
		t.Fatal(err)
	}
	var refused *engine.RefusedError
	for _, sql := range []string{
		`ATTACH '` + path + `' AS other`,
		`attach database '` + created + `' as other`,
		`ATTACH 'file:` + path + `?mode=rw' AS other`,
		`ATTACH '` + path + `' || '' AS other`,
		`VACUUM INTO '` + created + `'`,
		`VACUUM file INTO '` + created + `'`,
		`SELECT 1; ATTACH '` + created + `' AS other`,
		`EXPLAIN ATTACH '` + created + `' AS other`,
	} {
		if err := run(t, db, sql); !errors.As(err, &refused) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		`CREATE TABLE file.own(a)`,
		`CREATE VIEW file.own AS SELECT 1`,
		`CREATE INDEX file.own ON kept(a)`,
		`CREATE VIRTUAL TABLE file.own USING statement((SELECT 1))`,
		`DELETE FROM file.kept`,
		`DELETE FROM kept`,
		`WITH gone(x) AS (SELECT 1) DELETE FROM file.kept WHERE a IN gone RETURNING a`,
		`UPDATE file.kept SET a = 2`,
		`INSERT INTO file.kept SELECT 3`,
		`REPLACE INTO file.kept VALUES (3)`,
		`DROP TABLE file.kept`,
		`ALTER TABLE file.kept RENAME TO lost`,
		`REINDEX file.kept`,
		`ANALYZE file`,
		`PRAGMA file.user_version = 7`,
		`PRAGMA writable_schema = on; UPDATE file.sqlite_schema SET sql = ''`,
		`CREATE TEMP TABLE own(a); CREATE TEMP TRIGGER t AFTER INSERT ON own BEGIN DELETE FROM kept; END; INSERT INTO own VALUES (1)`,
	} {
		if err := run(t, db, sql); err == nil || !strings.Contains(err.Error(), "readonly") && !strings.Contains(sql, "VIRTUAL") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		`PRAGMA file.journal_mode = wal`, `PRAGMA file.wal_checkpoint`, `PRAGMA optimize`, `PRAGMA temp_store_directory = '` + filepath.Dir(created) + `'`,
	} {
		_ = run(t, db, sql) // whether it fails or not, the file must not change
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file has changed: %v", err)
	}
	if _, err := os.Stat(created); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was created: %v", err)
	}
}

func TestTheSessionsOwnTablesCanBeWritten(t *testing.T) {
	db := open(t, sessions())
	for _, sql := range []string{
		`CREATE TEMP TABLE a AS SELECT realm FROM am_session; INSERT INTO a VALUES ('/x'); UPDATE a SET realm = '/y'; DELETE FROM a; DROP TABLE a`,
		`CREATE TABLE b(x PRIMARY KEY, y); CREATE INDEX c ON b(y); ALTER TABLE b ADD COLUMN z; ANALYZE b; REINDEX b; DROP TABLE b`,
		`CREATE VIEW am.idle AS SELECT * FROM am_session; SELECT count(*) FROM idle; DROP VIEW am.idle`,
		`ATTACH ':memory:' AS scratch; CREATE TABLE scratch.a(x); INSERT INTO scratch.a VALUES (1); DETACH scratch`,
		`BEGIN; SAVEPOINT s; RELEASE s; ROLLBACK`,
		`PRAGMA table_info(am_session)`,
		`PRAGMA am.table_info(am_session)`,
		`SELECT name FROM pragma_table_info('am_session')`,
		`PRAGMA table_list`,
		`PRAGMA user_version`,
		`PRAGMA cache_size = -1000`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT group_concat(i) FROM n`,
	} {
		if err := run(t, db, sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestTablesOfASourceCannotBeDropped(t *testing.T) {
	for _, writes := range []bool{false, true} {
		db := open(t, sessions())
		if writes {
			db.AllowWrites()
		}
		for _, sql := range []string{`DROP TABLE am_session`, `DROP TABLE am.am_session`, `drop table if exists am_session`} {
			if err := run(t, db, sql); err == nil || err.Error() != "table am_session may not be dropped" {
				t.Errorf("%s: %v", sql, err)
			}
		}
		if err := run(t, db, `SELECT count(*) FROM am_session`); err != nil {
			t.Error(err)
		}
	}
}

func TestStatementsWriteElsewhereWhereTheyMay(t *testing.T) {
	db := open(t, sessions())
	db.AllowWrites()
	path := filepath.Join(t.TempDir(), "own.db")
	if err := run(t, db, `ATTACH '`+path+`' AS own; CREATE TABLE own.kept AS SELECT * FROM am_session; DELETE FROM own.kept WHERE idle > 1; VACUUM own`); err != nil {
		t.Error(err)
	}
}

func TestASchemaIsAttachedAfterStatementsWereRefused(t *testing.T) {
	db := open(t, sessions())
	if err := run(t, db, `ATTACH 'x.db' AS x`); err == nil || err.Error() != `ATTACH is refused: statements can only read, and create temporary tables` {
		t.Error(err)
	}
	if err := db.AttachFile("file", sqliteFile(t, `CREATE TABLE kept(a)`)); err != nil {
		t.Error(err)
	}
	if err := db.LoadCSV("list", strings.NewReader("a\n1\n"), 0); err != nil {
		t.Error(err)
	}
}
