package history

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// schemaFile returns the path of a file with the statements that create a store of this version of the schema.
func schemaFile(version int, dialect string) string {
	return fmt.Sprintf("testdata/schema/%d.%s.sql", version, dialect)
}

// The schema of each version is recorded, so that the schema cannot change without schemaVersion. A store with an older
// version is updated; without that, writing would fail at the end of the scan.
func TestASchemaThatChangesHasANewVersion(t *testing.T) {
	for name, d := range map[string]dialect{"sqlite": sqliteDialect, "postgres": postgresDialect} {
		path := schemaFile(schemaVersion, name)
		written, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && os.Getenv("UPDATE") != "" {
			written = []byte(schemaOf(d))
			err = os.WriteFile(path, written, 0o600)
		}
		if errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("nothing is written down of version %d: run UPDATE=1 go test -run 'ASchema|PagesOfSQL' ./am/history, and add what it writes to the commit", schemaVersion)
		}
		must(t, err)
		if d := diff.Diff(string(written), schemaOf(d)); d != "" {
			t.Errorf("what a snapshot keeps, or a view shows, is not that of version %d of the schema (%s). Raise schemaVersion in schema.go to %d, run\n"+
				"  UPDATE=1 go test -run 'ASchema|PagesOfSQL' ./am/history\nand add what it writes to the commit. Stores that exist then get columns that are added by themselves; "+
				"a column that is renamed, removed or of another type, or a value that means something else, needs statements of its own in create (sqlite.go, postgres.go).\n%s",
				schemaVersion, path, schemaVersion+1, d)
		}
	}
}

// notKept lists the tables that snapshots do not contain.
var notKept = map[string]string{
	"am_session_info":     "it is asked for tokens, and no token is in a history",
	"am_session_property": "it is asked for tokens, too",
}

func TestEachTableIsKeptOrSaidNotToBe(t *testing.T) {
	tables := map[string]bool{}
	for _, table := range am.Tables(nil) {
		tables[table.Name()] = true
		_, kept := keptAs[table.Name()]
		if why, not := notKept[table.Name()]; kept == not {
			t.Errorf("table %s: either say in keptAs (relation.go) how a snapshot keeps it, or in notKept (here) why none does; it is kept: %v, and it is not: %q", table.Name(), kept, why)
		}
	}
	for name := range keptAs {
		if !tables[name] {
			t.Errorf("a snapshot keeps %s, which there is not", name)
		}
	}
	for name, r := range keptAs {
		for _, column := range slices.Concat(slices.Collect(maps.Keys(r.shown)), slices.Collect(maps.Keys(r.merged)), r.omits) {
			if !slices.ContainsFunc(tableNamed(name).Columns(), func(c table.Column) bool { return c.Name == column }) {
				t.Errorf("table %s has no column %s, which keptAs names", name, column)
			}
		}
	}
}

func tableNamed(name string) table.Table {
	for _, table := range am.Tables(nil) {
		if table.Name() == name {
			return table
		}
	}
	return nil
}

// telling returns a value that identifies its column and row.
func telling(c table.Column, row int) any {
	sum := crc32.ChecksumIEEE([]byte(c.Name))
	switch c.Type {
	case table.Integer:
		return int64(sum) + int64(row)
	case table.Double:
		return float64(sum%1e6) + float64(row) + 0.5
	case table.Boolean:
		return sum%2 == 0
	case table.Timestamp:
		return noon.Add(time.Duration(sum) + time.Duration(row)*time.Hour).Truncate(time.Millisecond)
	case table.JSON:
		return []any{c.Name, fmt.Sprint(row)}
	}
	return fmt.Sprintf("%s %d", c.Name, row)
}

// tellingRow returns a row of values that identify their columns. It is the only shard.
func (r relation) tellingRow(row int) []any {
	cells := make([]any, len(r.columns))
	for i, c := range r.columns {
		switch c.Name {
		case "shard":
			cells[i] = int64(0)
		case "shards":
			cells[i] = int64(1)
		default:
			cells[i] = telling(c, row)
		}
	}
	return cells
}

// before returns the relation without every second of its columns, except keys, as if they were added later. odd
// chooses which half.
func (r relation) before(odd bool) relation {
	keep := odd
	r.columns = slices.DeleteFunc(slices.Clone(r.columns), func(c table.Column) bool {
		if slices.Contains(r.key, c.Name) || c.Name == "shards" {
			return false
		}
		keep = !keep
		return keep
	})
	return r
}

// keepTelling stores a snapshot with one row in each relation, whose columns are those of former relations or of
// today's.
func keepTelling(t *testing.T, store Store, at time.Time, row int, as func(relation) relation) {
	t.Helper()
	d, err := store.begin(t.Context(), "server", at, inventory.Shard{})
	must(t, err)
	defer d.abandon(t.Context())
	for _, r := range relations() {
		must(t, d.write(t.Context(), as(r), one(as(r).tellingRow(row))))
	}
	must(t, d.commit(t.Context()))
}

// hasTelling compares a stored snapshot with what was written. A column that did not exist then must be NULL.
func hasTelling(t *testing.T, k kept, at time.Time, row int, as func(relation) relation) {
	t.Helper()
	for _, r := range relations() {
		written := as(r)
		cells := written.tellingRow(row)
		for _, c := range r.columns {
			want := "NULL"
			if j := slices.IndexFunc(written.columns, func(w table.Column) bool { return w.Name == c.Name }); j >= 0 {
				want = shown(cells[j])
			}
			got := k.ask(t, fmt.Sprintf("select %s from %s where taken_at = '%s'", c.Name, r.name, k.moment(at)))
			if len(got) != 1 || unspaced(got[0]) != unspaced(want) {
				t.Errorf("%s.%s of %s is %q, want %q", r.name, c.Name, at.Format(time.TimeOnly), got, want)
			}
		}
	}
}

// unspaced returns JSON without spaces, which some stores add.
func unspaced(cell string) string { return strings.ReplaceAll(cell, ", ", ",") }

// columnsThatAreAddedLaterAreKeptByName: a store made by an amsql without them, to which they are added at the end, or
// which has files without them.
func columnsThatAreAddedLaterAreKeptByName(t *testing.T, k kept) {
	now := func(r relation) relation { return r }
	for i, odd := range []bool{true, false} {
		as := func(r relation) relation { return r.before(odd) }
		at := noon.AddDate(0, 0, i*10).Truncate(time.Second)
		keepTelling(t, k, at, 1, as)
		if k.age != nil {
			k.age(t, as)
		}
		k.Store = k.reopen(t)
		keepTelling(t, k, at.AddDate(0, 0, 1), 2, now)
		keepTelling(t, k, at.AddDate(0, 0, -1), 3, now) // before all others
		hasTelling(t, k, at, 1, as)
		hasTelling(t, k, at.AddDate(0, 0, 1), 2, now)
		hasTelling(t, k, at.AddDate(0, 0, -1), 3, now)
		for _, r := range relations() { // all views can be read
			if r.of != nil {
				k.ask(t, "select * from "+r.of.Name())
			}
		}
	}
}

// wordsThatWereKeptEarlierAreThoseOfNow: a store, or files, written by an amsql with other words. One of the files is a
// shard of a snapshot whose other shard has today's words.
func wordsThatWereKeptEarlierAreThoseOfNow(t *testing.T, k kept) {
	at := noon.Truncate(time.Second)
	keep := func(shard int, words map[string]string) {
		d, err := k.begin(t.Context(), "server", at, inventory.Shard{Index: shard, Count: 2})
		must(t, err)
		defer d.abandon(t.Context())
		row := func(r relation, realm string) []any {
			cells := make([]any, len(r.columns))
			for i, c := range r.columns {
				cells[i] = map[string]any{"shard": int64(shard), "shards": int64(2), "realm": realm, "completeness": words[realm]}[c.Name]
			}
			return cells
		}
		for _, r := range relations() {
			switch r.name {
			case snapshots.name:
				must(t, d.write(t.Context(), r, one(row(r, ""))))
			case "session_scan":
				must(t, d.write(t.Context(), r, func(yield func([]any, error) bool) {
					for realm := range words {
						if !yield(row(r, realm), nil) {
							return
						}
					}
				}))
			}
		}
		must(t, d.commit(t.Context()))
	}
	keep(0, map[string]string{"/a": "whole", "/b": "whole", "/c": "by user", "/d": "cut"})
	if k.age != nil {
		k.age(t, func(r relation) relation { return r })
	}
	k.Store = k.reopen(t)
	keep(1, map[string]string{"/a": "complete", "/b": "truncated", "/c": "complete", "/d": "complete"})
	ask := map[string]func(sql string) []string{k.name: func(sql string) []string { return k.ask(t, sql) }}
	if IsCopied(k.target) {
		path := filepath.Join(t.TempDir(), "copy.db")
		_, err := Copy(t.Context(), k.target, path, "")
		must(t, err)
		ask["its copy"] = func(sql string) []string { return askSQLite(t, path, sql) }
	}
	for name, ask := range ask {
		for sql, want := range map[string][]string{
			"select realm, completeness from session_scan where shard = 0 order by realm": {"/a | complete", "/b | complete", "/c | by_user", "/d | truncated"},
			"select realm, completeness from am_session_scan order by realm":              {"/a | complete", "/b | truncated", "/c | by_user", "/d | truncated"},
			"select realms, realms_cut from am_snapshot":                                  {"4 | 2"},
		} {
			if got := ask(sql); !slices.Equal(got, want) {
				t.Errorf("%s: %s: %q, want %q", name, sql, got, want)
			}
		}
	}
}

// versions returns the versions of the schema that histories may have, with the statements that create them.
func versions(t *testing.T, dialect string) (all map[int]string) {
	t.Helper()
	all = map[int]string{}
	for version := 1; version <= schemaVersion; version++ {
		text, err := os.ReadFile(schemaFile(version, dialect))
		must(t, err)
		all[version] = string(text)
	}
	return all
}

// A history of each version so far, with a snapshot in it, gets what it lacks and loses nothing.
func TestAFileOfEachVersionIsBroughtUpToDate(t *testing.T) {
	for version, sql := range versions(t, "sqlite") {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			k := newSQLite(t)
			must(t, k.Close())
			must(t, os.Remove(k.target))
			edit(t, k.target, sql+fmt.Sprintf("; pragma application_id = %d; pragma user_version = %d", applicationID, version))
			outlastsUpgrade(t, k, version, func(insert string) { edit(t, k.target, insert) })
		})
	}
}

func TestASchemaOfEachVersionIsBroughtUpToDate(t *testing.T) {
	server := postgrestest.Start(t)
	for version, sql := range versions(t, "postgres") {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			k := newPostgres(t, server, fmt.Sprintf("version%d", version))
			exec := func(sql string) {
				_, err := connectPostgres(t, k.target).Exec(t.Context(), "set search_path = amsql; "+sql)
				must(t, err)
			}
			exec("drop schema amsql cascade; create schema amsql; create table schema_version (version int not null)")
			exec(sql + fmt.Sprintf("; insert into schema_version values (%d)", version))
			for _, r := range []string{"session", "identity"} {
				exec(fmt.Sprintf("create table %s_20261122 partition of %[1]s for values from ('2026-11-22 00:00+00') to ('2026-11-23 00:00+00')", r))
			}
			outlastsUpgrade(t, k, version, exec)
		})
	}
}

// outlastsUpgrade inserts a row into each table, with the columns that the older table has, and scans with the words of
// that time.
func outlastsUpgrade(t *testing.T, k kept, version int, insert func(sql string)) {
	at, later := noon.Truncate(time.Second), noon.Truncate(time.Second).AddDate(0, 0, 1)
	older := map[string]relation{}
	for _, r := range relations() {
		as := r
		as.columns = slices.DeleteFunc(slices.Clone(r.columns), func(c table.Column) bool {
			return len(k.ask(t, fmt.Sprintf(k.columns, r.name, c.Name))) == 0
		})
		older[r.name] = as
		values := []string{"'server'", "'" + k.moment(at) + "'"}
		for _, cell := range as.tellingRow(1) {
			values = append(values, "'"+strings.ReplaceAll(shown(cell), "'", "''")+"'")
		}
		insert(fmt.Sprintf("insert into %s (%s) values (%s)", r.name, strings.Join(as.names(), ", "), strings.Join(values, ", ")))
	}
	words := [][2]string{{"complete", "complete"}, {"by_user", "by_user"}, {"truncated", "truncated"}}
	if version < 3 {
		words = [][2]string{{"whole", "complete"}, {"by user", "by_user"}, {"cut", "truncated"}}
	}
	scanned := k.moment(later.AddDate(0, 0, 1))
	for _, w := range words {
		insert(fmt.Sprintf("insert into session_scan (server, taken_at, shard, shards, realm, completeness) values ('server', '%s', 0, 1, '%s', '%s')", scanned, w[1], w[0]))
	}
	k.Store = k.reopen(t)
	for _, view := range []string{"session_scan", "am_concurrency"} {
		got := k.ask(t, fmt.Sprintf("select realm, completeness from %s where taken_at = '%s' order by realm", view, scanned))
		if want := []string{"by_user | by_user", "complete | complete", "truncated | truncated"}; !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", view, got, want)
		}
	}
	keepTelling(t, k, later, 2, func(r relation) relation { return r })
	hasTelling(t, k, at, 1, func(r relation) relation { return older[r.name] })
	hasTelling(t, k, later, 2, func(r relation) relation { return r })
}

// schemaOf returns the statements that create a store.
func schemaOf(d dialect) string { return d.createTables() + ";\n" + d.createViews() }
