package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

func TestARealmMayBeWrittenWithoutItsSlashWhereverItComesFrom(t *testing.T) {
	db := openFolding(t)
	list := "realm,path\nalpha,alpha\n,docs\n"
	if err := db.LoadCSV("list", strings.NewReader(list), 0); err != nil {
		t.Fatal(err)
	}
	all(t, db, `create temp table mine (realm text, n); insert into mine values ('alpha', 1)`)
	all(t, db, `create temp table copied as select distinct realm as path from am_session`)
	args := []engine.Arg{{Name: "realm", Value: "alpha"}}
	const want = "2" // the number for /alpha
	for _, sql := range []string{
		`select count(*) from am_session where realm = :realm`,
		`select count(*) from am_session where :realm = realm`,
		`select count(*) from am_session where realm in (:realm, 'x')`,
		`select count(*) from am_session where realm not in (:realm)`,
		`select count(*) from am_session where realm between :realm and :realm`,
		`select count(*) from am_session where (realm, username <> '') = (:realm, true)`,
		`select count(*) from am_session where realm is not distinct from lower(:realm)`,
		`select count(*) from am_session where realm = (select realm from mine) and :realm <> ''`,
		`select count(*) from am_session where realm in (select realm from mine) and :realm <> ''`,
		`select count(*) from am_session where realm in (select * from (select realm from mine)) and :realm <> ''`,
		`select count(*) from am_session where realm in (select path from list) and :realm <> ''`,
		`select count(*) from am_session where realm in (select realm from list) and :realm <> ''`,
		`select count(*) from am_session s join mine on mine.realm = s.realm and :realm <> ''`,
		`select count(*) from am_session s join list on s.realm = list.path and :realm <> ''`,
		`select count(*) from am_session join list using (realm) where :realm <> ''`,
		`select count(*) from am_session join mine using (realm) where :realm <> ''`,
		`select count(m.n) from am_session as s join "mine" as m using (realm) where m.realm = :realm and realm = :realm`,
		`select count(*) from temp.mine join am_session using (realm) where :realm <> ''`,
		`select count(*) from mine natural join am_session where :realm <> ''`,
		`select count(*) from am_session left join mine using (realm) where n = 1 and :realm <> ''`,
		`select count(*) from mine join am_session s using (realm) join list using (realm) where :realm <> ''`,
		`select count(*) from (select * from am_session join mine using (realm)) where realm = :realm and n = 1`,
		`select count(*) from (select realm as r from am_session) where r = :realm`,
		`select count(*) from (select realm as r from am_session union all select realm from am_session where false) where r = :realm`,
		`with w(r) as (select coalesce(realm, realm) from am_session) select count(*) from w where case when true then r end = :realm`,
		`select count(*) from am_session where realm = (select path from copied where path = :realm)`,
		`select 2 * count(*) from list where realm = :realm`,
		`select 2 * count(*) from list where realm = 'alpha' and :realm <> ''`,
		`select 2 * count(*) from list where path = 'alpha' and :realm <> ''`,
		`select 2 * count(*) from mine where realm = 'alpha' and :realm <> ''`,
		`select 2 * count(*) from mine where realm in (select realm from am_session) and :realm <> ''`,
	} {
		if got := fmt.Sprint(all(t, db, sql, args...)[0][0]); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
}

func TestOnlyWhatIsComparedWithARealmBecomesOne(t *testing.T) {
	db := openFolding(t)
	if err := db.LoadCSV("list", strings.NewReader("realm,path\nalpha,docs/a\n,b\n"), 0); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		`select coalesce(null, 'none'), case when realm = 'bravo' then 'the other' else realm end from am_session where realm = 'bravo' limit 1`: "[[none the other]]",
		`select realm from am_session where realm = 'bravo' union select 'total' order by 1`:                                                     "[[/bravo] [total]]",
		`select r from (select realm as r from am_session union select 'total') where r = 'total'`:                                               "[[total]]",
		`select realm, path from list order by path`:                                                                                             "[[ b] [/alpha docs/a]]",
		`select count(*) from am_session where realm = ''`:                                                                                       "[[0]]",
		`select count(*) from am_session where realm = null`:                                                                                     "[[0]]",
		`select count(*) from am_session where realm = '/ALPHA'`:                                                                                 "[[2]]",
		`select count(*) from am_session where username = 'alpha'`:                                                                               "[[0]]",
		`select realm_path('a'), realm_path('/a'), realm_path('')`:                                                                               "[[/a /a ]]",
		`select count(*) from am_session where realm in (null, '')`:                                                                              "[[0]]",
	} {
		if got := fmt.Sprint(all(t, db, sql)); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
}

func TestRealmsThatCannotBeCompletedAreAnError(t *testing.T) {
	db := openFolding(t)
	all(t, db, `create temp table mine (realm text, username text)`)
	for _, sql := range []string{
		`select * from am_session join (select * from mine) using (realm)`,
		`select * from am_session join mine not indexed using (realm)`,
		`select * from am_session where (realm, username) = (select realm, username from mine)`,
	} {
		if _, err := tryAll(t.Context(), db, sql); err == nil || !strings.Contains(err.Error(), "a realm") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestUsingShowsACompletedRealmOnce(t *testing.T) {
	db := openFolding(t)
	all(t, db, `create temp table mine (realm text, n); insert into mine values ('alpha', 1)`)
	rows, err := db.Query(t.Context(), `select * from mine join am_session using (realm) limit 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() || rows.Columns()[0].Name != "realm" || rows.Columns()[1].Name != "n" || rows.Values()[0] != "/alpha" {
		t.Errorf("%v: %v, %v", rows.Columns(), rows.Values(), rows.Err())
	}
}

// If the realm is completed while the statement runs, the table is still queried for that realm only.
func TestACompletedRealmIsLookedUp(t *testing.T) {
	source := sessions()
	db := open(t, source)
	all(t, db, `create temp table mine (realm text); insert into mine values ('alpha')`)
	for _, sql := range []string{
		`select count(*) from am_session where realm = :realm`,
		`select count(*) from mine cross join am_session s on s.realm = mine.realm and :realm <> ''`,
	} {
		source.asked = nil
		if got := fmt.Sprint(all(t, db, sql, engine.Arg{Name: "realm", Value: "alpha"})); got != "[[2]]" {
			t.Errorf("%s: %s", sql, got)
		}
		if len(source.asked) != 1 || fmt.Sprint(source.asked[0].Texts("realm")) != "[/alpha]" {
			t.Errorf("%s: asked %+v", sql, source.asked)
		}
	}
}
