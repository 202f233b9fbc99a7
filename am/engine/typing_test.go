package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// The parser must accept whatever SQLite accepts.
func TestStatementsOfAllFormsAreUnderstood(t *testing.T) {
	db := open(t, sessions())
	for _, sql := range []string{
		`create temp table e (a, b, c text default 'x', "group" integer, primary key (a, b)) without rowid`,
		`insert into e (a, b, "group") values (1, 2, 3), (4, 5, 6) on conflict (a, b) do nothing`,
		`insert into e values (1, 2, 'x', 4) on conflict (a, b) do update set "group" = excluded."group", (c, b) = ('y', b + 10) where e.a = 1 returning *, a as x`,
		`insert or replace into e (a, b) select 7, 8 where true on conflict do nothing`,
		`with w as (select 1 as x) insert into e (a, b) select x, 9 from w`,
		`with w as (select 1 as x) update e set c = (select x from w) where a in (select x from w) returning a, c`,
		`update or ignore e as f set c = w.x from (select 2 as x) as w where f.a = w.x`,
		`with w as (select 1 as x) delete from e as f where f.a in w and not f.b in (select x from w) returning a`,
		`delete from e not indexed where a = 99`,
		`select distinct realm r, count(*) filter (where idle > 1) n from am_session s not indexed where s.idle notnull group by 1, r having n >= 0 order by r collate nocase desc nulls last, 2 limit 1 + 1 offset 0`,
		`select all 1, -1, +1, ~1, not 1, - - 1, not not 1, 1 is not 2, 1 is not distinct from 2, 1 isnull, 1 not null, 1 is not null`,
		`select 1 between 0 and 2 and 3 not between 4 and 5 or 1 in () or 2 not in (1, 2) or 3 in (select 3)`,
		`select 'a' like 'A' escape '\', 'a' not like 'b', 'a' glob 'a*', 'a' not glob 'b', 'a' regexp 'a', 'a' not regexp 'b'`,
		`select 1 << 2 | 3 & 4 >> 1, 1 || 2 -> '$', '{"a":[1]}' ->> '$.a[0]', x'00ff', X'', 0x1F, 1e-3, .5, 5., 1_000`,
		`select case 1 when 1 then 2 else 3 end, case when 1 then 2 end, cast(1 as varchar(10)), cast(1 as decimal(10, 2)), iif(1, 2, 3), if(1, 2)`,
		`select exists (select 1), not exists (select 2), (select 3), (4), ((5)), (1, 2) = (1, 2), (1, 2) < (select 1, 3), (1, 2) in (values (1, 2), (3, 4))`,
		`select count(distinct realm), group_concat(username, ', ' order by username desc), string_agg(username, ';'), max(1, 2), min(idle) from am_session`,
		`select row_number() over w, sum(idle) over (w rows between 1 preceding and current row exclude ties), first_value(idle) over (partition by realm, username order by idle desc nulls first groups between unbounded preceding and 1 following), count(*) filter (where active) over () from am_session window w as (partition by realm order by idle), v as (w)`,
		`select s.*, t.realm as "a b", t.username 'c d', s.[idle] from am_session s join am_session as t on t.realm = s.realm -- a comment`,
		`select count(*) from am_session a join am_session b using (realm, username) left outer join am_session c on a.realm = c.realm cross join (select 1) as e full join (am_session f join am_session g on f.realm = g.realm) on 1 inner join json_each('[1]') j`,
		`select count(*) from am_session a natural left join (select realm, latest from am_session) b`,
		`select * from (values (1, 2), (3, 4)) as v join (select column1 from (values (5))) limit 2, 1`,
		`select value from json_each('[1, 2]') where value > 1 union select 3 except select 1 intersect select 3 union all select 4 order by 1`,
		`select 3 union all values (4), (5)`,
		`with recursive a (x, y) as materialized (select 1, 2 union all select x + 1, y from a where x < 3), b as not materialized (select * from a) select * from b, a as c where b.x = c.y`,
		`with a as (with b as (select 1 as x) select x from b) select (with c as (select x from a) select x from c)`,
		`select main.sqlite_schema.name, sqlite_schema.rowid from main.sqlite_schema, pragma_table_info('am_session') as p where p.name = 'x'`,
		`select am.am_session.realm, am_session."username" from am.am_session where am_session.realm in (select key from json_each('{"/alpha":1}'))`,
		`/* a */ select /* b */ 1 -- c
			/* d */ ;`,
		`explain query plan select * from am_session where realm = 'x'`,
		`explain select 1`,
		`create temp view if not exists w (a, b) as select realm, max(latest) from am_session group by 1 order by 2`,
		`create temp trigger g after update of c on e for each row when new.c <> old.c begin insert into e (a, b) values (new.a, 77); delete from e where a = old.a and b = 78; select 1; update e set c = c where a = 0; end`,
		`create temp table if not exists copy as with x as (select 1 as y) select * from x`,
		`create index temp.i on e (c) where c is not null`,
		`alter table e add column d text`,
		`alter table e rename column d to f`,
		`drop index i; drop view w; drop table e`,
		`begin immediate; savepoint a; release a; rollback`,
		`pragma table_info(am_session)`,
		`values (1), ('a')`,
		`select current_timestamp, current_date, current_time, now(), ago('1 hour'), "realm" from am_session`,
		`select key, value, first, last, left, right, full from (select 1 as key, 2 as value, 3 as first, 4 as last, 5 as left, 6 as right, 7 as full)`,
		`select like('a', 'b'), glob('a', 'b'), replace('a', 'b', 'c'), coalesce(null, null, 1), total(idle) over () from am_session`,
		`reindex; analyze`,
		`select 1 as begin, 2 as "end", 3 as row, 4 as rows, 5 as filter, 6 as over`,
		`select ` + strings.Repeat("(", 90) + `1` + strings.Repeat(")", 90),
	} {
		if err := runAll(t, db, sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestWhatCannotBeComparedWithATimeIsAnErrorWithItsPlace(t *testing.T) {
	db := open(t, sessions())
	for _, test := range []struct{ sql, place, want string }{
		{`select * from am_session where latest < 'soon'`, "column 41", `"soon" is not a time such as`},
		{`select * from am_session where 'soon' < latest`, "column 32", `"soon" is not a time`},
		{`select * from am_session where max(latest, latest) < 'soon'`, "column 54", `"soon" is not a time`},
		{`select * from am_session where latest in ('2026-11-22', 'soon')`, "column 57", `"soon" is not a time`},
		{`select * from am_session where latest between 'epoch' and 'soon'`, "column 59", `"soon" is not a time`},
		{`select coalesce(latest, 'never') from am_session`, "column 25", `"never" is not a time`},
		{`select latest from am_session union select 'never'`, "column 44", `"never" is not a time`},
		{`select 1 from am_session where latest = '28.11.2026'`, "column 41", `"28.11.2026" is not a time`},
		{`select 1 from am_session where latest = '11/28/2026'`, "column 41", `"11/28/2026" is not a time`},
		{`select 1 from am_session where latest = '2026-11-28 09:23:08 CET'`, "column 41", `CET" is not a time`},
		{`select 1 from am_session where latest = 'Sat, 28 Nov 2026 09:23:08 CET'`, "column 41", `CET" is not a time`},
		{`select 1 from am_session where latest = '2026-02-30'`, "column 41", `"2026-02-30" is not a time`},
		{`select 1 from am_session where latest = ''`, "column 41", `"" is not a time`},
		{`select 1 from am_session where latest > 5`, "column 41", `"5" is not a time`},
		{`select 1 from am_session where latest = active`, "column 41", `a time and a boolean cannot be compared`},
		{`select latest - 1 from am_session`, "column 8", `times cannot be added or subtracted`},
		{`select latest from am_session union select active from am_session`, "", `cannot be compared`},
		{`select * from am_session where (latest, idle) = (select 'soon', 1)`, "column 32", `compare the values one by one`},
		{`select * from am_session join (select 'soon' as latest) using (latest)`, "", `column latest is a time in one table and may not be in the other`},
		{`select 1 from am_session where latest = :when`, "", `"soon" is not a time`},
		{`select 1 from am_session, (select 'so' || 'on' as t) where latest = t`, "", `"soon" is not a time`},
		{`select 1 from am_session where latest in (select 'so' || 'on')`, "", `"soon" is not a time`},
		{`create temp view v as select * from am_session where latest < 'soon'`, "column 63", `"soon" is not a time`},
		{`delete from own where t < 'soon'`, "column 27", `"soon" is not a time`},
		{`insert into own values ('soon')`, "column 25", `"soon" is not a time`},
		{`update own set t = 'soon'`, "column 20", `"soon" is not a time`},
		{`alter table derived rename to other`, "column 1", `keeps its names`},
		{`select 1 from am_session where active = 'maybe'`, "column 41", `"maybe" is not a boolean: write true or false`},
		{`select 1 from am_session where active in (1, 'o')`, "column 46", `"o" is not a boolean`},
		{`select 1 from am_session where coalesce(active, false) = 'ja'`, "column 58", `"ja" is not a boolean`},
	} {
		if err := runAll(t, db, `create temp table if not exists own (t timestamp text); create temp table if not exists derived as select latest from am_session`); err != nil {
			t.Fatal(err)
		}
		var args []engine.Arg
		if strings.Contains(test.sql, ":when") {
			args = []engine.Arg{{Name: "when", Value: "soon"}}
		}
		rows, err := tryAll(t.Context(), db, test.sql, args...)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.place) {
			t.Errorf("%s: %v, %v; want an error at %s with %s", test.sql, rows, err, test.place, test.want)
		}
	}
}

func TestBooleansCompareWithTheirWords(t *testing.T) {
	db := open(t, sessions())
	for _, test := range []struct{ sql, want string }{
		{`active = 'true'`, "[[h1] [h4]]"}, {`active = 'T'`, "[[h1] [h4]]"}, {`active = 'yes'`, "[[h1] [h4]]"}, {`active = ' On '`, "[[h1] [h4]]"},
		{`active = '1'`, "[[h1] [h4]]"}, {`active = 1`, "[[h1] [h4]]"}, {`active`, "[[h1] [h4]]"}, {`+active = 'true'`, "[[h1] [h4]]"},
		{`active != 'true'`, "[[h2]]"}, {`active = 'off'`, "[[h2]]"}, {`active = 'f'`, "[[h2]]"}, {`active is 'no'`, "[[h2]]"}, {`active = '0'`, "[[h2]]"},
		{`active in ('no', 'yes')`, "[[h1] [h2] [h4]]"}, {`active not in ('yes')`, "[[h2]]"}, {`'true' = active`, "[[h1] [h4]]"},
		{`coalesce(active, 'false') = 'no'`, "[[h2] [h3]]"}, {`max(active, active) = 'true'`, "[[h1] [h4]]"}, {`active = :flag`, "[[h1] [h4]]"},
		{`case active when 'yes' then 1 end`, "[[h1] [h4]]"}, {`active = (idle < 10)`, "[[h1] [h2]]"}, {`active in (select 'tr' || 'ue')`, "[[h1] [h4]]"},
	} {
		var args []engine.Arg
		if strings.Contains(test.sql, ":flag") {
			args = []engine.Arg{{Name: "flag", Value: "yes"}}
		}
		if got := fmt.Sprint(all(t, db, `select session_handle from am_session where `+test.sql+` order by 1`, args...)); got != test.want {
			t.Errorf("%s: %s, not %s", test.sql, got, test.want)
		}
	}
}

// Where the result of SQLite's time functions is combined with other texts, it remains a text.
func TestTextsOfTimesStayTexts(t *testing.T) {
	for sql, want := range map[string]string{
		`select date('2026-11-22') union select 'none' order by 1`: "[[2026-11-22] [none]]",
		`select coalesce(date('2026-11-22'), 'none')`:              "[[2026-11-22]]",
	} {
		if got, err := tryAll(t.Context(), open(t, sessions()), sql); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v; want %s", sql, got, err, want)
		}
	}
}

func TestResultsKeepTheirNames(t *testing.T) {
	for sql, want := range map[string]string{
		`select latest < '2026-11-22T00:00Z', coalesce(latest, 'now') as c from am_session`:              `[latest < '2026-11-22T00:00Z' c]`,
		`select (latest), '2026/11/22' = latest y from am_session`:                                       `[latest y]`,
		`select latest from am_session union all select '2026/11/22'`:                                    `[latest]`,
		`select * from (select max(latest, '2026/11/22') from am_session)`:                               `[max(latest, '2026/11/22')]`,
		`create temp table made as select max(latest, '2026/11/22') from am_session; select * from made`: `[max(latest, '2026/11/22')]`,
	} {
		rows, err := open(t, sessions()).Query(t.Context(), sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		var names []string
		for _, c := range rows.Columns() {
			names = append(names, c.Name)
		}
		if got := fmt.Sprint(names); got != want {
			t.Errorf("%s has the columns %s, not %s", sql, got, want)
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestTimesAreStoredInOneForm(t *testing.T) {
	db := open(t, sessions())
	for _, sql := range []string{
		`create temp table own (t timestamp text, b boolean)`,
		`insert into own values ('2026-11-22T04:16:30.5+01:00', 'yes')`,
		`insert into own (b, t) select 'off', '20261122T031630.5Z'`,
		`insert into own select * from (values ('2026-11-22T03:16:30.500Z', 'no'))`,
		`insert into own values ('x' || '', 1) on conflict do nothing`, // fails
		`update own set (t, b) = (replace(t, ' ', 'T'), 't') where b = 'yes'`,
	} {
		if err := runAll(t, db, sql); err != nil && !strings.Contains(sql, "'x'") {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if got, want := fmt.Sprint(all(t, db, `select t || '', b + 0 from own`)), "[[2026-11-22 03:16:30.500 1] [2026-11-22 03:16:30.500 0] [2026-11-22 03:16:30.500 0]]"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

func TestAListOfOursHasItsTypes(t *testing.T) {
	db := open(t, sessions())
	list := "session_handle,latest,active,idle\nh1,2026-11-22T03:16:30.123Z,true,5\nh2,2026-11-22T03:16:30Z,false,50\nh3,,,\n"
	if err := db.LoadCSV("list", strings.NewReader(list), 0); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		`select l.session_handle from list l join am_session s on l.latest = s.latest order by 1`:                         "[[h1] [h2]]",
		`select l.session_handle from list l join am_session s on s.latest = l.latest and l.active = s.active order by 1`: "[[h1] [h2]]",
		`select session_handle from list where latest is null and active is null`:                                         "[[h3]]",
		`select session_handle from list join am_session using (session_handle, latest, active) order by 1`:               "[[h1] [h2]]",
		`select max(latest), max(active) from list`:                                                                       "[[2026-11-22 03:16:30.123 +0000 UTC 1]]",
		`select typeof(idle) from list where session_handle = 'h1'`:                                                       "[[text]]",
	} {
		if got := fmt.Sprint(all(t, db, sql)); got != want {
			t.Errorf("%s: %s, not %s", sql, got, want)
		}
	}
	if err := db.LoadCSV("other", strings.NewReader("latest,active\nsoon,A\n2026-11-22,I\n"), 0); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(all(t, db, `select * from other where active = 'A'`)), "[[soon A]]"; got != want {
		t.Errorf("a list with other values: %s, not %s", got, want)
	}
	if _, err := tryAll(t.Context(), db, `select 1 from other o join am_session s on o.latest = s.latest`); err == nil || !strings.Contains(err.Error(), `"soon" is not a time`) {
		t.Errorf("a list with other values, beside times: %v", err)
	}
}

func TestWordsAreTimesOfTheStatement(t *testing.T) {
	db := open(t, sessions())
	got := fmt.Sprint(all(t, db, `select utc('today') || '' = date(now()) || ' 00:00:00', utc('now') = now(), utc('YESTERDAY') < utc('today'), utc('tomorrow') > now(), utc('epoch') || '', utc(' Infinity ')`))
	if want := "[[1 1 1 1 1970-01-01 00:00:00 infinity]]"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

// If a column is not in a subquery's tables, it is that of the outer query, which is equal to itself, so everybody
// would be a leaver.
func TestASubqueryThatNamesAColumnOfTheQueryAroundItIsRefused(t *testing.T) {
	for _, c := range []struct{ sql, says string }{
		{`select * from am_session where username in (select username from leavers)`, `column 52, at "username from leavers)": this subquery has no column username (its columns are user, left_on)`},
		{`select * from am_session where username not in (select USERNAME from leavers)`, "this subquery has no column USERNAME"},
		{`select * from am_session where username in (select (username) from leavers)`, "this subquery has no column username"},
		{`select * from am_session where (username, idle) in (select user, idle from leavers)`, "this subquery has no column idle"},
		{`select * from am_session where username in (select user from leavers union select username from leavers)`, "this subquery has no column username"},
		{`select * from am_session s where username in (select username as user from leavers where left_on > '')`, "this subquery has no column username"},
		{`select * from am_session where exists (select 1 from am_session o where o.username = username)`, "o.username and username are the same column of o, which is compared with itself: qualify each"},
		{`select * from am_session where exists (select 1 from leavers where username = am_session.username)`, "username and am_session.username are the same column of am_session"},
		{`select * from am_session where not exists (select 1 from leavers where (username) is username)`, "are the same column of am_session"},
		{`select * from am_session where exists (select 1 from leavers l where l.user = user)`, ""}, // am_session has none
		{`select * from am_session where exists (select 1 from am_session o where o.username = am_session.username and o.idle <> am_session.idle)`, ""},
		{`select * from am_session where username = username`, ""},
		{`select * from am_session a join am_session b on a.username = b.username and a.username = a.username`, ""},
		{`select * from am_session where username in (select user from leavers)`, ""},
		{`select * from am_session s where username in (select s.username from leavers)`, ""}, // explicitly
		{`select * from am_session where username in (select username from am_session where idle > 1)`, ""},
		{`select * from am_session where username in (select column1 from (values ('x')))`, ""},
		{`select * from am_session where username in (select upper(username))`, ""},
		{`select * from am_session s where exists (select username from leavers where user = s.username)`, ""},
		{`select (select username from leavers limit 1) from am_session`, ""}, // it is not a condition
		{`select * from am_session where username in (select coalesce(user, username) from leavers)`, ""},
	} {
		db := open(t, sessions())
		if err := db.LoadCSV("leavers", strings.NewReader("user,left_on\nsomebody,2026-01-01\n"), 0); err != nil {
			t.Fatal(err)
		}
		err := runAll(t, db, c.sql)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want an error with %q", c.sql, err, c.says)
		}
		db.Changing()
		if err := runAll(t, db, `select (select username from leavers limit 1) from am_session`); err == nil || !strings.Contains(err.Error(), "this subquery has no column username") {
			t.Errorf("a value that decides what is changed: %v", err)
		}
	}
}
