package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// staff is a file that amsql did not create: it has names in any case, columns with their own collations, and values of
// any type.
const staff = `
CREATE TABLE employees (id INTEGER PRIMARY KEY, username TEXT, realm VARCHAR(80), mail TEXT COLLATE NOCASE, level, seen TIMESTAMP TEXT);
INSERT INTO employees VALUES (7, 'BJENSEN', '/ALPHA', 'B@Example.com', 1, '2026-11-22 11:00:00'), (3, 'scarter', '/alpha', 'S@example.com', '1', '2026-11-22 11:30:00.500'),
  (11, 'ΝΙΚΟΣ', '/alpha', NULL, 1.5, NULL), (12, 'νικοσ', '/Alpha', 'x', x'31', '2026-11-22 12:00:00'), (13, NULL, NULL, 'b@EXAMPLE.com', 'one', NULL);
CREATE INDEX employees_mail ON employees (mail);
CREATE INDEX employees_realm ON employees (realm, username);
CREATE VIEW people AS SELECT username, realm, id FROM employees;
CREATE TABLE rooms (realm TEXT PRIMARY KEY, room TEXT) WITHOUT ROWID;
INSERT INTO rooms VALUES ('/ALPHA', 'A'), ('/bravo', 'B');
CREATE TABLE plain (a, b);
INSERT INTO plain VALUES (1, 'x'), (2, 'y');
CREATE VIEW broken AS SELECT unheard_of(1) AS username;`

// openFolding opens a database that knows the columns with names, and has sessions.
func openFolding(t *testing.T) *engine.DB {
	t.Helper()
	folding := sessions()
	folding.columns, folding.keys = slices.Clone(folding.columns), nil // as a key, it would be looked up with its spelling
	for i, c := range folding.columns {
		folding.columns[i].Folded = c.Name == "username" || c.Name == "realm"
	}
	return open(t, folding)
}

// In every form of a statement, names and times in a file compare like those of am_session. Everything else compares as
// in the file.
func TestNamesOfAFileCompareAsAMComparesThem(t *testing.T) {
	db := openFolding(t)
	if err := db.AttachFile("staff", sqliteFile(t, staff)); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		"select id from staff.employees where username = 'bjensen'":                                                         "[[7]]",
		"select id from staff.employees where username in ('νικος', 'SCARTER') order by id":                                 "[[3] [11] [12]]",
		"select id from staff.employees where username not in ('νικος', 'SCARTER', 'x')":                                    "[[7]]",
		"select id from staff.people where 'bJensen' = username":                                                            "[[7]]",
		"select count(*) from staff.employees e join am_session s on e.username = s.username and e.realm = s.realm":         "[[2]]",
		"select count(*) from am_session s join staff.employees e on s.username = e.username and e.realm = s.realm":         "[[2]]",
		"select count(*) from staff.employees e join am_session s using (username, realm)":                                  "[[2]]",
		"select count(*) from am_session s join staff.employees e using (username, realm)":                                  "[[2]]",
		"select count(*) from am_session natural join staff.people":                                                         "[[2]]",
		"select count(*) from staff.employees where username in (select username from am_session)":                          "[[2]]",
		"select count(*) from am_session where username not in (select username from staff.employees where id < 10)":        "[[1]]",
		"select count(*) from staff.employees e left join am_session s on e.username = s.username where s.username is null": "[[3]]",
		"select count(distinct username), count(distinct realm) from staff.employees":                                       "[[3 1]]",
		"select count(*) from (select realm from staff.employees where realm is not null group by realm)":                   "[[1]]",
		"select e.id from staff.rooms r join staff.employees e on r.realm = e.realm order by e.id limit 1":                  "[[3]]",
		"select room from staff.rooms where realm = '/alpha'":                                                               "[[A]]",
		"select max(username) from staff.people where username < 'c'":                                                       "[[BJENSEN]]",
		"select id from employees where seen = '2026-11-22T12:30:00.5+01:00'":                                               "[[3]]",
		"select id from employees where seen > '2026-11-22T12:00:00+01:00' and seen < '2026-11-22T13:00Z' order by id":      "[[3] [12]]",
		// As in the file.
		"select id from staff.employees where mail = 'B@EXAMPLE.COM' order by id":                                                  "[[7] [13]]",
		"select rowid from staff.employees where id = 11":                                                                          "[[11]]",
		"select id from staff.employees where level = 1 order by id":                                                               "[[7]]",
		"select typeof(level) from staff.employees order by id":                                                                    "[[text] [integer] [real] [blob] [text]]",
		"select p.b, e.id from staff.plain p join staff.employees e on p.a + 1 = e.id - 1":                                         "[[x 3]]",
		"select count(*) from staff.employees a join staff.employees b on a.mail = b.mail":                                         "[[6]]",
		"select id from staff.employees where id = 7 or mail = 's@EXAMPLE.com' order by id":                                        "[[3] [7]]",
		"select type from pragma_table_info('employees', 'staff') where name in ('id', 'realm')":                                   "[[INTEGER] [VARCHAR(80)]]",
		"select count(*) from staff.employees a, staff.plain p where a.id in (select id from staff.people where realm = '/alpha')": "[[8]]",
	} {
		if got, err := tryAll(t.Context(), db, sql); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v; want %s", sql, got, err, want)
		}
	}
	for _, sql := range []string{"delete from staff.employees", "update staff.employees set id = 1", "insert into staff.plain values (1, 2)", "select * from staff.broken"} {
		if got, err := tryAll(t.Context(), db, sql); err == nil {
			t.Errorf("%s: %v", sql, got)
		}
	}
}

// Except for names and times, all columns and values compare in the schema as in a table with the same declaration.
func TestWhatAFileHoldsComparesAsInTheFile(t *testing.T) {
	values := []string{"1", "'1'", "'01'", "1.0", "1.5", "'1.5'", "'a'", "'A'", "x'31'", "x'61'", "NULL", "9007199254740993", "9007199254740992.0", "'1e0'", "''", "' 1'", "'a '"}
	kinds := []string{"", "INTEGER", "TEXT", "REAL", "NUMERIC", "BLOB", "VARCHAR(3)", "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM", "BIGINT", "DECIMAL(10, 2)", "DATE"}
	var columns []string
	for i, kind := range kinds {
		columns = append(columns, fmt.Sprintf("c%d %s", i, kind))
	}
	script := "CREATE TABLE names (username TEXT); CREATE TABLE t (" + strings.Join(columns, ", ") + "); CREATE TABLE u (" + strings.Join(columns, ", ") + ");" // u has no indexes
	for i := range kinds {
		script += fmt.Sprintf("CREATE INDEX i%d ON t (c%[1]d);", i)
	}
	for _, value := range values {
		script += "INSERT INTO t VALUES (" + strings.TrimSuffix(strings.Repeat(value+", ", len(kinds)), ", ") + ");"
	}
	script += "INSERT INTO u SELECT * FROM t;"
	path := sqliteFile(t, script)
	db := openFolding(t)
	if err := db.AttachFile("f", path); err != nil {
		t.Fatal(err)
	}
	raw, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	plain := engineless{raw}
	var statements []string
	for i := range kinds {
		for _, value := range values {
			statements = append(statements, fmt.Sprintf("select quote(c%d) from t where c%[1]d = %s order by rowid", i, value), fmt.Sprintf("select quote(c%d) from t where c%[1]d in (%s, 'a') order by rowid", i, value))
		}
		for j := range kinds {
			statements = append(statements, fmt.Sprintf("select a.rowid, b.rowid from t a join t b on a.c%d = b.c%d order by 1, 2", i, j),
				fmt.Sprintf("select a.rowid, b.rowid from t a cross join u b on b.c%d = a.c%d order by 1, 2", i, j),
				fmt.Sprintf("select rowid from t where c%d in (select c%d from t) order by 1", i, j))
		}
	}
	for _, sql := range statements {
		got, err := tryAll(t.Context(), db, sql)
		if want := plain.rows(t, sql); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s:\n got %v, %v\nwant %s", sql, got, err, want)
		}
	}
}

type engineless struct{ conn *sqlite3.Conn }

func (e engineless) rows(t *testing.T, sql string) string {
	t.Helper()
	stmt, _, err := e.conn.Prepare(sql)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stmt.Close() }()
	var rows []string
	for stmt.Step() {
		var cells []string
		for i := range stmt.ColumnCount() {
			cells = append(cells, stmt.ColumnText(i))
		}
		rows = append(rows, "["+strings.Join(cells, " ")+"]")
	}
	return "[" + strings.Join(rows, " ") + "]"
}

// A join with a large file that has no suitable index reads the file once.
func TestAJoinWithAFileReadsItOnce(t *testing.T) {
	script := "CREATE TABLE employees (username TEXT, n); WITH RECURSIVE i (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM i WHERE n < 20000) INSERT INTO employees SELECT 'U' || n, n FROM i"
	db := openFolding(t)
	if err := db.AttachFile("staff", sqliteFile(t, script)); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	got, err := tryAll(t.Context(), db, "select count(*) from staff.employees a join staff.employees b on lower(a.username) = b.username")
	if err != nil || fmt.Sprint(got) != "[[20000]]" {
		t.Errorf("%v, %v", got, err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

// The columns of a table-valued function compare like those of tables, and its argument may come from a join.
func TestAFunctionsNamesCompareAsAMComparesThem(t *testing.T) {
	db := openFolding(t)
	if err := db.AttachFile("staff", sqliteFile(t, staff)); err != nil {
		t.Fatal(err)
	}
	if err := db.Define("hired", `select username, seen, id from "`+engine.FileSchema("staff")+`".employees where :from is null or id >= :from`, "", nil); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		"select id from hired where username = 'bjensen'":                                             "[[7]]",
		"select id from hired(8) where username = 'νικος' order by id":                                "[[11] [12]]",
		"select h.id from staff.plain p join hired(p.a + 10) h on h.username = 'νικος' order by h.id": "[[11] [12] [12]]",
		"select id from hired(1) where seen = '2026-11-22T13:00+01:00'":                               "[[12]]",
		"select distinct \"from\" from hired(12)":                                                     "[[12]]",
		"select count(*) from hired(12) a, hired(3) b":                                                "[[10]]",
	} {
		if got, err := tryAll(t.Context(), db, sql); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v; want %s", sql, got, err, want)
		}
	}
	if slices.Contains(engine.FunctionNames(), "hired") {
		t.Error("it is a function of the engine")
	}
}
