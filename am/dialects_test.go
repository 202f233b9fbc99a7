package am_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// tries is how many times an example is run in both dialects, a second apart, before a difference counts: time passes
// between the two runs, and SQLite's datetime('now') has whole seconds.
const tries = 8

// Every example of the documentation gives the same rows in the engine and in PostgreSQL.
func TestExamplesOfTheDocumentationGiveTheSameRowsInBothDialects(t *testing.T) {
	postgres := postgrestest.Connect(t)
	d := newDialects(t, exampleDeployment(t).config())
	for _, e := range examples(t) {
		t.Run(e.name, func(t *testing.T) {
			var unlike string
			for range tries {
				fromSQLite := d.sqlite(t, e)
				if unlike = fromSQLite.unlike(d.postgres(t, postgres, e)); unlike == "" {
					return
				}
				time.Sleep(time.Second)
			}
			t.Errorf("SQLite (first) and PostgreSQL (second) differ: %s\n%s\n%s", unlike, e.sqlite, e.postgres)
		})
	}
}

// An answer is the result of a statement in either dialect.
type answer struct {
	columns []string
	rows    [][]string // canonical cells
	by      []int      // indexes of the columns in ORDER BY
}

// dialects is one connection that is queried in two dialects: by the engine, and by PostgreSQL, which has the rows that
// the engine read.
type dialects struct {
	db     *engine.DB
	tables []*recordedTable
}

func newDialects(t *testing.T, config connection.Config) *dialects {
	t.Helper()
	conn, err := connection.Open(connectionName, config, connection.Host{})
	must(t, err)
	d := &dialects{}
	d.db, err = engine.Open(t.Context())
	must(t, err)
	t.Cleanup(func() {
		must(t, d.db.Close())
		must(t, conn.Close(context.WithoutCancel(t.Context())))
	})
	var tables []table.Table
	for _, table := range am.Tables(conn) {
		recorded := &recordedTable{Table: table}
		d.tables, tables = append(d.tables, recorded), append(tables, recorded)
	}
	must(t, d.db.Attach(connectionName, tables...))
	return d
}

// config returns the configuration in the deployment's environment, without setting the environment.
func (d *deployment) config() connection.Config {
	var values [3]string
	for _, entry := range d.environment {
		name, value, _ := strings.Cut(entry, "=")
		if i := slices.Index([]string{"AM_URL", "AM_USERNAME", "AM_PASSWORD"}, name); i >= 0 {
			values[i] = value
		}
	}
	return connection.Config{BaseURL: &values[0], Username: &values[1], Password: &values[2]}
}

// A recordedTable records the queries of a statement and their rows, with all columns.
type recordedTable struct {
	table.Table
	scans []recordedScan
}

type recordedScan struct {
	quals []table.Qual
	rows  []any
}

func (t *recordedTable) Rows(ctx context.Context, q table.Query) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		scan, err := t.scan(ctx, q.Quals)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, row := range scan.rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// scan sends no query twice. A join may repeat one, but the second answer would have other times.
func (t *recordedTable) scan(ctx context.Context, quals []table.Qual) (recordedScan, error) {
	for _, s := range t.scans {
		if fmt.Sprint(s.quals) == fmt.Sprint(quals) {
			return s, nil
		}
	}
	s := recordedScan{quals: quals}
	for row, err := range t.Table.Rows(ctx, table.Query{Columns: t.names(), Quals: quals}) {
		if err != nil {
			return s, err
		}
		s.rows = append(s.rows, row)
	}
	t.scans = append(t.scans, s)
	return s, nil
}

func (t *recordedTable) names() (names []string) {
	for _, column := range t.Columns() {
		names = append(names, column.Name)
	}
	return names
}

// content returns the whole table for a host that pushes no conditions down: the rows that the statement read, and all
// other rows that a scan of the whole table finds. Rows that were read must not be read again, because their times
// would differ.
func (t *recordedTable) content(ctx context.Context) (content [][]any, err error) {
	if _, err = t.scan(ctx, nil); err != nil {
		return nil, err
	}
	for i, scan := range t.scans {
		for _, row := range scan.rows {
			if slices.ContainsFunc(t.scans[:i], func(before recordedScan) bool { return t.satisfies(row, before.quals) }) {
				continue
			}
			cells := make([]any, len(t.Columns()))
			for column := range cells {
				cells[column] = t.Cell(row, column)
			}
			content = append(content, cells)
		}
	}
	return content, nil
}

func (t *recordedTable) satisfies(row any, quals []table.Qual) bool {
	for _, qual := range quals {
		if !slices.Contains(qual.Values, t.Cell(row, slices.Index(t.names(), qual.Column))) {
			return false
		}
	}
	return true
}

func (d *dialects) sqlite(t *testing.T, e example) (a answer) {
	t.Helper()
	for _, table := range d.tables {
		table.scans = nil
	}
	rows, err := d.db.Query(t.Context(), e.sqlite)
	if err != nil {
		t.Fatalf("%s: %v", e.name, err)
	}
	for _, column := range rows.Columns() {
		a.columns = append(a.columns, column.Name)
	}
	for rows.Next() {
		a.add(rows.Values())
	}
	must(t, rows.Err())
	if rows.NextResultSet() {
		t.Errorf("%s: there is more than one statement", e.name)
	}
	must(t, rows.Close())
	a.ordered(e.sqlite)
	return a
}

// postgres runs the statement in PostgreSQL on tables with the types of the FDW and the rows that the engine read.
func (d *dialects) postgres(t *testing.T, conn *pgx.Conn, e example) (a answer) {
	t.Helper()
	transaction, err := conn.Begin(t.Context())
	must(t, err)
	defer func() { must(t, transaction.Rollback(t.Context())) }()
	for _, table := range d.tables {
		createTable(t, transaction, table.Name(), table.Columns())
		content, err := table.content(t.Context())
		must(t, err)
		_, err = transaction.CopyFrom(t.Context(), pgx.Identifier{table.Name()}, table.names(), pgx.CopyFromRows(content))
		must(t, err)
	}
	return askPostgres(t, transaction, e, e.postgres)
}

func createTable(t *testing.T, transaction pgx.Tx, name string, columns []table.Column) {
	t.Helper()
	var declared []string
	for _, column := range columns {
		declared = append(declared, pgx.Identifier{column.Name}.Sanitize()+" "+column.Type.String())
	}
	_, err := transaction.Exec(t.Context(), "create table "+name+" ("+strings.Join(declared, ", ")+")")
	must(t, err)
}

func askPostgres(t *testing.T, transaction pgx.Tx, e example, statement string) (a answer) {
	t.Helper()
	rows, err := transaction.Query(t.Context(), statement)
	if err != nil {
		t.Fatalf("%s: %v", e.name, err)
	}
	defer rows.Close()
	for _, column := range rows.FieldDescriptions() {
		a.columns = append(a.columns, column.Name)
	}
	for rows.Next() {
		values, err := rows.Values()
		must(t, err)
		a.add(values)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: PostgreSQL: %v", e.name, err)
	}
	a.ordered(e.postgres)
	return a
}

func (a *answer) add(values []any) {
	row := make([]string, len(values))
	for i, value := range values {
		row[i] = canonical(value)
	}
	a.rows = append(a.rows, row)
}

var lastOrder = regexp.MustCompile(`(?is).*\border by\s(.*?)(?:\blimit\b.*)?;?\s*$`)

// ordered finds the statement's own columns in its ORDER BY. Rows with equal values in them may be in any order.
// Expressions that are not columns are ignored.
func (a *answer) ordered(statement string) {
	match := lastOrder.FindStringSubmatch(statement)
	if match == nil || strings.Contains(match[1], ")") {
		return
	}
	for term := range strings.SplitSeq(match[1], ",") {
		column := slices.Index(a.columns, strings.Fields(term)[0])
		if column < 0 {
			return
		}
		a.by = append(a.by, column)
	}
}

// unlike returns how two answers differ, or "".
func (a answer) unlike(b answer) string {
	if !slices.Equal(a.columns, b.columns) || !slices.Equal(a.by, b.by) {
		return fmt.Sprintf("columns %q by %v, columns %q by %v", a.columns, a.by, b.columns, b.by)
	}
	lists := [2][]string{a.lines(), b.lines()}
	for i := range min(len(a.rows), len(b.rows)) {
		for _, column := range a.by {
			if a.rows[i][column] != b.rows[i][column] {
				return fmt.Sprintf("row %d: %s, %s", i+1, lists[0][i], lists[1][i])
			}
		}
	}
	slices.Sort(lists[0])
	slices.Sort(lists[1])
	if d := difference(lists[0], lists[1]); d != "" {
		return fmt.Sprintf("%d and %d rows, %s", len(a.rows), len(b.rows), d)
	}
	return ""
}

func (a answer) lines() (lines []string) {
	for _, row := range a.rows {
		lines = append(lines, strings.Join(row, " | "))
	}
	return lines
}

func TestAnswersAreComparedByRowsAndOrder(t *testing.T) {
	of := func(statement string, columns []string, rows ...[]any) (a answer) {
		a.columns = columns
		for _, row := range rows {
			a.add(row)
		}
		a.ordered(statement)
		return a
	}
	at := time.Date(2026, 11, 22, 3, 16, 30, 0, time.UTC)
	columns, ordered := []string{"name", "n"}, "select name, n from x order by n desc limit 3;"
	for _, c := range []struct {
		name string
		a, b answer
		want string // the difference
	}{
		{"types", of("", columns, []any{at, true}, []any{json.RawMessage(`{"b": 1, "a": null}`), 2.5}),
			of("", columns, []any{"2026-11-22 03:16:30", int64(1)}, []any{map[string]any{"a": nil, "b": 1}, pgtype.Numeric{Int: big.NewInt(25), Exp: -1, Valid: true}}), ""},
		{"order of equal rows", of(ordered, columns, []any{"a", 2.0}, []any{"b", 2.0}), of(ordered, columns, []any{"b", 2.0}, []any{"a", 2.0}), ""},
		{"order", of(ordered, columns, []any{"a", 2.0}, []any{"b", 1.0}), of(ordered, columns, []any{"b", 1.0}, []any{"a", 2.0}), "row 1"},
		{"a missing row", of("", columns, []any{"a", 2.0}), of("", columns), "only the first has"},
		{"a row twice", of("", columns, []any{"a", 2.0}), of("", columns, []any{"a", 2.0}, []any{"a", 2.0}), "only the second has"},
		{"text and number", of("", columns, []any{"a", "2"}), of("", columns, []any{"a", int64(2)}), "1 and 1 rows"},
		{"NULL", of("", columns, []any{"a", nil}), of("", columns, []any{"a", ""}), "1 and 1 rows"},
		{"columns", of("", columns), of("", columns[:1]), "columns"},
	} {
		if got := c.a.unlike(c.b); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: they differ in %q, want %q", c.name, got, c.want)
		}
	}
}

// canonical returns a cell in the form that both dialects have in common: SQLite has no booleans or timestamps, and
// only one type of fractional numbers.
func canonical(cell any) string {
	switch v := cell.(type) {
	case nil:
		return "NULL"
	case bool:
		if v {
			return "1"
		}
		return "0"
	case int16, int32, int64:
		return fmt.Sprint(v)
	case float32, float64:
		return fmt.Sprintf("%.9g", v)
	case pgtype.Numeric:
		number, err := v.Float64Value()
		if err != nil {
			return err.Error()
		}
		return canonical(number.Float64)
	case time.Time:
		return v.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
	case string:
		return canonicalText(v)
	case json.RawMessage:
		return canonicalText(string(v))
	}
	encoded, err := json.Marshal(cell)
	if err != nil {
		return err.Error()
	}
	return canonicalText(string(encoded))
}

func canonicalText(text string) string {
	for _, layout := range []string{time.DateTime, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return canonical(at)
		}
	}
	var value any
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		if json.Unmarshal([]byte(text), &value) == nil {
			encoded, _ := json.Marshal(value)
			return string(encoded)
		}
	}
	return fmt.Sprintf("%q", text)
}
