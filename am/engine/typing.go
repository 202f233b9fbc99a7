package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// SQLite compares a time with a text letter by letter, whatever the text means. Therefore, before a statement runs,
// each value that is compared with a time, or is in a list or a column with one, is converted to a time as well.
// PostgreSQL does the same by the types of values, and as there, a value that is not a time is an error. Booleans,
// which are 0 and 1 in SQLite, are handled in the same way.

// An exprType is what is known about the values of an expression before it is evaluated.
type exprType struct {
	kind   kind
	raw    bool // not in canonical form, or perhaps not
	stored storage
	loose  bool // SQLite does not convert it to compare it: it is neither a column nor a cast

	realm bool // from a column of AM's paths of realms
}

type kind int

const (
	anyKind kind = iota
	timeKind
	truthKind
	realmKind // a value compared with a realm; used only for comparisons, never the kind of an expression
)

// kinds contains, for each kind, the function that converts a value to it, and the accepted forms. A function accepts
// its own results.
var kinds = [...]struct{ name, function, forms string }{
	timeKind:  {"a time", "utc", timeForms},
	truthKind: {"a boolean", "truth", truthForms},
	realmKind: {"a realm", "realm_path", ""},
}

func kindOf(t table.Type) kind {
	switch t {
	case table.Timestamp:
		return timeKind
	case table.Boolean:
		return truthKind
	}
	return anyKind
}

// A typedColumn is a column of a table or a query.
type typedColumn struct {
	name string
	exprType
	results []*expr // the results that it consists of; nil if it is a column of a table
	stray   *stray  // nil if it comes from the query's own tables
}

// A typing determines the types in a statement, and collects the changes to its text that they require.
type typing struct {
	db     *DB
	schema string // the schema of the view that is being read, to which its tables belong; otherwise ""
	sql    string
	edits  edits
	err    error

	changes bool // what the statement finds will be changed or ended
}

// typed is a statement whose values have been made comparable.
type typed struct {
	sql     string
	columns []typedColumn // the columns of its rows
	created func()        // to be called after SQLite has accepted it
	changes bool          // it changes rows of a source, or somebody changes what it finds
}

// typed makes the values of a statement comparable, which SQLite has accepted unchanged.
func (db *DB) typed(sql string) (typed, error) {
	p, err := parse(sql)
	if err != nil {
		return typed{}, err
	}
	a := &typing{db: db, sql: sql, changes: db.changing || p.begins == "DELETE" || p.begins == "UPDATE"}
	columns := a.statement(p, nil)
	if a.err != nil {
		return typed{}, a.err
	}
	t := typed{sql: a.edits.apply(sql), columns: columns, changes: db.changing || a.changes && db.isWritable(p.from[0].name)}
	if p.begins == "TABLE" {
		t.columns, t.created = nil, func() { db.derive(p.schema, p.name, columns) }
	}
	return t, nil
}

// isWritable reports whether a source that statements can write to has a table of this name.
func (db *DB) isWritable(name string) bool {
	return slices.ContainsFunc(db.tables, func(t *virtualTable) bool {
		_, writable := t.source.(table.Writable)
		return writable && strings.EqualFold(t.source.Name(), name)
	})
}

// derive remembers the types of the columns of a table that was created from a query. SQLite only knows whether they
// are texts.
func (db *DB) derive(schema, name string, columns []typedColumn) {
	db.derived[strings.ToLower(schema+"."+name)] = columns
}

// assign converts the values of SET to the kinds of their columns, so that all stored times are in canonical form.
func (a *typing) assign(set assignment, table, s *scope) {
	a.expr(set.value, s)
	values := []*expr{set.value}
	if set.value.op == rowExpr {
		values = set.value.kids
	}
	for i, name := range set.names {
		if column, _ := table.own("", name); len(values) == len(set.names) {
			a.refuseNumbers([]*expr{{typ: column.exprType}, values[i]})
		}
	}
	for i, k := range table.kindsOf(set.names) {
		switch {
		case k == anyKind:
		case len(values) != len(set.names):
			a.fail(set.value.from, "column %s is %s: set it by itself", set.names[i], kinds[k].name)
		default:
			a.coerceAll(values[i:i+1], k)
		}
	}
}

// kindsOf returns the kinds of the named columns of the first table, or of all its columns if none is named.
func (s *scope) kindsOf(names []string) (of []kind) {
	first := &scope{tables: s.tables[:1]}
	if names == nil {
		for _, c := range first.star("") {
			of = append(of, c.kind)
		}
	}
	for _, name := range names {
		c, _ := first.own("", name)
		of = append(of, c.kind)
	}
	return of
}

// makeLike converts the columns of a query to these kinds. text is what represents the query, if it is not the query
// itself.
func (a *typing) makeLike(q *query, columns []typedColumn, of []kind, text string) {
	names, values := make([]string, len(columns)), make([]string, len(columns))
	wrap := false
	for i, c := range columns {
		names[i] = fmt.Sprintf("c%d", i+1)
		values[i] = names[i]
		if i >= len(of) || of[i] == anyKind || c.exprType == (exprType{kind: of[i]}) || of[i] == realmKind && c.realm {
			continue
		}
		if c.kind != anyKind && c.kind != of[i] {
			a.fail(q.from, "%s and %s cannot be compared", kinds[c.kind].name, kinds[of[i]].name)
		}
		if a.coerceAll(c.results, of[i]); c.results == nil {
			wrap, values[i] = true, kinds[of[i]].function+"("+names[i]+")"
		}
	}
	if !wrap {
		return
	}
	begin := "with amsql_made(" + strings.Join(names, ", ") + ") as ("
	end := ") select " + strings.Join(values, ", ") + " from amsql_made"
	if text == "table" {
		begin, end = "("+begin+"select * from ", end+")"
	}
	a.edits.wrap(q.from, q.to, begin, end)
}

// virtualNames are other names of a statement's table.
var virtualNames = map[string][]string{"INSERT": {"excluded"}, "TRIGGER": {"new", "old"}}

func (db *DB) isDerived(schema, name string) bool {
	for _, in := range []string{"temp", "main", schema} {
		if db.derived[strings.ToLower(in+"."+name)] != nil && (schema == "" || strings.EqualFold(schema, in)) {
			return true
		}
	}
	return false
}

func (a *typing) fail(at int, format string, values ...any) {
	if a.err == nil {
		a.err = &misplaced{at, fmt.Sprintf(format, values...)}
	}
}

// A misplaced error has a position in a statement.
type misplaced struct {
	at      int
	message string
}

func (e *misplaced) Error() string { return e.message }

// statement types a statement and returns the columns of its rows. The outer scope is that of a trigger.
func (a *typing) statement(p parsed, outer *scope) []typedColumn {
	s := &scope{outer: outer}
	a.with(p.with, s)
	switch p.begins {
	case "SELECT", "VIEW", "TABLE":
		return a.query(p.query, s)
	case "RENAME":
		if a.db.isDerived(p.schema, p.name) {
			a.fail(0, "a table that was created from a query or a file keeps its names: create another from it (CREATE TABLE … AS SELECT …)")
		}
		return nil
	}
	inner := a.sources(p.from, s, s)
	if p.begins == "INSERT" && p.query != nil {
		a.makeLike(p.query, a.query(p.query, s), inner.kindsOf(p.names), "")
	}
	also := &scope{outer: inner}
	for _, name := range virtualNames[p.begins] {
		also.tables = append(also.tables, &scopedTable{name: name, columns: inner.tables[0].columns})
	}
	for _, set := range p.sets {
		a.assign(set, inner, also)
	}
	a.exprs(p.exprs, also)
	for _, statement := range p.body {
		a.statement(statement, also)
	}
	columns := a.results(p.returning, inner)
	a.name(p.returning)
	return columns
}

func (a *typing) with(tables []*common, s *scope) {
	for _, c := range tables {
		if s.common == nil {
			s.common = map[string][]typedColumn{}
		}
		name := strings.ToLower(c.name)
		note := func(columns []typedColumn) { s.common[name] = rename(columns, c.names) }
		note(a.queryNoting(c.query, s, note))
	}
}

// rename replaces the names of the columns, if names are given.
func rename(columns []typedColumn, names []string) []typedColumn {
	columns = slices.Clone(columns)
	for i := range min(len(columns), len(names)) {
		columns[i].name = names[i]
	}
	return columns
}

func (a *typing) query(q *query, outer *scope) []typedColumn {
	return a.queryNoting(q, outer, func([]typedColumn) {})
}

// queryNoting calls note with the columns of the first arm before it reads the others, because they may refer to them.
func (a *typing) queryNoting(q *query, outer *scope, note func([]typedColumn)) []typedColumn {
	s := &scope{outer: outer}
	a.with(q.with, s)
	var arms [][]typedColumn
	ordered := &scope{outer: s}
	for i, arm := range q.arms {
		inner := a.sources(arm.sources, s, s)
		columns := a.results(arm.results, inner)
		if inner.aliases = columns; !arm.values {
			a.name(arm.results)
		}
		a.exprs(arm.exprs, inner)
		if ordered.aliases = columns; i == 0 {
			ordered = inner
			note(columns)
		}
		arms = append(arms, columns)
	}
	columns := a.merge(q, arms)
	a.exprs(q.order, ordered)
	return columns
}

// merge makes the columns of the arms comparable with each other.
func (a *typing) merge(q *query, arms [][]typedColumn) []typedColumn {
	columns := slices.Clone(arms[0])
	if len(arms) == 1 {
		return columns
	}
	for i := range columns {
		var types []exprType
		var results []*expr
		known := true
		for _, arm := range arms {
			types = append(types, arm[i].exprType)
			results = append(results, arm[i].results...)
			known = known && arm[i].results != nil
		}
		if columns[i].results = results; !known {
			columns[i].results = nil
		}
		k := a.common(types, q.from)
		for _, arm := range arms {
			columns[i].stray = cmp.Or(columns[i].stray, arm[i].stray)
		}
		columns[i].exprType = exprType{kind: k}
		if k == anyKind {
			most := slices.MaxFunc(types, func(a, b exprType) int { return cmp.Compare(a.kind, b.kind) })
			columns[i].exprType = alike(types)
			columns[i].kind, columns[i].raw = most.kind, most.raw
			columns[i].realm = allRealms(types)
			continue
		}
		for _, arm := range arms {
			if arm[i].results == nil && arm[i].exprType != columns[i].exprType {
				a.fail(q.from, "column %s is %s in one SELECT of the UNION and not in another: name the columns and write %s(%[1]s)", columns[i].name, kinds[k].name, kinds[k].function)
			}
			a.coerceAll(arm[i].results, k)
		}
	}
	return columns
}

// common returns the common kind of values with these types, or none if no value is in canonical form.
func (a *typing) common(types []exprType, at int) (k kind) {
	for _, t := range types {
		if t.kind == anyKind || t.raw {
			continue
		}
		if k != anyKind && k != t.kind {
			a.fail(at, "%s and %s cannot be compared", kinds[k].name, kinds[t.kind].name)
		}
		k = t.kind
	}
	return k
}

// sources returns the scope of a FROM. Queries in it do not see its tables; arguments of functions and conditions do.
func (a *typing) sources(sources []*source, outer, common *scope) *scope {
	s := &scope{outer: outer}
	for _, f := range sources {
		a.source(f, s, common)
	}
	return s
}

func (a *typing) source(f *source, s, outer *scope) {
	var added []*scopedTable
	switch {
	case f.query != nil:
		added = []*scopedTable{{name: f.alias, columns: a.query(f.query, outer)}}
	case f.nested != nil:
		added = a.sources(f.nested, outer, outer).tables
		if f.alias != "" {
			added = []*scopedTable{{name: f.alias, columns: (&scope{tables: added}).star("")}}
		}
	default:
		name := f.name
		if f.alias != "" {
			name = f.alias
		}
		added = []*scopedTable{{name: name, columns: a.table(f, outer), source: f}}
	}
	a.using(f, s, added)
	s.tables = append(s.tables, added...)
	a.exprs(f.exprs, s)
}

// using checks that columns which USING or NATURAL compares are comparable.
func (a *typing) using(f *source, s *scope, added []*scopedTable) {
	right := &scope{tables: added}
	names := f.using
	if f.natural {
		for _, c := range right.star("") {
			if _, found := s.own("", c.name); found {
				names = append(names, c.name)
			}
		}
	}
	for _, name := range names {
		l, left := s.ownIn("", name)
		r, in := right.ownIn("", name)
		k := max(l.kind, r.kind)
		switch {
		case l.realm != r.realm && k == anyKind:
			k = realmKind
		case l.kind == r.kind && !l.raw && !r.raw:
			k = anyKind // both have the same type, and compare as they are
		}
		if l.realm {
			left = in // the table to replace
		}
		if k != anyKind && (k != realmKind || !a.complete(left, name)) {
			a.fail(f.at, "column %s is %s in one table and may not be in the other: instead of USING or NATURAL, write ON and compare the columns there, as in ON %s(a.%[1]s) = b.%[1]s", name, kinds[k].name, kinds[k].function)
		}
		for _, t := range added {
			if t.merged == nil {
				t.merged = map[string]bool{}
			}
			t.merged[strings.ToLower(name)] = true
		}
	}
}

// complete replaces a table whose column contains realms without their leading slashes by a query that adds them, and
// reports whether that is possible.
func (a *typing) complete(t *scopedTable, name string) bool {
	if t == nil || t.source == nil || t.source.indexed || len(t.source.exprs) > 0 || t.completed {
		return false
	}
	t.completed = true
	t.columns = slices.Clone(t.columns)
	var names []string
	for i, c := range t.columns {
		quoted := sqlite3.QuoteIdentifier(c.name)
		if strings.EqualFold(c.name, name) {
			t.columns[i].exprType = exprType{realm: true}
			quoted = kinds[realmKind].function + "(" + quoted + ") COLLATE " + nameCollation + " AS " + quoted // the result of a function has no collation
		}
		names = append(names, quoted)
	}
	table := sqlite3.QuoteIdentifier(t.source.name)
	if t.source.schema != "" {
		table = sqlite3.QuoteIdentifier(t.source.schema) + "." + table
	}
	a.edits.replace(t.source.at, t.source.to, "(SELECT "+strings.Join(names, ", ")+" FROM "+table+") AS "+sqlite3.QuoteIdentifier(t.name))
	return true
}

// table returns the columns of a table, a view or a function.
func (a *typing) table(f *source, s *scope) []typedColumn {
	if f.schema == "" {
		for ; s != nil; s = s.outer {
			if columns, found := s.common[strings.ToLower(f.name)]; found {
				return columns
			}
		}
	}
	columns, err := a.db.columnsOfTable(cmp.Or(f.schema, a.schema), f.name)
	if err != nil && a.err == nil {
		a.err = err
	}
	return columns
}

func (a *typing) results(results []*result, s *scope) (columns []typedColumn) {
	for _, r := range results {
		if r.expr == nil {
			columns = append(columns, s.star(r.of)...)
			continue
		}
		a.expr(r.expr, s)
		c := typedColumn{name: r.alias, exprType: r.expr.typ, results: []*expr{r.expr}, stray: s.stray(r.expr)}
		if c.name == "" {
			c.name = nameOf(a.sql, r.expr)
		}
		columns = append(columns, c)
	}
	return columns
}

// name records the results that have no name.
func (a *typing) name(results []*result) {
	for _, r := range results {
		if r.expr != nil && r.alias == "" {
			a.edits.results = append(a.edits.results, r)
		}
	}
}

// nameOf returns the name that SQLite gives to a result without one.
func nameOf(sql string, e *expr) string {
	for e.op == sameExpr && sql[e.from] == '(' && sql[e.to-1] == ')' {
		e = e.kids[0]
	}
	if e.op == columnExpr {
		return e.text
	}
	return sql[e.from:e.to]
}

func (a *typing) exprs(exprs []*expr, s *scope) {
	for _, e := range exprs {
		a.expr(e, s)
	}
}
