package engine

import (
	"context"
	"testing"
	"time"
)

// Every time that can be read has one canonical text, which is read as the same time.
func FuzzTimeLiterals(f *testing.F) {
	for _, seed := range []string{
		"2026-11-28 09:23:08 +0100", "20261128T092308.5Z", "2026/1/2", "2026-11-28 24:00", "Sat, 28 Nov 2026 09:23:08 GMT", "Saturday, 28-Nov-26 09:23:08 UTC",
		"Sat Nov 28 09:23:08 2026 +0100", "1795858988.5", "1795858988000", "yesterday", "infinity", "0001-01-01 00:00:00+15", "9999-12-31T23:59:60Z", "2026-02-29", "",
	} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 28, 9, 23, 8, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		written, _, ok := canonicalTime(text, now)
		if !ok || written == infinity || written == minusInfinity {
			return
		}
		at, isCanonical := parseCanonical([]byte(written))
		if !isCanonical || canonical(at) != written {
			t.Errorf("%q is %q, which is %v", text, written, at)
		}
		if again, _, ok := canonicalTime(written, now); !ok || again != written {
			t.Errorf("%q is %q, and that is %q", text, written, again)
		}
	})
}

// A statement that SQLite accepts is parsed, or causes an error. If it is changed, SQLite still accepts it.
func FuzzStatements(f *testing.F) {
	for _, seed := range []string{
		`select max(t) < '2026-11-28T09:00Z' from x group by 1 having t in ('today', 'epoch')`, `select t from x union select '2026/11/28'`,
		`with a(b) as (values ('20261128')) select * from a join x on t = b`, `delete from x where t between 'now' and 1795858988 returning *`,
		`select case t when '2026-11-28' then 1 end, (t, b) in (select '2026-11-28', 'yes') from x`, `insert into x values ('2026-11-28', 'on')`,
	} {
		f.Add(seed)
	}
	db, err := Open(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	if err := db.conn.Exec(`create table x (t timestamp text, b boolean)`); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		stmt, tail, err := db.conn.Prepare(sql)
		if err != nil || stmt == nil {
			return
		}
		_ = stmt.Close()
		sql = sql[:len(sql)-len(tail)]
		typed, err := db.typed(sql)
		if err != nil || typed.sql == sql {
			return
		}
		changed, _, err := db.conn.Prepare(typed.sql)
		if err != nil {
			t.Fatalf("%s\nbecomes %s: %v", sql, typed.sql, err)
		}
		_ = changed.Close()
	})
}
