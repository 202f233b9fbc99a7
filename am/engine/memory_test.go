package engine_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// keyless returns a table of the same sessions whose source cannot look up rows.
func keyless() *fakeTable {
	table := sessions()
	table.keys = nil
	return table
}

func TestAStatementAsksOnceForTheSameRows(t *testing.T) {
	for _, test := range []struct {
		sql   string
		asked string // the conditions of each query, in order
		rows  string
	}{
		// The inner table of a join is read once, whatever it is joined on.
		{`select a.session_handle, b.idle from am_session a join am_session b on a.session_handle = b.session_handle where a.realm = '/alpha'`,
			`[[] [{realm [/alpha]}]]`, `[[h1 5] [h2 50]]`},
		{`select count(*) from am_session a join am_session b on a.idle < b.idle`, `[[]]`, `[[3]]`}, // both have the same rows
		{`select count(*) from am_session a join am_session b on b.latest > a.latest join am_session c on c.idle = b.idle + 45`, `[[] [] []]`, `[[1]]`},
		{`select count(*) from am_session a left join am_session b on a.session_handle = b.session_handle and b.idle > 5`, `[[] []]`, `[[4]]`},
		{`select count(*) from am_session a join am_session b on a.session_handle = b.username or a.session_handle = b.session_handle`, `[[] []]`, `[[4]]`},
		{`select count(*) from am_session a join am_session b on a.session_handle = b.session_handle where a.realm = '/alpha' or a.username = 'bjensen'`,
			`[[] [{realm [/alpha]}] [{username [bjensen]}]]`, `[[3]]`},

		// A FULL JOIN reads its second table twice.
		{`select count(*) from am_session a full join am_session b on a.session_handle = b.session_handle || 'x'`, `[[]]`, `[[8]]`},

		// Two scans with different conditions are not one.
		{`select count(*) from am_session a join am_session b on b.idle >= a.idle and b.realm <> '/alpha' join am_session c on c.idle >= a.idle and c.realm <> '/bravo'`,
			`[[] [] []]`, `[[3]]`},

		// Each key is looked up once.
		{`select count(*) from am_session a join am_session b on a.username = b.username`,
			`[[] [{username [bjensen]}] [{username [scarter]}] [{username [o'brien]}]]`, `[[6]]`},
		{`select count(*) from am_session a join am_session b on a.realm = b.realm and a.session_handle = b.session_handle`,
			`[[] [{realm [/alpha]}] [{realm [/bravo]}]]`, `[[4]]`},

		// Subqueries.
		{`select a.idle, (select count(*) from am_session b where b.realm = a.realm) from am_session a`,
			`[[] [{realm [/alpha]}] [{realm [/bravo]}]]`, `[[5 2] [50 2] [500 2] [<nil> 2]]`},
		{`select idle from am_session a where not exists (select 1 from am_session b where b.realm = a.realm and b.username = 'scarter')`,
			`[[] [{realm [/alpha]} {username [scarter]}] [{realm [/bravo]} {username [scarter]}]]`, `[[500] [<nil>]]`},
		{`select idle from am_session a where exists (select 1 from am_session b where b.realm = a.realm and b.idle > a.idle)`,
			`[[] [{realm [/alpha]}] [{realm [/bravo]}]]`, `[[5]]`},
		{`select idle from am_session a where exists (select 1 from am_session b where b.idle > a.idle)`, `[[]]`, `[[5] [50]]`},
		{`select idle from am_session a where exists (select 1 from am_session b where b.session_handle = a.session_handle and b.active)`, `[[] []]`, `[[5] [<nil>]]`},
		{`select idle from am_session a where username in (select username from am_session b where b.idle > a.idle)`, `[[]]`, `[[5]]`},
		{`select idle from am_session a where username not in (select username from am_session b where b.idle < 10)`, `[[] []]`, `[[50] [<nil>]]`},
		{`select idle from am_session a where idle = (select max(idle) from am_session b where b.realm = a.realm)`,
			`[[] [{realm [/alpha]}] [{realm [/bravo]}]]`, `[[50] [500]]`},

		// Recursion.
		{`with recursive chain (handle, n) as (select 'h1', 5 union select session_handle, idle from chain join am_session on idle = n * 10)
			select * from chain`, `[[]]`, `[[h1 5] [h2 50] [h3 500]]`},
		{`with recursive n (i) as (select 1 union all select i + 1 from n where i < 3) select sum(idle) from n join am_session where realm = '/alpha'`,
			`[[{realm [/alpha]}]]`, `[[165]]`},
	} {
		source := sessions()
		if got := fmt.Sprint(all(t, open(t, source), test.sql)); got != test.rows {
			t.Errorf("%s\ngives %s\nnot   %s", test.sql, got, test.rows)
		}
		if got := fmt.Sprint(quals(source)); got != test.asked {
			t.Errorf("%s\nasks %s\nnot  %s", test.sql, got, test.asked)
		}
	}
}

func quals(f *fakeTable) (quals [][]table.Qual) {
	for _, q := range f.asked {
		quals = append(quals, q.Quals)
	}
	return quals
}

func TestRowsAreFoundByWhateverTheyAreJoinedOn(t *testing.T) {
	source := keyless()
	source.rows = append(source.rows, slices.Clone(source.rows[0]))
	db := open(t, source)
	all(t, db, `create temp table copy (realm text, username text, session_handle text, idle integer, score double, active boolean,
		latest timestamp text, properties json text)`)
	all(t, db, `insert into copy select * from am_session`)
	for _, column := range sessionColumns {
		for _, value := range []string{"b.%[1]s", "b.%[1]s || ''", "+b.%[1]s", "cast(b.%[1]s as text)", "b.%[1]s + 0"} {
			if column.Type == table.Timestamp && strings.Contains(value, "+ 0") {
				continue // times cannot be added
			}
			on := fmt.Sprintf("a.%[1]s = "+value, column.Name)
			sql := `select count(*), sum(a.idle), sum(b.score) from copy b cross join %s a on ` + on
			got, want := all(t, db, fmt.Sprintf(sql, "am_session")), all(t, db, fmt.Sprintf(sql, "copy"))
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("on %s: %v, not %v", on, got, want)
			}
		}
	}
}

func TestTheNextStatementAsksAgain(t *testing.T) {
	source := sessions()
	db := open(t, source)
	sql := `select count(*) from am_session a join am_session b on a.session_handle = b.session_handle`
	for i := range 3 {
		all(t, db, sql)
		if want := 2 * (i + 1); len(source.asked) != want {
			t.Errorf("%d queries after %d statements, not %d", len(source.asked), i+1, want)
		}
	}
}

func TestTheOuterTableOfAJoinIsPulledAsItsRowsAreRead(t *testing.T) {
	w := endless()
	inner := keyless()
	inner.name = "am_user"
	all(t, open(t, w, inner), `select a.idle from am_session a cross join am_user b on a.session_handle = b.session_handle limit 2`)
	w.check(t, "limit")
	if w.yielded > 10 || len(inner.asked) != 1 {
		t.Errorf("%d rows pulled, %d queries", w.yielded, len(inner.asked))
	}
}

// If a repeated subquery needs one row, it reads one, and continues from there if it later needs more.
func TestAScanThatWasStoppedGoesOn(t *testing.T) {
	w := endless()
	outer := keyless()
	outer.name, outer.rows = "am_user", outer.rows[:3]
	got := all(t, open(t, w, outer), `select idle, exists (select 1 from am_session b where b.idle > a.idle / 2) from am_user a`)
	if want := `[[5 1] [50 1] [500 1]]`; fmt.Sprint(got) != want {
		t.Errorf("%v, not %s", got, want)
	}
	if w.yielded > 10 || len(w.asked) != 1 {
		t.Errorf("%d rows pulled by %d queries", w.yielded, len(w.asked))
	}
	w.check(t, "the statement's end")
}

func TestScansThatAreStoppedAreFinishedWhereThereAreMany(t *testing.T) {
	source := manySessions(100)
	for i, row := range source.rows {
		row[1] = fmt.Sprint("user", i%20)
	}
	got := all(t, open(t, source), `select count(*) from am_session a where exists (select 1 from am_session b where b.username = a.username and b.idle >= 0)`)
	if fmt.Sprint(got) != `[[100]]` {
		t.Error(got)
	}
	if len(source.asked) != 21 {
		t.Errorf("%d queries for a list and 20 names", len(source.asked))
	}
}

func TestWhatIsTooMuchToKeepIsAskedAgain(t *testing.T) {
	for _, test := range []struct {
		sql   string
		room  int
		rows  string
		asked int
	}{
		{`select count(*) from am_session a join am_session b on a.session_handle = b.session_handle`, 0, `[[4]]`, 5},
		{`select count(*) from am_session a join am_session b on a.session_handle = b.session_handle`, 3, `[[4]]`, 5},
		{`select count(*) from am_session a join am_session b on a.session_handle = b.session_handle`, 5, `[[4]]`, 2},
		{`select count(*) from am_session a join am_session b on a.username = b.username`, 3, `[[6]]`, 4},
		{`select count(*) from am_session a where exists (select 1 from am_session b where b.username = a.username and b.idle > 5)`, 1, `[[3]]`, 5},
	} {
		source := sessions()
		db := open(t, source)
		db.KeepAtMost(test.room)
		if got := fmt.Sprint(all(t, db, test.sql)); got != test.rows || len(source.asked) != test.asked {
			t.Errorf("%s with room for %d: %s by %d queries, not %s by %d", test.sql, test.room, got, len(source.asked), test.rows, test.asked)
		}
	}
	db := open(t, sessions())
	db.KeepAtMost(2)
	_, err := tryAll(t.Context(), db, `select count(*) from am_session a, am_session b`)
	if err == nil || !strings.Contains(err.Error(), "too many to keep") {
		t.Errorf("two that read the same rows at once: %v", err)
	}
}

func TestAnErrorOfTheInnerTableIsTheErrorOfTheQuery(t *testing.T) {
	for after := range 4 {
		outer, inner := sessions(), failing(after, &refused{403})
		outer.name = "am_user"
		for _, on := range []string{"a.username = b.username", "a.session_handle = b.session_handle", "a.idle < b.idle"} {
			db := open(t, outer, inner)
			_, err := tryAll(t.Context(), db, `select count(*) from am_user a cross join am_session b on `+on)
			var cause *refused
			if !errors.As(err, &cause) {
				t.Errorf("on %s after %d rows: %v", on, after, err)
			}
			if got := fmt.Sprint(all(t, db, `select 'usable'`)); got != "[[usable]]" {
				t.Errorf("afterwards: %s", got)
			}
		}
	}
}

func TestSuspendedScansEndWithTheDatabase(t *testing.T) {
	w := endless()
	outer := keyless()
	outer.name = "am_user"
	db := open(t, w, outer)
	rows, err := db.Query(t.Context(), `select exists (select 1 from am_session b where b.idle > 0) from am_user a`)
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	w.check(t, "close of the database")
	_ = rows.Close()
}

// A joinable table records its answers in its own way.
type joinable struct {
	*fakeTable
	statements, lookups int
}

func (j *joinable) Lookups() func(context.Context, table.Query) iter.Seq2[any, error] {
	j.statements++
	return func(ctx context.Context, q table.Query) iter.Seq2[any, error] {
		j.lookups++
		return j.Rows(ctx, q)
	}
}

func TestATableAnswersLookupsInItsOwnWay(t *testing.T) {
	source := &joinable{fakeTable: sessions()}
	db := open(t, source)
	for range 2 {
		all(t, db, `select * from am_session a join am_session b on a.username = b.username`)
	}
	all(t, db, `select * from am_session`)
	if source.statements != 2 || source.lookups != 6 || len(source.asked) != 9 {
		t.Errorf("%d statements, %d lookups, %d queries", source.statements, source.lookups, len(source.asked))
	}
}
