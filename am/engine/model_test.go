package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// Although the source of a virtual table uses everything in its queries, every statement returns what it returns for a
// real table with the same rows.
func TestVirtualTablesAnswerAsRealOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		defer m.close(t)
		for range 5 {
			m.compare(t, drawStatement(t))
		}
	})
}

// A model has the same rows in virtual tables and in real ones.
type model struct {
	virtual, real *engine.DB
	tables        []*fakeTable
}

func newModel(t *rapid.T) *model {
	m := &model{virtual: mustOpen(t), real: mustOpen(t)}
	m.mustRun(t, `ATTACH ':memory:' AS copies`)
	m.real.TrustTimes("copies") // like those of a connection, whose realms are completed
	for _, name := range []string{"t", "u"} {
		table := drawTable(t, name)
		m.tables = append(m.tables, table)
		m.copy(t, table)
	}
	if err := m.virtual.Attach("am", m.tables[0], m.tables[1]); err != nil {
		t.Fatal(err)
	}
	return m
}

func mustOpen(t *rapid.T) *engine.DB {
	db, err := engine.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func (m *model) close(t *rapid.T) {
	for _, db := range []*engine.DB{m.virtual, m.real} {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// copy creates the real table for a virtual one.
func (m *model) copy(t *rapid.T, table *fakeTable) {
	m.mustRun(t, `CREATE TABLE copies.`+table.name+`(realm TEXT, username TEXT, session_handle TEXT, idle INTEGER, score DOUBLE,
		active BOOLEAN, latest TIMESTAMP TEXT, properties JSON TEXT)`)
	for _, row := range table.rows {
		args := make([]engine.Arg, len(row))
		for i, column := range table.columns {
			args[i] = engine.Arg{Name: column.Name, Value: row[i]}
		}
		m.mustRun(t, `INSERT INTO copies.`+table.name+` VALUES
			(:realm, :username, :session_handle, :idle, :score, :active, :latest, :properties)`, args...)
	}
}

func (m *model) mustRun(t *rapid.T, sql string, args ...engine.Arg) {
	if _, err := tryAll(context.Background(), m.real, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// A statement consists of SQL and a clause that limits its rows. ordered reports whether its rows have an order.
type statement struct {
	sql, limit string
	ordered    bool
}

func (m *model) compare(t *rapid.T, s statement) {
	for _, table := range m.tables {
		table.asked = nil
	}
	want, wantErr := m.rows(m.real, s.sql+s.limit)
	got, gotErr := m.rows(m.virtual, s.sql+s.limit)
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
		t.Fatalf("%s%s\nvirtual: %v\nreal:    %v", s.sql, s.limit, gotErr, wantErr)
	}
	same := slices.Equal(got, want)
	if s.limit != "" && !s.ordered { // any rows will do if there are as many
		all, _ := m.rows(m.real, s.sql)
		same = len(got) == len(want) && contains(all, got)
	} else if !s.ordered {
		slices.Sort(got)
		slices.Sort(want)
		same = slices.Equal(got, want)
	}
	if !same {
		t.Fatalf("%s%s\nt: keys %v, asked %v\nu: keys %v, asked %v\nvirtual: %q\nreal:    %q", s.sql, s.limit,
			m.tables[0].keys, m.tables[0].asked, m.tables[1].keys, m.tables[1].asked, got, want)
	}
}

func (m *model) rows(db *engine.DB, sql string) ([]string, error) {
	rows, err := tryAll(context.Background(), db, sql)
	printed := make([]string, len(rows))
	for i, row := range rows {
		printed[i] = fmt.Sprint(row...)
	}
	return printed, err
}

// contains reports whether the multiset all contains the multiset some.
func contains(all, some []string) bool {
	count := map[string]int{}
	for _, row := range all {
		count[row]++
	}
	for _, row := range some {
		if count[row]--; count[row] < 0 {
			return false
		}
	}
	return true
}

func drawTable(t *rapid.T, name string) *fakeTable {
	row := rapid.Custom(func(t *rapid.T) session {
		row := make(session, len(sessionColumns))
		for i, column := range sessionColumns {
			row[i] = rapid.SampledFrom(cells[column.Type]).Draw(t, column.Name)
		}
		return row
	})
	few := rapid.SliceOfN(row, 1, 6).Draw(t, "rows of "+name) // so that some are duplicates
	table := &fakeTable{name: name, columns: sessionColumns, rows: rapid.SliceOfN(rapid.SampledFrom(few), 0, 12).Draw(t, name)}
	for _, column := range sessionColumns {
		if rapid.Bool().Draw(t, name+" has key "+column.Name) {
			table.keys = append(table.keys, column.Name)
		}
	}
	if rapid.Bool().Draw(t, name+" is careless") {
		table.source = table.careless
	}
	return table
}

// careless uses only the limit of its query: it may yield rows that do not match, as long as it does not count them.
func (f *fakeTable) careless(_ context.Context, q table.Query) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		var n int64
		for _, row := range f.rows {
			if q.Limit > 0 && n == q.Limit || !yield(row, nil) {
				return
			}
			if f.matches(row, q) {
				n++
			}
		}
	}
}

var cells = map[table.Type][]any{
	table.Text:      {nil, "a", "A", "b", "5", "05", "5.0", "a%", "日本", ""},
	table.Integer:   {nil, int64(0), int64(1), int64(5), int64(-7), int64(1 << 53), int64(1<<53 + 1)},
	table.Double:    {nil, 0.0, 1.0, 5.0, 5.25, -0.5, float64(1 << 53)},
	table.Boolean:   {nil, true, false},
	table.Timestamp: {nil, at("2026-11-22T03:16:30Z"), at("2026-11-22T03:16:30.123Z"), at("2026-11-22T00:00:00Z"), at("2026-11-22T03:16:30.000001Z")},
	table.JSON:      {nil, json.RawMessage(`{"a":1}`), json.RawMessage(`[]`), json.RawMessage(`5`)},
}

// fitting contains literals of a column's type, odd contains others.
var (
	fitting = map[table.Type][]string{
		table.Text:      {`'a'`, `'A'`, `'b'`, `'5'`, `''`, `'日本'`},
		table.Integer:   {`0`, `1`, `5`, `-7`, `9007199254740993`},
		table.Double:    {`0.0`, `1`, `5.25`, `9007199254740992.0`},
		table.Boolean:   {`true`, `false`},
		table.Timestamp: {`'2026-11-22'`, `'2026-11-22 03:16:30'`, `'2026-11-22T03:16:30Z'`, `'2026-11-22T04:16:30.123+01:00'`},
		table.JSON:      {`'[]'`, `'{"a":1}'`, `'5'`},
	}
	odd = []string{
		`NULL`, `'05'`, `'5.0'`, `' 5'`, `'5'`, `x'61'`, `5`, `5.0`, `0`, `cast(5 as text)`, `'2026'`,
	}
	oddOf = map[table.Type][]string{
		table.Timestamp: {`NULL`, `datetime('2026-11-22 03:16:30')`, `'2026'`, `'soon'`, `5`, `1795317390`, `'1795317390123'`, `date('2026-11-22')`, `'epoch'`, `'infinity'`},
		table.Boolean:   {`NULL`, `'true'`, `'f'`, `1`, `0`, `5`, `'maybe'`, `1 = 1`, `+'on'`},
	}
)

func drawStatement(t *rapid.T) statement {
	where := func(tables ...string) string { return " WHERE " + drawCondition(t, 3, tables...) }
	column := drawColumn(t, "t")
	like := drawLike(t, column, "u")
	switch kind := rapid.IntRange(0, 11).Draw(t, "statement"); kind {
	case 0:
		return statement{sql: `SELECT * FROM t` + where("t"), limit: drawLimit(t)}
	case 1:
		return statement{sql: `SELECT ` + column + ` FROM t` + where("t"), limit: drawLimit(t)}
	case 2:
		order := ` ORDER BY ` + column + drawOne(t, "", " DESC") + `, 1, 2, 3, 4, 5, 6, 7, 8`
		return statement{sql: `SELECT * FROM t` + where("t") + order, limit: drawLimit(t), ordered: true}
	case 3:
		return statement{sql: `SELECT count(*), count(DISTINCT ` + column + `), min(` + column + `), sum(idle) FROM t` + where("t"), limit: drawLimit(t)}
	case 4:
		return statement{sql: `SELECT ` + column + `, count(*), max(score) FROM t` + where("t") + ` GROUP BY 1`, limit: drawLimit(t)}
	case 5:
		return statement{sql: `SELECT DISTINCT ` + column + `, ` + drawColumn(t, "t") + ` FROM t` + where("t"), limit: drawLimit(t)}
	case 6:
		join := drawOne(t, ` JOIN `, ` LEFT JOIN `, ` FULL JOIN `)
		return statement{sql: `SELECT t.*, ` + drawColumn(t, "u") + ` FROM t` + join + `u ON ` + drawCondition(t, 1, "t", "u") + where("t", "u"), limit: drawLimit(t)}
	case 7:
		set := drawOne(t, ` UNION `, ` UNION ALL `, ` EXCEPT `, ` INTERSECT `)
		return statement{sql: `SELECT realm FROM t` + where("t") + set + `SELECT username FROM u` + where("u"), limit: drawLimit(t)}
	case 8:
		join := func() string { return drawOne(t, ` JOIN `, ` LEFT JOIN `, ` CROSS JOIN `) }
		return statement{sql: `SELECT t.*, ` + drawColumn(t, "u") + `, v.* FROM t` + join() + `u ON ` + drawEqual(t, "t", "u") +
			join() + `t v ON ` + drawEqual(t, "u", "v") + ` AND ` + drawCondition(t, 1, "t", "u", "v") + where("t", "u", "v"), limit: drawLimit(t)}
	case 9:
		in := drawOne(t, `EXISTS (SELECT 1`, `NOT EXISTS (SELECT 1`, column+` IN (SELECT `+like, column+` NOT IN (SELECT `+like)
		return statement{sql: `SELECT * FROM t WHERE ` + in + ` FROM u WHERE ` + drawOne(t, drawEqual(t, "t", "u")+` AND `, ``) + drawCondition(t, 1, "t", "u") + `)`, limit: drawLimit(t)}
	case 10:
		return statement{sql: `WITH RECURSIVE r(x, n) AS (SELECT ` + column + `, 1 FROM t UNION SELECT ` + like + `, n + 1 FROM r JOIN u ON ` +
			drawLike(t, column, "u") + ` = r.x WHERE n < 3) SELECT * FROM r`}
	default:
		return statement{sql: `SELECT *, (SELECT count(*) FROM u` + where("t", "u") + `) FROM (SELECT * FROM t ORDER BY 1, 2, 3, 4, 5, 6, 7, 8 LIMIT 5) t` + where("t")}
	}
}

// drawEqual generates a join condition.
func drawEqual(t *rapid.T, left, right string) string {
	column := rapid.SampledFrom(sessionColumns).Draw(t, "column").Name
	return drawOne(t, left+"."+column+" = "+right+"."+column, right+"."+column+" = "+left+"."+column, drawLike(t, left+"."+column, left)+" = "+drawLike(t, left+"."+column, right))
}

func drawLimit(t *rapid.T) string {
	return drawOne(t, ``, ``, ` LIMIT 1`, ` LIMIT 2`, ` LIMIT 3 OFFSET 2`, ` LIMIT -1 OFFSET 1`, ` LIMIT 0`, ` LIMIT 100`, ` LIMIT 2 OFFSET -1`)
}

func drawOne(t *rapid.T, of ...string) string { return rapid.SampledFrom(of).Draw(t, "one of") }

func drawColumn(t *rapid.T, tables ...string) string {
	return drawOne(t, tables...) + "." + rapid.SampledFrom(sessionColumns).Draw(t, "column").Name
}

// drawLike generates a column that can be compared with this one: times and booleans can only be compared with each
// other.
func drawLike(t *rapid.T, column string, tables ...string) string {
	return rapid.Custom(func(t *rapid.T) string { return drawColumn(t, tables...) }).Filter(func(other string) bool {
		return ownKind(column) == ownKind(other)
	}).Draw(t, "like")
}

func nameOf(column string) string {
	_, name, _ := strings.Cut(column, ".")
	return name
}

// ownKind returns the type of a column whose values the engine makes comparable, or text.
func ownKind(column string) table.Type {
	i := slices.IndexFunc(sessionColumns, func(c table.Column) bool { return c.Name == nameOf(column) })
	if as := sessionColumns[i].Type; as == table.Timestamp || as == table.Boolean {
		return as
	}
	return table.Text
}

// drawLiteral generates a value to compare a column with, which is mostly one that it can have.
func drawLiteral(t *rapid.T, column string) string {
	if rapid.IntRange(0, 3).Draw(t, "odd") == 0 {
		if others := oddOf[ownKind(column)]; others != nil {
			return drawOne(t, others...)
		}
		return drawOne(t, odd...)
	}
	i := slices.IndexFunc(sessionColumns, func(c table.Column) bool { return c.Name == nameOf(column) })
	return drawOne(t, fitting[sessionColumns[i].Type]...)
}

func drawList(t *rapid.T, column string) string {
	list := make([]string, rapid.IntRange(0, 4).Draw(t, "length"))
	for i := range list {
		list[i] = drawLiteral(t, column)
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// drawCondition generates a condition on columns of the tables.
func drawCondition(t *rapid.T, depth int, tables ...string) string {
	column := drawColumn(t, tables...)
	most := 12
	if depth == 0 {
		most = 9
	}
	switch kind := rapid.IntRange(0, most).Draw(t, "condition"); kind {
	case 0, 1:
		return column + " = " + drawLiteral(t, column)
	case 2:
		return column + " IN " + drawList(t, column)
	case 3:
		return column + " " + drawOne(t, "<>", "<", "<=", ">", ">=", "IS", "IS NOT") + " " + drawLiteral(t, column)
	case 4:
		return column + drawOne(t, " IS NULL", " IS NOT NULL", " LIKE 'a%'", " NOT IN "+drawList(t, column), " = "+drawLiteral(t, column)+" COLLATE NOCASE",
			" BETWEEN "+drawLiteral(t, column)+" AND "+drawLiteral(t, column))
	case 5:
		return column + " = " + drawLike(t, column, tables...)
	case 6:
		return column + " IN (SELECT " + drawLike(t, column, "x") + " FROM " + drawOne(t, "t", "u") + " x)"
	case 7:
		return drawLiteral(t, column) + " = " + column
	case 8:
		other := drawColumn(t, tables...)
		values := "(VALUES (" + drawLiteral(t, column) + ", " + drawLiteral(t, other) + "))"
		if len(tables) > 1 { // SQLite 3.53 loses rows of virtual tables if a RIGHT JOIN has such a list
			return "(" + column + ", " + other + ") = (" + drawLiteral(t, column) + ", " + drawLiteral(t, other) + ")"
		}
		return "(" + column + ", " + other + ") IN " + drawOne(t, values, "(SELECT x."+nameOf(column)+", x."+nameOf(other)+" FROM u x)")
	case 9:
		return "EXISTS (SELECT 1 FROM u x WHERE " + drawLike(t, column, "x") + " = " + column + ")"
	case 10:
		return "NOT (" + drawCondition(t, depth-1, tables...) + ")"
	case 11:
		return "(" + drawCondition(t, depth-1, tables...) + " OR " + drawCondition(t, depth-1, tables...) + ")"
	default:
		return "(" + drawCondition(t, depth-1, tables...) + " AND " + drawCondition(t, depth-1, tables...) + ")"
	}
}
