package engine

import (
	"strings"
	"testing"
)

// The SQL in hints must work.
func TestFormsOfPostgreSQLAreToldTheirOwn(t *testing.T) {
	db, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range []struct{ sql, hint, works string }{
		{`select now() - interval '1 hour'`, `; in amsql, write ago('1 hour') instead of now() - interval '1 hour'`, `select ago('1 hour')`},
		{"select 1 where now() > now() - INTERVAL\n'2 days'", `write ago('1 hour')`, `select ago('2 days')`},
		{`select 'a' ilike 'A'`, `write like, which ignores the case`, `select 'a' like 'A'`},
		{`select 1 from sqlite_schema where name ilike 'a%'`, `write like, which ignores the case`, `select 1 from sqlite_schema where name like 'a%'`},
		{`select '1'::integer`, `write cast(x as integer) instead of x::integer`, `select cast('1' as integer)`},
		{`select date_trunc('hour', now())`, `write strftime('%Y-%m-%d %H:00', x)`, `select strftime('%Y-%m-%d %H:00', now())`},
		{`select 'interval' 'x' 'y'`, ``, ``},
		{`selec 1`, ``, ``},
	} {
		_, err := answer(t, db, c.sql)
		if err == nil || c.hint != "" && !strings.Contains(err.Error(), c.hint) || c.hint == "" && strings.Contains(err.Error(), "in amsql") {
			t.Errorf("%s: %v, want a hint with %q", c.sql, err, c.hint)
		}
		if c.works != "" {
			if _, err := answer(t, db, c.works); err != nil {
				t.Errorf("%s: %v", c.works, err)
			}
		}
	}
}

// answer runs the SQL to its end.
func answer(t *testing.T, db *DB, sql string) (count int, err error) {
	t.Helper()
	rows, err := db.Query(t.Context(), sql)
	if err != nil {
		return 0, err
	}
	for rows.Next() {
		count++
	}
	if err := rows.Err(); err != nil {
		return count, err
	}
	return count, rows.Close()
}
