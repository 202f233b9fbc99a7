package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/ncruces/go-sqlite3"
	"pgregory.net/rapid"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// statementsADraw is the number of statements for the same rows: -rapid.checks=1000 runs 10,000.
const statementsADraw = 10

// Random statements return what a model in Go returns, in which names are folded and times are instants.
func TestStatementsAnswerAsAModelDoes(t *testing.T) { checkStatements(t, nil) }

// They also return what PostgreSQL returns, where lower() folds names (only ASCII in the locale C, which the test
// uses).
func TestStatementsAnswerAsPostgresDoes(t *testing.T) { checkStatements(t, postgrestest.Connect(t)) }

var agreedColumns = []table.Column{
	{Name: "handle", Type: table.Text},
	{Name: "username", Type: table.Text, Folded: true},
	{Name: "active", Type: table.Boolean},
	{Name: "latest", Type: table.Timestamp},
}

var agreedCells = map[string][]any{
	"username": {nil, "anna", "Anna", "ANNA", "bela", "BELA", "carl", ""},
	"active":   {nil, true, false},
	"latest":   {nil, at("2026-11-22T03:16:30Z"), at("2026-11-22T03:16:30.123Z"), at("2026-11-22T00:00:00Z"), at("2026-11-23T03:16:30Z")},
}

func checkStatements(t *testing.T, postgres *pgx.Conn) {
	rapid.Check(t, func(t *rapid.T) {
		s, u := drawAgreed(t, "s"), drawAgreed(t, "u")
		db := mustOpen(t)
		defer func() { _ = db.Close() }()
		if err := db.Attach("am", s, u); err != nil {
			t.Fatal(err)
		}
		if postgres != nil {
			copyToPostgres(t, postgres, s, u)
		}
		m := agreed{"s": s.rows, "u": u.rows}
		for range statementsADraw {
			st := drawAgreedStatement(t)
			want := st.answer(m)
			rows, err := tryAll(t.Context(), db, st.sql(false))
			if got := sortedHandles(rows); err != nil || !slices.Equal(got, want) {
				t.Fatalf("%s\ngives %v, %v\nnot   %v\nof s: %v\nu: %v", st.sql(false), got, err, want, s.rows, u.rows)
			}
			if postgres == nil {
				continue
			}
			var there [][]any
			result, err := postgres.Query(context.Background(), st.sql(true))
			if err == nil {
				there, err = pgx.CollectRows(result, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
			}
			if got := sortedHandles(there); err != nil || !slices.Equal(got, want) {
				t.Fatalf("PostgreSQL: %s\ngives %v, %v\nnot   %v\nof s: %v\nu: %v", st.sql(true), got, err, want, s.rows, u.rows)
			}
		}
	})
}

func sortedHandles(rows [][]any) (handles []string) {
	for _, row := range rows {
		handles = append(handles, fmt.Sprint(row[0]))
	}
	slices.Sort(handles)
	return handles
}

func drawAgreed(t *rapid.T, name string) *fakeTable {
	f := &fakeTable{name: name, columns: agreedColumns}
	for i := range rapid.IntRange(0, 6).Draw(t, "rows of "+name) {
		row := session{fmt.Sprintf("%s%d", name, i)}
		for _, c := range agreedColumns[1:] {
			row = append(row, rapid.SampledFrom(agreedCells[c.Name]).Draw(t, c.Name))
		}
		f.rows = append(f.rows, row)
	}
	if rapid.Bool().Draw(t, name+" has a key") {
		f.keys, f.source = []string{"username"}, f.careless // the source handles names that differ in case
	}
	return f
}

func copyToPostgres(t *rapid.T, postgres *pgx.Conn, tables ...*fakeTable) {
	for _, f := range tables {
		_, err := postgres.Exec(context.Background(), `drop table if exists `+f.name+`; create table `+f.name+` (handle text, username text, active boolean, latest timestamptz)`)
		if err == nil {
			_, err = postgres.CopyFrom(context.Background(), pgx.Identifier{f.name}, []string{"handle", "username", "active", "latest"},
				pgx.CopyFromSlice(len(f.rows), func(i int) ([]any, error) { return f.rows[i], nil }))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// agreed contains the rows of the model, by table. An environment is one row of each visible table.
type (
	agreed      map[string][]session
	environment map[string]session
)

// A truth is true, false or, if it is nil, unknown.
type truth = *bool

func truthOf(b bool) truth { return &b }

func not(a truth) truth {
	if a == nil {
		return nil
	}
	return truthOf(!*a)
}

func or(all ...truth) (result truth) {
	result = truthOf(false)
	for _, a := range all {
		if a == nil {
			result = nil
		} else if *a {
			return a
		}
	}
	return result
}

// A condition is SQL in both dialects, with its meaning.
type condition struct {
	engine, postgres string
	means            func(agreed, environment) truth
}

// An operand is a value in both dialects, with its value in a row.
type operand struct {
	engine, postgres string
	of               func(environment) any
}

func column(of, name string, wrap func(string) string) operand {
	i := slices.IndexFunc(agreedColumns, func(c table.Column) bool { return c.Name == name })
	there := of + "." + name
	if name == "username" {
		there = "lower(" + there + ")"
	}
	return operand{wrap(of + "." + name), there, func(e environment) any { return e[of][i] }}
}

// wrappings do not change a value. They may change how names compare, so they are only used for other columns.
var wrappings = []string{"%s", "+%s", "(%s)", "coalesce(%[1]s, null)", "max(%[1]s, %[1]s)", "case when 1 then %s end", "(select %s)"}

func drawOperand(t *rapid.T, name string, tables ...string) operand {
	form := rapid.SampledFrom(wrappings).Draw(t, "wrapping")
	if name == "username" {
		form = rapid.SampledFrom(wrappings[:3]).Draw(t, "wrapping")
	}
	return column(rapid.SampledFrom(tables).Draw(t, "table"), name, func(c string) string { return fmt.Sprintf(form, c) })
}

func drawAgreedLiteral(t *rapid.T, name string) operand {
	value := rapid.SampledFrom(agreedCells[name]).Draw(t, "literal")
	literal := operand{"null", "null", func(environment) any { return value }}
	switch v := value.(type) {
	case string:
		literal.engine, literal.postgres = sqlite3.Quote(v), "lower("+sqlite3.Quote(v)+")"
	case bool:
		word := map[bool][]string{true: {"'true'", "'yes'", "'on'", "'1'", "true", "'t'"}, false: {"'false'", "'no'", "'off'", "'0'", "false", "'F'"}}[v]
		literal.engine = rapid.SampledFrom(word).Draw(t, "word")
		literal.postgres = literal.engine
	case time.Time:
		form := rapid.SampledFrom(timeForms).Filter(func(f timeForm) bool { return v.Truncate(f.unit).Equal(v) }).Draw(t, "form")
		literal.engine, literal.postgres = sqlite3.Quote(form.write(v)), sqlite3.Quote(v.Format(time.RFC3339Nano))
	}
	return literal
}

// order compares values as AM compares names, times and booleans. It returns false if one is NULL.
func order(a, b any) (int, bool) {
	switch x := a.(type) {
	case string:
		if y, is := b.(string); is {
			return strings.Compare(crest.Fold(x), crest.Fold(y)), true
		}
	case bool:
		if y, is := b.(bool); is {
			return strings.Compare(fmt.Sprint(x), fmt.Sprint(y)), true
		}
	case time.Time:
		if y, is := b.(time.Time); is {
			return x.Compare(y), true
		}
	}
	return 0, false
}

func same(a, b any) truth {
	o, known := order(a, b)
	if !known {
		return nil
	}
	return truthOf(o == 0)
}

func drawAgreedCondition(t *rapid.T, depth int, tables ...string) condition {
	name := rapid.SampledFrom([]string{"username", "active", "latest"}).Draw(t, "column")
	left := drawOperand(t, name, tables...)
	kinds := 7
	if depth == 0 {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds).Draw(t, "condition") {
	case 0, 1:
		right := drawAgreedLiteral(t, name)
		if rapid.Bool().Draw(t, "column") {
			right = drawOperand(t, name, tables...)
		}
		if rapid.Bool().Draw(t, "swapped") {
			left, right = right, left
		}
		signs := comparisons[:6]
		if name == "username" { // PostgreSQL sorts names differently
			signs = comparisons[4:6]
		}
		return compared(left, rapid.SampledFrom(signs).Draw(t, "sign"), right)
	case 2:
		return drawIn(t, name, left)
	case 3:
		low, high := drawAgreedLiteral(t, "latest"), drawAgreedLiteral(t, "latest")
		x := drawOperand(t, "latest", tables...)
		above, below := compared(x, comparisons[3], low), compared(x, comparisons[1], high)
		return condition{x.engine + " between " + low.engine + " and " + high.engine, x.postgres + " between " + low.postgres + " and " + high.postgres,
			func(m agreed, e environment) truth { return not(or(not(above.means(m, e)), not(below.means(m, e)))) }}
	case 4:
		return condition{left.engine + " is null", left.postgres + " is null", func(_ agreed, e environment) truth { return truthOf(left.of(e) == nil) }}
	case 5:
		a := drawAgreedCondition(t, depth-1, tables...)
		return condition{"not (" + a.engine + ")", "not (" + a.postgres + ")", func(m agreed, e environment) truth { return not(a.means(m, e)) }}
	case 6:
		a, b := drawAgreedCondition(t, depth-1, tables...), drawAgreedCondition(t, depth-1, tables...)
		if rapid.Bool().Draw(t, "or") {
			return condition{"(" + a.engine + " or " + b.engine + ")", "(" + a.postgres + " or " + b.postgres + ")",
				func(m agreed, e environment) truth { return or(a.means(m, e), b.means(m, e)) }}
		}
		return condition{"(" + a.engine + " and " + b.engine + ")", "(" + a.postgres + " and " + b.postgres + ")",
			func(m agreed, e environment) truth { return not(or(not(a.means(m, e)), not(b.means(m, e)))) }}
	}
	return drawSubquery(t, depth, name, left, tables...)
}

func compared(left operand, c comparison, right operand) condition {
	return condition{left.engine + " " + c.sign + " " + right.engine, left.postgres + " " + c.sign + " " + right.postgres,
		func(_ agreed, e environment) truth {
			o, known := order(left.of(e), right.of(e))
			if !known {
				return nil
			}
			return truthOf(c.holds(o))
		}}
}

func drawIn(t *rapid.T, name string, left operand) condition {
	list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) operand { return drawAgreedLiteral(t, name) }), 1, 4).Draw(t, "list")
	var here, there []string
	for _, l := range list {
		here, there = append(here, l.engine), append(there, l.postgres)
	}
	word, negative := " in (", rapid.Bool().Draw(t, "not")
	if negative {
		word = " not in ("
	}
	return condition{left.engine + word + strings.Join(here, ", ") + ")", left.postgres + word + strings.Join(there, ", ") + ")",
		func(_ agreed, e environment) truth {
			var found []truth
			for _, l := range list {
				found = append(found, same(left.of(e), l.of(e)))
			}
			if result := or(found...); !negative {
				return result
			}
			return not(or(found...))
		}}
}

// drawSubquery generates IN, NOT IN and EXISTS over the other table, with its own alias.
func drawSubquery(t *rapid.T, depth int, name string, left operand, tables ...string) condition {
	alias := fmt.Sprintf("x%d", depth)
	inner := drawOperand(t, name, alias)
	where := drawAgreedCondition(t, depth-1, append(slices.Clone(tables), alias)...)
	negative := rapid.Bool().Draw(t, "not")
	each := func(m agreed, e environment, of func(environment) truth) (all []truth) {
		for _, row := range m["u"] {
			in := environment{alias: row}
			for k, v := range e {
				in[k] = v
			}
			if holds := where.means(m, in); holds != nil && *holds {
				all = append(all, of(in))
			}
		}
		return all
	}
	signed := func(a truth) truth {
		if negative {
			return not(a)
		}
		return a
	}
	word := map[bool]string{true: "not ", false: ""}[negative]
	from := " from u " + alias + " where "
	if rapid.Bool().Draw(t, "exists") {
		equal := compared(inner, comparisons[4], left)
		return condition{word + "exists (select 1" + from + equal.engine + " and " + where.engine + ")", word + "exists (select 1" + from + equal.postgres + " and " + where.postgres + ")",
			func(m agreed, e environment) truth {
				found := false
				for _, a := range each(m, e, func(in environment) truth { return equal.means(m, in) }) {
					found = found || a != nil && *a
				}
				return signed(truthOf(found))
			}}
	}
	return condition{left.engine + " " + word + "in (select " + inner.engine + from + where.engine + ")", left.postgres + " " + word + "in (select " + inner.postgres + from + where.postgres + ")",
		func(m agreed, e environment) truth {
			return signed(or(each(m, e, func(in environment) truth { return same(left.of(e), inner.of(in)) })...))
		}}
}

// An agreedStatement selects handles from s, or from a join of s and u.
type agreedStatement struct {
	join      string // "", join or left join
	on, where condition
}

func drawAgreedStatement(t *rapid.T) agreedStatement {
	st := agreedStatement{join: rapid.SampledFrom([]string{"", "join", "left join"}).Draw(t, "join")}
	tables := []string{"s"}
	if st.join != "" {
		tables = append(tables, "u")
		name := rapid.SampledFrom([]string{"username", "active", "latest"}).Draw(t, "join by")
		left, right := drawOperand(t, name, "s"), drawOperand(t, name, "u")
		if rapid.Bool().Draw(t, "swapped") {
			left, right = right, left
		}
		st.on = compared(left, comparisons[4], right)
	}
	st.where = drawAgreedCondition(t, 2, tables...)
	return st
}

func (st agreedStatement) sql(postgres bool) string {
	on, where := st.on.engine, st.where.engine
	if postgres {
		on, where = st.on.postgres, st.where.postgres
	}
	if st.join == "" {
		return "select s.handle from s where " + where
	}
	return "select s.handle from s " + st.join + " u on " + on + " where " + where
}

func (st agreedStatement) answer(m agreed) (handles []string) {
	keep := func(e environment) {
		if holds := st.where.means(m, e); holds != nil && *holds {
			handles = append(handles, fmt.Sprint(e["s"][0]))
		}
	}
	for _, s := range m["s"] {
		matched := st.join == ""
		if matched {
			keep(environment{"s": s})
			continue
		}
		for _, u := range m["u"] {
			e := environment{"s": s, "u": u}
			if holds := st.on.means(m, e); holds != nil && *holds {
				matched = true
				keep(e)
			}
		}
		if !matched && st.join == "left join" {
			keep(environment{"s": s, "u": make(session, len(agreedColumns))})
		}
	}
	slices.Sort(handles)
	return handles
}
