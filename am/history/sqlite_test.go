package history

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

func TestAFileIsForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "history.db")
	store, err := OpenSQLite(t.Context(), path)
	must(t, err)
	must(t, store.Close())
	for path, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
		}
	}
}

// Files that everybody can read are made private to their owner, except that a group that has access keeps it. Files of
// other users are left alone.
func TestAFileThatIsOpenToAllIsClosed(t *testing.T) {
	dir := t.TempDir()
	for before, after := range map[os.FileMode]os.FileMode{0o644: 0o600, 0o666: 0o600, 0o604: 0o600, 0o640: 0o640, 0o600: 0o600} {
		path, keyPath, foreign := filepath.Join(dir, before.String()), filepath.Join(dir, before.String()+".key"), filepath.Join(dir, before.String()+".txt")
		_, err := ReadKey(keyPath)
		must(t, err)
		for _, name := range []string{path, keyPath, foreign} {
			file, err := os.OpenFile(name, os.O_CREATE, 0o600)
			must(t, err)
			must(t, file.Close())
			must(t, os.Chmod(name, before))
		}
		must(t, os.WriteFile(foreign, []byte(strings.Repeat("no database\n", 100)), before))
		store, err := OpenSQLite(t.Context(), path)
		must(t, err)
		must(t, store.Close())
		_, err = ReadKey(keyPath)
		must(t, err)
		if _, err := OpenSQLite(t.Context(), foreign); err == nil {
			t.Error("a text is a history")
		}
		for name, want := range map[string]os.FileMode{path: after, keyPath: after, foreign: before} {
			if info, err := os.Stat(name); err != nil || info.Mode() != want {
				t.Errorf("%s: mode %v, want %v, %v", filepath.Base(name), info.Mode(), want, err)
			}
		}
	}
}

func TestWhatIsNoHistoryIsLeftAlone(t *testing.T) {
	for name, sql := range map[string]string{
		"of something else": "create table t (a)",
		"of a newer amsql":  fmt.Sprintf("pragma application_id = %d; pragma user_version = %d", applicationID, schemaVersion+1),
	} {
		path := filepath.Join(t.TempDir(), "x.db")
		edit(t, path, sql)
		before, err := os.ReadFile(path)
		must(t, err)
		want := map[bool]string{true: errNotOurs.Error(), false: errNewer.Error()}[strings.HasPrefix(sql, "create")]
		if _, err := OpenSQLite(t.Context(), path); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("a file %s: %v", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("a file %s was changed", name)
		}
	}
	path := filepath.Join(t.TempDir(), "text")
	must(t, os.WriteFile(path, []byte(strings.Repeat("no database\n", 100)), 0o600))
	if _, err := OpenSQLite(t.Context(), path); err == nil || !strings.Contains(err.Error(), "not a database") {
		t.Errorf("of a text: %v", err)
	}
}

func edit(t testing.TB, path, sql string) {
	t.Helper()
	conn, err := sqlite3.Open(path)
	must(t, err)
	must(t, conn.Exec(sql))
	must(t, conn.Close())
}

// A file from somebody else may contain anything: none of it is run as SQL, and reading writes nothing.
func TestAHostileFileRunsNothing(t *testing.T) {
	for name, hostile := range map[string]string{
		"a view's name":         `create view "if exists x; attach 'VICTIM' as v; drop table v.precious; --" as select 1`,
		"a view's name, quoted": `create view "a""; attach 'VICTIM' as v; drop table v.precious; --" as select 1`,
		"a table's name":        `create table "x; attach 'VICTIM' as v; drop table v.precious; --" (a)`,
		"a trigger":             "create trigger spoil after insert on session begin delete from session; end",
		"a virtual table":       "pragma writable_schema = on; insert into sqlite_schema values ('table', 'extra', 'extra', 0, 'create virtual table extra using statement((select 1))')",
		"a collation":           "create table extra (a text); pragma writable_schema = on; update sqlite_schema set sql = 'create table extra (a text collate unheard_of)' where name = 'extra'",
		"a view of a function":  "create view extra as select unheard_of(1)",
		"a huge value":          "create table extra as select zeroblob(20000000) as a",
	} {
		for _, version := range []int{schemaVersion, schemaVersion - 1} {
			t.Run(fmt.Sprintf("%s, version %d", name, version), func(t *testing.T) {
				dir := t.TempDir()
				victim := filepath.Join(dir, "victim.db")
				edit(t, victim, "create table precious (a); insert into precious values (1)")
				k := newSQLiteIn(t, dir)
				must(t, writeMade(t.Context(), k, "server", noon, 2))
				edit(t, k.target, strings.ReplaceAll(hostile, "VICTIM", victim)+fmt.Sprintf("; pragma user_version = %d", version))
				before, err := os.ReadFile(k.target)
				must(t, err)
				if err := CheckSQLite(t.Context(), k.target); (err == nil) != (version == schemaVersion && name != "a virtual table") {
					t.Errorf("to a reader it is %v", err)
				}
				if after, err := os.ReadFile(k.target); err != nil || string(after) != string(before) {
					t.Errorf("a reader has changed the file: %v", err)
				}
				if store, err := OpenSQLite(t.Context(), k.target); err == nil { // it may be refused
					must(t, writeMade(t.Context(), store, "server", noon.AddDate(0, 0, 1), 3))
					must(t, store.Close())
					if got := k.ask(t, "select count(*) from session"); got[0] != "5" {
						t.Errorf("%s sessions are left of both snapshots", got)
					}
				} else if name != "a virtual table" {
					t.Errorf("to a writer it is %v", err)
				}
				if got := askSQLite(t, victim, "select count(*) from precious"); got[0] != "1" {
					t.Errorf("another file has %q", got)
				}
			})
		}
	}
}

func TestAReaderRefusesWhatItCannotTrust(t *testing.T) {
	whole := func(t *testing.T) string {
		k := newSQLite(t)
		must(t, writeMade(t.Context(), k, "server", noon, 2))
		return k.target
	}
	for name, c := range map[string]struct {
		spoil, want string
	}{
		"of something else":       {"pragma application_id = 1", errNotOurs.Error()},
		"of a newer amsql":        {fmt.Sprintf("pragma user_version = %d", schemaVersion+1), errNewer.Error()},
		"of an older amsql":       {fmt.Sprintf("pragma user_version = %d", schemaVersion-1), errOlder.Error()},
		"without a table":         {"drop table session", "it has no table session: use another file"},
		"with a view for a table": {"drop table realm; create view realm as select 1", "it has no table realm: use another file"},
		"without a view":          {"drop view am_concurrency", "it has no view am_concurrency: use another file"},
	} {
		path := whole(t)
		edit(t, path, c.spoil)
		if err := CheckSQLite(t.Context(), path); err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("a file %s: %v", name, err)
		}
	}
	if err := CheckSQLite(t.Context(), whole(t)); err != nil {
		t.Error(err)
	}
	absent := filepath.Join(t.TempDir(), "absent.db")
	if err := CheckSQLite(t.Context(), absent); err == nil {
		t.Error("a file that is not there is a history")
	}
	if _, err := os.Stat(absent); err == nil {
		t.Error("a reader makes a file")
	}
}

// When a journal is rolled back, it can name any file to be removed, so only a writer does that, never a reader.
func TestAReaderDoesNotRollBack(t *testing.T) {
	k := newSQLite(t)
	must(t, writeMade(t.Context(), k, "server", noon, rowsPerSnapshot))
	conn, err := sqlite3.Open(k.target)
	must(t, err)
	must(t, conn.Exec("pragma cache_size = 1; begin; update session set username = 'half written'"))
	copied := filepath.Join(t.TempDir(), "history.db") // the files as a killed process leaves them
	for _, suffix := range []string{"", "-journal"} {
		content, err := os.ReadFile(k.target + suffix)
		must(t, err)
		must(t, os.WriteFile(copied+suffix, content, 0o600))
	}
	must(t, conn.Close())
	if err := CheckSQLite(t.Context(), copied); err == nil || !strings.HasSuffix(err.Error(), errHalfWritten.Error()) {
		t.Errorf("of a file that is half written: %v", err)
	}
	if _, err := os.Stat(copied + "-journal"); err != nil {
		t.Errorf("the journal: %v", err)
	}
	store, err := OpenSQLite(t.Context(), copied)
	must(t, err)
	must(t, store.Close())
	must(t, CheckSQLite(t.Context(), copied))
	if got := askSQLite(t, copied, "select count(*) from session where username = 'half written'"); got[0] != "0" {
		t.Errorf("%s rows are half written", got)
	}
}

// The user's own views are unchanged by a migration.
func TestAMigrationLeavesOtherViewsAlone(t *testing.T) {
	k := newSQLite(t)
	must(t, writeMade(t.Context(), k, "server", noon, 2))
	edit(t, k.target, fmt.Sprintf(`create view "mine, ""too""" as select username from session; pragma user_version = %d`, schemaVersion-1))
	k.reopen(t)
	if got := k.ask(t, `select count(*) from "mine, ""too"""`); got[0] != "2" {
		t.Errorf("it has %q", got)
	}
}

func TestAnOlderFileGetsWhatItLacks(t *testing.T) {
	k := newSQLite(t)
	must(t, writeMade(t.Context(), k, "server", noon, 2))
	edit(t, k.target, `drop view am_session; drop view am_session_seen; drop view am_session_change; drop view am_session_history; drop view am_realm;
		alter table session drop column properties; alter table realm drop column akas; pragma user_version = 0`)
	must(t, writeMade(t.Context(), k.reopen(t), "server", noon.AddDate(0, 0, 1), 3))
	if got := k.ask(t, "select count(*), count(properties) from am_session"); got[0] != "3 | 0" {
		t.Errorf("sessions and properties: %q", got)
	}
	if got := k.ask(t, "select count(*) from session"); got[0] != "5" {
		t.Errorf("sessions of both snapshots: %q", got)
	}
}
