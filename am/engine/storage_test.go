package engine_test

import (
	"fmt"
	"strings"
	"testing"
)

// SQLite converts neither a text nor a number to compare them, unless one of them is a column or a cast: a text is then greater
// than every number.
func TestATextIsNotComparedWithANumberByType(t *testing.T) {
	db := open(t, sessions())
	for _, test := range []struct{ sql, want string }{
		{`select 1 from am_session where strftime('%H', latest) > 18`, "strftime('%H', latest) is a text and 18 is a number"},
		{`select 1 from am_session where 18 < strftime('%H', latest)`, "strftime('%H', latest) is a text and 18 is a number"},
		{`select 1 from am_session where strftime('%w', latest) in (0, 6)`, "is a text and 0 is a number"},
		{`select 1 from am_session where strftime('%w', latest) not in (select 0 union all select 6)`, "strftime('%w', latest) is a text and 0 is a number"},
		{`select 1 from am_session where strftime('%H', latest) not between 8 and 18`, "is a text and 8 is a number"},
		{`select case strftime('%w', latest) when 0 then 'sunday' end from am_session`, "is a text and 0 is a number"},
		{`select username from am_session group by 1 having count(*) > '1'`, "'1' is a text and count(*) is a number"},
		{`select 1 from am_session where length(username) > '3'`, "'3' is a text and length(username) is a number"},
		{`select 1 from am_session where -length(username) > '-3'`, "'-3' is a text and -length(username) is a number"},
		{`select username from am_session group by 1 having max(idle) > '1'`, "'1' is a text and max(idle) is a number"},
		{`select 1 from am_session where coalesce(username, 'x') = 5`, "coalesce(username, 'x') is a text and 5 is a number"},
		{`select 1 from am_session where username || '' = 5`, "username || '' is a text and 5 is a number"},
		{`select 1 from (select strftime('%H', latest) as h from am_session) where h > 18`, "h is a text and 18 is a number"},
		{`with x as (select count(*) as n from am_session) select 1 from x where n > '1'`, "'1' is a text and n is a number"},
		{`select 1 from am_session where (select count(*) from am_session) > '1'`, "is a text and (select count(*) from am_session) is a number"},
		{`select 1 from am_session where (strftime('%H', latest), 1) = (9, 1)`, "strftime('%H', latest) is a text and 9 is a number"},
		{`create temp table h as select strftime('%H', latest) as h from am_session; select 1 from h where h > 18`, "h is a text and 18 is a number"},

		{`select avg(latest) from am_session`, "write avg(unixepoch(latest))"},
		{`select cast(latest as integer) from am_session`, "latest is a time, of which a number would contain only the year"},
		{`select 1 from am_session where latest like '2026-11-28T%'`, "no time is like '2026-11-28T%'"},
	} {
		if err := runAll(t, db, test.sql); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.sql, err, test.want)
		}
	}
}

func TestATextThatIsConvertedComparesWithNumbers(t *testing.T) {
	table := sessions()
	table.rows = table.rows[:1]
	for _, sql := range []string{
		`cast(strftime('%H', latest) as integer) between 0 and 23`, `strftime('%H', latest) between '00' and '23'`, `idle = '5'`, `username = length('x') or true`,
		`cast(latest as date) = date(latest)`, `cast(latest as date) = '2026-11-22'`, `cast(latest as time) = time(latest)`, `cast(latest as text) = latest`,
		`cast('2026-11-22 00:00' as date) <= latest`, `latest like '2026-%'`, `iif(true, 1, 'x') = 1`, `coalesce(null, 1) = 1`,
	} {
		if got := fmt.Sprint(all(t, open(t, table), `select count(*) from am_session where `+sql)); got != "[[1]]" {
			t.Errorf("%s: %s", sql, got)
		}
	}
}
