package history

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// aCopyAnswersAsTheStoreDoes expects the same rows in every view of a copy.
func aCopyAnswersAsTheStoreDoes(t *testing.T, k kept) {
	if !IsCopied(k.target) {
		return
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	if _, err := Copy(t.Context(), k.target, empty, ""); !errors.Is(err, errEmpty) {
		t.Errorf("of nothing: %v", err)
	}
	night(t, k)
	path := filepath.Join(t.TempDir(), "copy.db")
	copied, err := Copy(t.Context(), k.target, path, "")
	must(t, err)
	must(t, CheckSQLite(t.Context(), path))
	info, err := os.Stat(path)
	must(t, err)
	if copied.Snapshots != 5 || copied.Rows < 200 || copied.Bytes != info.Size() || info.Mode() != 0o600 {
		t.Errorf("copied: %+v, mode %s", copied, info.Mode())
	}
	views := slices.DeleteFunc(sqliteDialect.viewNames(), func(name string) bool { return name == "merged_session_scan" })
	for _, view := range slices.Concat(views, tableNames()) {
		asked := "select " + strings.Join(askSQLite(t, path, "select name from pragma_table_info('"+view+"') where type <> 'JSON TEXT'"), ", ") + " from " + view
		got, want := askSQLite(t, path, asked), k.ask(t, asked)
		slices.Sort(got)
		slices.Sort(want)
		if len(got) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: the copy has %q, the store %q", view, got, want)
		}
	}
	if got, want := askSQLite(t, path, "select count(aliases) from realm"), k.ask(t, "select count(aliases) from realm"); !slices.Equal(got, want) || got[0] == "0" {
		t.Errorf("aliases: %q, and %q in the store", got, want)
	}
	want := k.ask(t, "select session, username from am_session order by 1")
	for sql, rows := range map[string]int{"select * from history.am_session": len(want), "SELECT count(*) FROM AM_SESSION JOIN am_latest": len(want)} {
		path := filepath.Join(t.TempDir(), "latest.db")
		copied, err := Copy(t.Context(), k.target, path, sql)
		must(t, err)
		if got := askSQLite(t, path, "select session, username from am_session order by 1"); copied.Snapshots != 1 || copied.Rows != int64(rows)+1 || !slices.Equal(got, want) {
			t.Errorf("%s: copied are %+v, with %q instead of %q", sql, copied, got, want)
		}
	}
}

func TestACopyHasWhatTheStatementNeeds(t *testing.T) {
	all := strings.Join(tableNames(), " ")
	for sql, c := range map[string]struct {
		relations string
		latest    bool
	}{
		"":                                   {all, false},
		"select 1":                           {"snapshot", true},
		"select * from am_session":           {"session snapshot", true},
		"select * from history.AM_USER":      {"identity snapshot", true},
		"select * from am_session_scan":      {"session_scan snapshot", true},
		"select * from am_snapshot":          {"session_scan snapshot", false},
		"select * from am_concurrency":       {"session_scan snapshot", false},
		"select * from am_session_history":   {"session session_scan snapshot", false},
		"select * from am_session_change":    {"session session_scan snapshot", false},
		"select * from am_session_at('now')": {"session session_scan snapshot", false},
		"select * from am_session, realm":    {"realm session snapshot", false},
		"select * from history.session":      {"session snapshot", false},
		"select username, realm from am_session order by username, realm":                          {"session snapshot", true},
		"select * from am_user where realm in (select path from am_realm)":                         {"identity realm snapshot", true},
		"select * from am_session s , Realm r where 1":                                             {"realm session snapshot", false},
		"select * from am_session join realm using (realm)":                                        {"realm session snapshot", false},
		"select * from am_session where username in identity":                                      {"identity session snapshot", false},
		"select history.realm.path from am_session, (select 1), \"realm\"":                         {"realm session snapshot", false},
		"select * from am_session, /* of */ realm":                                                 {"realm session snapshot", false},
		"with x as (select * from am_session), y as (select * from deployment) select * from x, y": {"deployment session snapshot", false},
	} {
		n := needs(sql)
		got := slices.Sorted(maps.Keys(n.relations))
		want := strings.Fields(c.relations)
		slices.Sort(want)
		if !slices.Equal(got, want) || n.latest != c.latest {
			t.Errorf("%q needs %q, latest %t; want %q, %t", sql, got, n.latest, want, c.latest)
		}
	}
}

// If a snapshot is removed after it was listed and before it is read, that is an error, and not a shorter history.
func TestACopyOfWhatIsRemovedMeanwhileIsAnError(t *testing.T) {
	dir := t.TempDir()
	store, err := Open(t.Context(), parquetScheme+dir)
	must(t, err)
	for i := range 3 {
		must(t, writeMade(t.Context(), store, "server", noon.AddDate(0, 0, i), 2))
	}
	gone := &goneMeanwhile{store.(*parquetStore)}
	if _, err := copyFrom(t.Context(), gone, filepath.Join(t.TempDir(), "copy.db"), needs("")); err == nil || !strings.Contains(err.Error(), "was removed in the meantime: run the query again") {
		t.Errorf("error %v", err)
	}
}

type goneMeanwhile struct{ *parquetStore }

func (s *goneMeanwhile) list(ctx context.Context) ([]listed, error) {
	all, err := s.parquetStore.list(ctx)
	return all, errors.Join(err, s.remove(ctx, []snapshotID{all[1].snapshotID}, nil, noon))
}

func TestAHistoryThatIsNotThereIsNotMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nothing")
	_, err := Copy(t.Context(), parquetScheme+dir, filepath.Join(t.TempDir(), "copy.db"), "")
	if _, made := os.Stat(dir); err == nil || made == nil {
		t.Errorf("%v, %v", err, fmt.Sprint(made))
	}
}
