package engine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

func TestUnqualifiedNamesMeanTheFirstSchemaThatHasThem(t *testing.T) {
	first, second, realms := sessions(), sessions(), sessions()
	second.rows = second.rows[:1]
	realms.name = "am_realm"
	db := open(t, first)
	if err := db.Attach("am_dev", second, realms); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ sql, want string }{
		{`select count(*) from am_session`, `[[4]]`},
		{`select count(*) from am.am_session`, `[[4]]`},
		{`select count(*) from am_dev.am_session`, `[[1]]`},
		{`select count(*) from am_realm`, `[[4]]`},
		{`select count(*) from am.am_session a join am_dev.am_session b using (session_handle)`, `[[1]]`},
	} {
		if got := fmt.Sprint(all(t, db, test.sql)); got != test.want {
			t.Errorf("%s gives %s, not %s", test.sql, got, test.want)
		}
	}
}

func TestUnqualifiedNamesMeanThePreferredSchema(t *testing.T) {
	first, second := sessions(), sessions()
	second.rows = second.rows[:1]
	db := open(t, first)
	if err := db.Attach("am_dev", second); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ schema, want string }{{"am_dev", `[[1]]`}, {"am", `[[4]]`}, {"am_dev", `[[1]]`}, {"am_dev", `[[1]]`}} {
		if err := db.SetDefaultSchema(test.schema); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(all(t, db, `select count(*) from am_session`)); got != test.want {
			t.Errorf("%s gives %s, not %s", test.schema, got, test.want)
		}
	}
	if got := fmt.Sprint(all(t, db, `select count(*) from am.am_session`)); got != `[[4]]` {
		t.Errorf("a name with its schema gives %s", got)
	}
	all(t, db, `begin; select 1`)
	if err := db.SetDefaultSchema("am"); err == nil {
		t.Error("it changes in a transaction")
	}
}

func TestAttachLeavesNothingBehindWhenItFails(t *testing.T) {
	wrong := sessions()
	wrong.name, wrong.keys = "am_wrong", []string{"nope"}
	db := open(t, sessions())
	for _, test := range []struct {
		schema string
		table  *fakeTable
		want   string
	}{
		{"am", sessions(), "attach schema am: "},
		{"other", wrong, "attach table other.am_wrong: key nope is not a column"},
	} {
		err := db.Attach(test.schema, test.table)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%v, not %s", err, test.want)
		}
	}
	if err := db.Attach("other", sessions()); err != nil {
		t.Error(err)
	}
}

func TestStatementsRunInOrder(t *testing.T) {
	rows, err := open(t, sessions()).Query(t.Context(), `
		-- Two answers, with other statements around.
		create table t (n integer); ; insert into t values (1), (2);
		select n from t order by n; /* the second; */ delete from t where n = 1;
		select n as m, 'x' from t where 1 = 0; drop table t; -- the end`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for more := true; more; more = rows.NextResultSet() {
		for _, c := range rows.Columns() {
			got = append(got, c.Name)
		}
		for rows.Next() {
			got = append(got, fmt.Sprint(rows.Values()...))
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Error(err)
	}
	if want := []string{"n", "1", "2", "m", "'x'"}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestATextWithoutAnswerHasNoColumns(t *testing.T) {
	for _, sql := range []string{``, ` ; `, `-- nothing`, `/* nothing`, `create table t (x)`} {
		rows, err := open(t).Query(t.Context(), sql)
		if err != nil {
			t.Fatalf("%q: %v", sql, err)
		}
		if len(rows.Columns()) > 0 || rows.Next() || rows.NextResultSet() || rows.Err() != nil || rows.Close() != nil {
			t.Errorf("%q has an answer", sql)
		}
	}
}

func TestQueriesMayOverlap(t *testing.T) {
	db := open(t, sessions())
	outer, err := db.Query(t.Context(), `select username from am_session where realm = '/bravo' order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for outer.Next() {
		name := outer.Values()[0]
		inner := all(t, db, `select count(*) from am_session where username = :u`, engine.Arg{Name: "u", Value: name})
		got = append(got, fmt.Sprint(name, inner))
	}
	if err := errors.Join(outer.Err(), outer.Close()); err != nil {
		t.Error(err)
	}
	if want := []string{"bjensen[[2]]", "o'brien[[1]]"}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

// args makes arguments from alternating names and values.
func args(pairs ...any) (list []engine.Arg) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, engine.Arg{Name: pairs[i].(string), Value: pairs[i+1]})
	}
	return list
}

func TestParametersTakeTheirArguments(t *testing.T) {
	for _, test := range []struct {
		sql  string
		args []engine.Arg
		want string
	}{
		{`select :a, @a, $a, :b`, args("a", "x", "b", nil), `[[x x x <nil>]]`},
		{`select :i + 1, :f, :t, :n`, args("i", int64(1), "f", 0.5, "t", true, "n", 7), `[[2 0.5 1 7]]`},
		{`select :j ->> 'a', :b, :t`, args("j", json.RawMessage(`{"a":"x"}`), "b", []byte("b"), "t", at("2026-11-22T03:16:30Z")), `[[x [98] 2026-11-22 03:16:30]]`},
		{`create table t as select :a as x; select x, :b from t`, args("a", 1, "b", 2), `[[1 2]]`},
		{`select ':no', "a" from (select :a as a) -- :no`, args("a", 1), `[[:no 1]]`},
	} {
		if got := fmt.Sprint(all(t, open(t), test.sql, test.args...)); got != test.want {
			t.Errorf("%s gives %s, not %s", test.sql, got, test.want)
		}
	}
}

func TestWrongArgumentsAreNamed(t *testing.T) {
	for _, test := range []struct {
		sql  string
		args []engine.Arg
		want string
	}{
		{`select :a`, nil, "parameter :a has no value"},
		{`select @realm`, args("ream", 1, "x", 1), "parameter @realm has no value (there are values for ream, x)"},
		{`select :a`, args("a", 1, "b", 1, "c", 1), "the SQL has no parameter :b and no :c"},
		{`select 1; select :a -- end`, args("a", 1, "b", 1), "the SQL has no parameter :b"},
		{`select ?`, nil, "parameter 1 has no name: write :name instead of ?"},
		{`select ?2`, nil, "parameter 1 has no name: write :name instead of ?"},
		{`select :a`, args("a", struct{}{}), "parameter :a: struct {} is not a value for SQL"},
	} {
		rows, err := open(t).Query(t.Context(), test.sql, test.args...)
		if err == nil {
			rows.NextResultSet()
			err = errors.Join(rows.Err(), rows.Close())
		}
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, not %s", test.sql, err, test.want)
		}
	}
}

func TestAnSQLErrorShowsItsPlace(t *testing.T) {
	for _, test := range []struct{ sql, want string }{
		{`selec 1`, `line 1, column 1, at "selec 1": near "selec": syntax error`},
		{"select realm,\n  nope,\n  idle from am_session", `line 2, column 3, at "nope,": no such column: nope`},
		{"select 1 from am_session where realm = bjensen", `line 1, column 40, at "bjensen": no such column: bjensen; text needs single quotes: 'bjensen'`},
		{"select 1 from am_session where realm in ('/', bjensen)", `line 1, column 47, at "bjensen)": no such column: bjensen; text needs single quotes: 'bjensen'`},
		{"select 1 from am_session where realm = s.bjensen", `line 1, column 40, at "s.bjensen": no such column: s.bjensen`},
		{`select '日本', nope from am_session`, `line 1, column 14, at "nope from am_session": no such column: nope`},
		{"select 1;\n\nselect 2 from\n where", `line 4, column 2, at "where": near "where": syntax error`},
		{`select nope(1), '` + strings.Repeat("x", 50) + `'`, `line 1, column 8, at "nope(1), 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…": no such function: nope`},
		{`select (`, `incomplete input`},
		{`select * from nope`, `no such table: nope`},
		{`select * from am_sessions`, `no such table: am_sessions (did you mean am_session?)`},
		{`select s.usrname from am_session s`, `line 1, column 8, at "s.usrname from am_session s": no such column: s.usrname (did you mean username?)`},
		{`delete from am_session`, `table am_session may not be modified`},
		{`update am_session set realm = 1`, `table am_session may not be modified`},
		{`insert into am_session (realm) values (1)`, `table am_session may not be modified`},
		{`select json_extract('{', '$')`, `malformed JSON`},
	} {
		db := open(t, sessions())
		err := runAll(t, db, test.sql)
		var where *engine.Error
		if !errors.As(err, &where) || err.Error() != test.want {
			t.Errorf("%s\ngives %v\nnot   %s", test.sql, err, test.want)
		}
	}
}

func TestRunningOutOfMemoryIsAnError(t *testing.T) {
	db := open(t, sessions())
	_, err := tryAll(t.Context(), db, `select randomblob(80000000), length(cast(zeroblob(999999999) as text))`)
	if err == nil || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("%v", err)
	}
	if got := fmt.Sprint(all(t, db, `select count(*) from am_session`)); got != "[[4]]" {
		t.Errorf("afterwards: %s", got)
	}
}

func TestASchemaTooManyIsRefusedAndTheOthersStay(t *testing.T) {
	db := open(t)
	for db.Schemas() < engine.MaxSchemas {
		if err := db.Attach(fmt.Sprint("s", db.Schemas())); err != nil {
			t.Fatalf("schema %d of %d: %v", db.Schemas()+1, engine.MaxSchemas, err)
		}
	}
	if err := db.Attach("more"); err == nil || !strings.Contains(err.Error(), "too many attached databases") || db.Schemas() != engine.MaxSchemas {
		t.Errorf("the next gives %v, and there are %d", err, db.Schemas())
	}
}
