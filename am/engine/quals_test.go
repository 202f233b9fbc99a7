package engine_test

import (
	"fmt"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

func TestConditionsReachTheSource(t *testing.T) {
	for _, test := range []struct{ sql, asked string }{
		// Columns that are used.
		{`select count(*) from am_session`, `[{[] [] 0}]`},
		{`select * from am_session`, `[{[realm username session_handle idle score active latest properties] [] 0}]`},
		{`select upper(username) from am_session order by idle`, `[{[username idle] [] 0}]`},

		// = and IN, on one key and on both.
		{`select idle from am_session where realm = '/alpha'`, `[{[realm idle] [{realm [/alpha]}] 0}]`},
		{`select 1 from am_session where '/alpha' = realm`, `[{[realm] [{realm [/alpha]}] 0}]`},
		{`select 1 from am_session where realm = :realm`, `[{[realm] [{realm [/alpha]}] 0}]`},
		{`select 1 from am_session where realm in ('/bravo', '/alpha', '/bravo')`, `[{[realm] [{realm [/alpha /bravo]}] 0}]`},
		{`select 1 from am_session where realm in ('/alpha', '/bravo') and username in ('a', 'b')`, `[{[realm username] [{realm [/alpha /bravo]} {username [a b]}] 0}]`},
		{`select 1 from am_session where realm = '/alpha' and username in ('a', 'b')`, `[{[realm username] [{realm [/alpha]} {username [a b]}] 0}]`},
		{`select 1 from am_session where (realm, username) = ('/alpha', 'a')`, `[{[realm username] [{realm [/alpha]} {username [a]}] 0}]`},
		{`select 1 from am_session where username in (select value from json_each('["a","b"]'))`, `[{[username] [{username [a b]}] 0}]`},
		{`select 1 from am_session where username = (select 'a')`, `[{[username] [{username [a]}] 0}]`},
		{`select 1 from am_session where realm = '/alpha' and realm in ('/alpha', '/bravo')`, `[{[realm] [{realm [/alpha]}] 0}]`},

		// OR.
		{`select 1 from am_session where realm = '/alpha' or realm = '/bravo'`, `[{[realm] [{realm [/alpha /bravo]}] 0}]`},
		{`select 1 from am_session where realm = '/alpha' or username = 'a'`, `[{[realm username] [{realm [/alpha]}] 0} {[realm username] [{username [a]}] 0}]`},
		{`select 1 from am_session where realm = '/alpha' or idle > 5`, `[{[realm idle] [] 0}]`},

		// Conditions that no source can use.
		{`select 1 from am_session where idle = 5`, `[{[idle] [] 0}]`},
		{`select 1 from am_session where realm <> '/alpha'`, `[{[realm] [] 0 except [{realm [/alpha]}]}]`},
		{`select 1 from am_session where realm not in ('/alpha')`, `[{[realm] [] 0}]`},
		{`select 1 from am_session where '/alpha' <> realm and realm <> '/b' and username = 'a'`,
			`[{[realm username] [{username [a]}] 0 except [{realm [/b]} {realm [/alpha]}]}]`},
		{`select 1 from am_session where realm not in ('/alpha', '/bravo')`, `[{[realm] [] 0}]`},
		{`select 1 from am_session where realm <> 5`, `[{[realm] [] 0}]`},
		{`select 1 from am_session where idle <> 5`, `[{[idle] [] 0}]`},
		{`select count(*) from json_each('["/a","/b"]') j join am_session s on s.realm <> j.value`, `[{[realm] [] 0}]`},
		{`select count(*) from json_each('["/a"]') j left join am_session s on s.realm <> '/alpha'`, `[{[realm] [] 0 except [{realm [/alpha]}]}]`},
		{`select 1 from am_session where realm like '/alpha'`, `[{[realm] [] 0}]`},
		{`select 1 from am_session where realm = '/ALPHA' collate nocase`, `[{[realm] [] 0}]`},
		{`select 1 from am_session where upper(realm) = '/ALPHA'`, `[{[realm] [] 0}]`},
		{`select 1 from am_session where realm = '/alpha' or realm is null`, `[{[realm] [] 0}]`},
		{`select 1 from am_session where realm = 5`, `[{[realm] [] 0}]`},

		// Conditions that match nothing.
		{`select 1 from am_session where realm = null`, `[]`},
		{`select 1 from am_session where realm in (null, null)`, `[]`},
		{`select 1 from am_session where realm in (null, '/alpha')`, `[{[realm] [{realm [/alpha]}] 0}]`},
		{`select 1 from am_session where realm in ()`, `[]`},
		{`select 1 from am_session where realm in (select value from json_each('[]'))`, `[]`},
		{`select 1 from am_session where realm = x'2f'`, `[]`},
		{`select 1 from am_session where realm = '/alpha' and 1 = 0`, `[]`},

		// In joins, a value is pushed down for each row of the other table.
		{`select 1 from json_each('["a","b"]') j join am_session s on s.username = j.value`, `[{[username] [{username [a]}] 0} {[username] [{username [b]}] 0}]`},
		{`select 1 from am_session s join json_each('["a","b"]') j on s.username = j.value`, `[{[username] [{username [a]}] 0} {[username] [{username [b]}] 0}]`},
		{`select 1 from json_each('["a"]') j left join am_session s on s.username = j.value and s.realm = '/alpha'`, `[{[realm username] [{realm [/alpha]} {username [a]}] 0}]`},
		{`select 1 from am_session a join am_session b using (username) where a.realm = '/bravo'`,
			`[{[realm username] [{realm [/bravo]}] 0} {[username] [{username [bjensen]}] 0} {[username] [{username [o'brien]}] 0}]`},
		{`create temp table leaver (username text); insert into leaver values ('a'); select 1 from am_session join leaver using (username)`, `[{[username] [{username [a]}] 0}]`},

		// Through views and subqueries.
		{`create temp view v as select * from am_session; select idle from v where realm = '/alpha'`, `[{[realm idle] [{realm [/alpha]}] 0}]`},
		{`create view am.v as select * from am_session; select idle from v where realm = '/alpha'`, `[{[realm idle] [{realm [/alpha]}] 0}]`},
		{`with s as (select * from am_session) select idle from s where realm = '/alpha'`, `[{[realm idle] [{realm [/alpha]}] 0}]`},
	} {
		check(t, test.sql, test.asked)
	}
}

func TestLimitReachesTheSourceOnlyWhereItHolds(t *testing.T) {
	for _, test := range []struct{ sql, asked string }{
		{`select realm from am_session limit 2`, `[{[realm] [] 2}]`},
		{`select realm from am_session limit 2 offset 3`, `[{[realm] [] 5}]`},
		{`select realm from am_session limit 2 offset -3`, `[{[realm] [] 2}]`},
		{`select realm from am_session where realm = '/alpha' limit 2`, `[{[realm] [{realm [/alpha]}] 2}]`},
		{`select realm from am_session where realm in ('/alpha', '/bravo') and username in ('a') limit 2 offset 1`, `[{[realm username] [{realm [/alpha /bravo]} {username [a]}] 3}]`},
		{`select 1 from am_session where realm = '/alpha' limit (select 2)`, `[{[realm] [{realm [/alpha]}] 2}]`},
		{`select exists (select 1 from am_session where realm = '/alpha')`, `[{[realm] [{realm [/alpha]}] 1}]`},
		{`select * from (select realm from am_session limit 3) limit 1`, `[{[realm] [] 3}]`},
		{`select realm from am_session where realm = '/alpha' union all select realm from am_session where realm = '/bravo' limit 3`,
			`[{[realm] [{realm [/alpha]}] 3} {[realm] [{realm [/bravo]}] 3}]`},

		// For a single row, duplicates do not matter.
		{`select realm from am_session union select realm from am_session limit 1`, `[{[realm] [] 1}]`},

		// No limit, or a limit of 0.
		{`select realm from am_session limit -1`, `[{[realm] [] 0}]`},
		{`select realm from am_session limit -1 offset 2`, `[{[realm] [] 0}]`},
		{`select realm from am_session limit 0`, `[]`},

		// SQLite must filter, sort or combine rows itself.
		{`select realm from am_session where idle = 5 limit 2`, `[{[realm idle] [] 0}]`},
		{`select realm from am_session where realm = '/alpha' and idle > 5 limit 2`, `[{[realm idle] [{realm [/alpha]}] 0}]`},
		{`select realm from am_session where realm = '/alpha' and username like 'b%' limit 2`, `[{[realm username] [{realm [/alpha]}] 0}]`},
		{`select realm from am_session where realm = '/alpha' and realm in ('/alpha', '/bravo') limit 2`, `[{[realm] [{realm [/alpha]}] 0}]`},
		{`select realm from am_session where realm = '/alpha' and upper(username) = 'A' limit 2`, `[{[realm username] [{realm [/alpha]}] 0}]`},
		{`select realm from am_session where realm = 5 limit 2`, `[{[realm] [] 0}]`},
		{`select realm from am_session where realm = '/alpha' or username = 'a' limit 5`, `[{[realm username] [{realm [/alpha]}] 0} {[realm username] [{username [a]}] 0}]`},
		{`select realm from am_session where realm = '/alpha' order by username limit 2`, `[{[realm username] [{realm [/alpha]}] 0}]`},
		{`select realm from am_session where realm = '/alpha' order by realm limit 2`, `[{[realm] [{realm [/alpha]}] 0}]`},
		{`select distinct realm from am_session limit 2`, `[{[realm] [] 0}]`},
		{`select realm, count(*) from am_session group by realm limit 2`, `[{[realm] [] 0}]`},
		{`select count(*) from am_session limit 1`, `[{[] [] 0}]`},
		{`select row_number() over (order by idle) from am_session limit 1`, `[{[idle] [] 0}]`},
		{`select a.realm from am_session a, json_each('[1,2]') limit 2`, `[{[realm] [] 0}]`},
		{`select realm from am_session union select realm from am_session limit 2`, `[{[realm] [] 0} {[realm] [] 0}]`},
	} {
		check(t, test.sql, test.asked)
	}
}

func check(t *testing.T, sql, asked string) {
	t.Helper()
	source := sessions()
	db := open(t, source)
	if err := runAll(t, db, sql); err != nil {
		t.Errorf("%s: %v", sql, err)
	}
	if got := printed(source.asked); got != asked {
		t.Errorf("%s\nasks the source for %s\nnot               %s", sql, got, asked)
	}
}

func printed(asked []table.Query) string {
	texts := []string{}
	for _, q := range asked {
		text := fmt.Sprint(q.Columns, " ", q.Quals, " ", q.Limit)
		if q.Except != nil {
			text += fmt.Sprint(" except ", q.Except)
		}
		texts = append(texts, "{"+text+"}")
	}
	return fmt.Sprint(texts)
}

// A source may be stricter about a condition if its rows will be changed, and only then.
func TestASourceKnowsWhetherWhatItFindsWillBeChanged(t *testing.T) {
	for sql, want := range map[string]bool{
		`select * from am_session where username = 'a'`:                                                                             false,
		`delete from am_session where username = 'a'`:                                                                               true,
		`delete from am.am_session as s where s.username in (select 'a')`:                                                           true,
		`with n as (select 'a' as name) delete from am_session where username in (select name from n)`:                              true,
		`update am_session set idle = 1 where username = 'a'`:                                                                       true,
		`create temp table own as select 1 as n; delete from own where n in (select username from am_session where username = 'a')`: false,
		`create temp table own as select 1 as n; update own set n = (select count(*) from am_session where username = 'a')`:         false,
		`create temp table own as select username from am_session where username = 'a'`:                                             false,
		`begin; delete from am_session where idle = 1000 and realm = 'x' and false; select * from am_session where username = 'a'`:  false,
	} {
		for changing := range 2 {
			source := sessions()
			db := open(t, &writableTable{fakeTable: source})
			if changing > 0 {
				db.Changing()
			}
			if err := runAll(t, db, sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
			for _, q := range source.asked {
				if q.Changes != (want || changing > 0) {
					t.Errorf("%s (changing: %d): asks for what will be changed: %t", sql, changing, q.Changes)
				}
			}
			if len(source.asked) == 0 {
				t.Errorf("%s asks nothing", sql)
			}
		}
	}
}
