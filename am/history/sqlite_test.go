package history

import (
	"crypto/sha256"
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

func edit(t *testing.T, path, sql string) {
	t.Helper()
	conn, err := sqlite3.Open(path)
	must(t, err)
	must(t, conn.Exec(sql))
	must(t, conn.Close())
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

// The digest is of what a store is made with. Where it has changed, schemaVersion must be raised, since stores that exist
// are brought up to date by it; what the digest is now then stands in the failure.
func TestASchemaThatChangesHasANewVersion(t *testing.T) {
	digests := map[int]string{1: "7cb544b55a577968"}
	var b strings.Builder
	for _, r := range relations() {
		b.WriteString(sqliteDialect.createTable(r) + postgresDialect.createTable(r) + r.createIndex())
	}
	b.WriteString(createViews() + viewsSQLite + viewsPostgres)
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(b.String())))[:16]; got != digests[schemaVersion] {
		t.Errorf("version %d has digest %s, and had %s", schemaVersion, got, digests[schemaVersion])
	}
}
