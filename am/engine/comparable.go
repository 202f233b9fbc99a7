package engine

import (
	"slices"
	"strconv"

	"github.com/ncruces/go-sqlite3"
)

// passing are the functions that return one of their arguments: of those from first to last.
var passing = map[string]struct{ first, last int }{
	"max": {0, 99}, "min": {0, 99}, "coalesce": {0, 99}, "ifnull": {0, 1}, "iif": {1, 99}, "if": {1, 99}, "first_value": {0, 0}, "last_value": {0, 0},
	"nth_value": {0, 0}, "lag": {0, 0}, "lead": {0, 0}, "likely": {0, 0}, "unlikely": {0, 0}, "likelihood": {0, 0},
}

// timeFunctions return times; not all of them in canonical form.
var timeFunctions = map[string]exprType{
	"now": {kind: timeKind}, "ago": {kind: timeKind}, "utc": {kind: timeKind}, "date": {kind: timeKind, raw: true}, "datetime": {kind: timeKind, raw: true},
}

// expr determines the type of an expression, and makes what it compares comparable.
func (a *typing) expr(e *expr, s *scope) {
	a.exprs(e.kids, s)
	a.exprs(e.also, s)
	var columns []typedColumn
	if e.query != nil {
		columns = a.query(e.query, s)
	}
	switch e.op {
	case sameExpr:
		e.typ = e.kids[0].typ
	case stringExpr, joinExpr:
		e.typ = loosely(textStorage)
	case numberExpr:
		e.typ = loosely(numberStorage)
	case likeExpr:
		a.refuseLike(e.kids)
	case columnExpr:
		e.typ = s.find(e.of, e.text)
	case databaseTime:
		e.typ = exprType{kind: timeKind}
	case queryExpr:
		if a.changes {
			a.refuseStray(columns)
		}
		if len(columns) > 0 {
			e.typ = columns[0].exprType
		}
	case caseExpr:
		e.typ = a.pass(e.kids)
	case callExpr:
		a.call(e)
	case castExpr:
		a.cast(e)
	case compareExpr, equalExpr:
		a.refuseItself(e.kids, s)
		a.compare(e.kids)
	case inExpr:
		a.refuseStray(columns)
		a.in(e, columns)
	case sumExpr:
		e.typ = loosely(numberStorage)
		for _, kid := range e.kids {
			if kid.typ.kind == timeKind && !kid.typ.raw {
				a.fail(kid.from, "times cannot be added or subtracted: write ago('90 minutes'), datetime(%s, '-90 minutes'), or unixepoch(%[1]s) for seconds", a.sql[kid.from:kid.to])
			}
		}
	}
}

func (a *typing) call(e *expr) {
	if t, is := timeFunctions[e.text]; is {
		e.typ = t
		return
	}
	if e.text == "truth" {
		e.typ = exprType{kind: truthKind}
		return
	}
	a.refuseSums(e)
	e.typ = loosely(storages[e.text])
	if e.text == "nullif" && len(e.kids) == 2 {
		a.compare(e.kids)
		e.typ = e.kids[0].typ
		return
	}
	which, is := passing[e.text]
	if !is || len(e.kids) <= which.first {
		return
	}
	var kids []*expr
	for i, kid := range e.kids {
		isCondition := which.first == 1 && i%2 == 0 && i != len(e.kids)-1 // in iif(condition, value, …)
		if which.first <= i && i <= which.last && !isCondition || i == 2 && (e.text == "lag" || e.text == "lead") {
			kids = append(kids, kid)
		}
	}
	e.typ = a.pass(kids)
}

// pass handles an expression whose result is one of several values: it makes the values comparable, and returns the
// type of the result.
func (a *typing) pass(kids []*expr) exprType {
	var types []exprType
	raw, all := anyKind, true
	for _, kid := range kids {
		types = append(types, kid.typ)
		if raw = max(raw, kid.typ.kind); kid.typ.kind == anyKind && kid.op != nullExpr {
			_, _, is := canonicalTime(kid.text, a.db.now)
			all = all && kid.op == stringExpr && is
		}
	}
	k := a.common(types, kids[0].from)
	switch {
	case k != anyKind:
		a.coerceAll(kids, k)
		return exprType{kind: k}
	case raw != anyKind && all:
		return exprType{kind: raw, raw: true}
	}
	t := alike(types)
	t.loose, t.realm = true, allRealms(types)
	return t
}

// allRealms reports whether all types are realms. A value that may be another text, such as a heading, is compared
// unchanged.
func allRealms(types []exprType) bool {
	return len(types) > 0 && !slices.ContainsFunc(types, func(t exprType) bool { return !t.realm })
}

// compare makes values comparable.
func (a *typing) compare(kids []*expr) {
	if rows := rowsOf(kids); rows != nil {
		for i := range rows[0].kids {
			var column []*expr
			for _, row := range rows {
				if i < len(row.kids) {
					column = append(column, row.kids[i])
				}
			}
			a.compare(column)
		}
		return
	}
	for _, kid := range kids {
		if kid.op == rowExpr {
			a.compareRowWithQuery(kids)
			return
		}
	}
	a.refuseNumbers(kids)
	k := anyKind
	for _, kid := range kids {
		if kid.typ.kind != anyKind && k != anyKind && kid.typ.kind != k {
			a.fail(kid.from, "%s and %s cannot be compared", kinds[k].name, kinds[kid.typ.kind].name)
		}
		k = max(k, kid.typ.kind)
	}
	if k == anyKind && slices.ContainsFunc(kids, func(e *expr) bool { return e.typ.realm }) {
		k = realmKind
	}
	if k != anyKind {
		a.coerceAll(kids, k)
		return
	}
	for _, kid := range kids[1:] {
		a.refuseStorages(kids[0].from, kids[0].typ, a.sql[kids[0].from:kids[0].to], kid.typ, a.sql[kid.from:kid.to])
	}
}

// refuseNumbers refuses a number next to a text in a change, because the number could stand for another text than the
// user meant: 007 is compared as the text 7.
func (a *typing) refuseNumbers(kids []*expr) {
	if !a.changes || !slices.ContainsFunc(kids, func(e *expr) bool { return e.typ.stored == textStorage }) {
		return
	}
	for _, kid := range kids {
		if kid = bare(kid); kid.op != numberExpr {
			continue
		}
		if n, err := strconv.ParseInt(kid.text, 10, 64); err != nil || strconv.FormatInt(n, 10) != kid.text {
			a.fail(kid.from, "%[1]s is a number, which SQL may write differently, next to a text: write '%[1]s' in quotes", a.sql[kid.from:kid.to])
		}
	}
}

// rowsOf returns the operands without parentheses, if all of them are rows.
func rowsOf(kids []*expr) (rows []*expr) {
	for _, kid := range kids {
		if kid.op != rowExpr {
			return nil
		}
		rows = append(rows, kid)
	}
	return rows
}

// compareRowWithQuery checks (a, b) = (SELECT …), where no value can be wrapped in a function.
func (a *typing) compareRowWithQuery(kids []*expr) {
	for _, kid := range kids {
		for _, value := range kid.kids {
			k := value.typ.kind
			if value.typ.realm {
				k = realmKind
			}
			if kid.op == rowExpr && k != anyKind {
				a.fail(kid.from, "%s is in a list of values that is compared with a query: compare the values one by one", kinds[k].name)
			}
		}
	}
}

// in makes x IN (SELECT …) and (x, y) IN (SELECT …) comparable.
func (a *typing) in(e *expr, columns []typedColumn) {
	left := []*expr{e.kids[0]}
	if left[0].op == rowExpr {
		left = left[0].kids
	}
	of := make([]kind, len(left))
	for i, value := range left {
		if of[i] = value.typ.kind; i < len(columns) {
			of[i] = max(of[i], columns[i].kind)
			if of[i] == anyKind && (value.typ.realm || columns[i].realm) {
				of[i] = realmKind
			}
		}
		if value.typ.kind != of[i] && value.typ.kind != anyKind {
			a.fail(e.from, "%s and %s cannot be compared", kinds[of[i]].name, kinds[value.typ.kind].name)
		}
		switch {
		case of[i] != anyKind:
			a.coerceAll(left[i:i+1], of[i])
		case i < len(columns):
			a.refuseStorages(value.from, value.typ, a.sql[value.from:value.to], columns[i].exprType, columns[i].name)
		}
	}
	a.makeLike(e.query, columns, of, e.text)
}

func (a *typing) coerceAll(kids []*expr, k kind) {
	for _, kid := range kids {
		a.coerce(kid, k)
		if kid.typ = (exprType{kind: k}); k == realmKind {
			kid.typ = exprType{realm: true}
		}
	}
}

// coerce converts a value to the kind: a literal immediately, anything else when the statement runs.
func (a *typing) coerce(e *expr, k kind) {
	switch {
	case e.op == nullExpr, e.typ.kind == k && !e.typ.raw, e.typ.realm && k == realmKind:
	case e.op == sameExpr && e.typ.kind == anyKind && a.sql[e.from] == '(':
		a.coerce(e.kids[0], k)
	case e.op == rowExpr:
		a.fail(e.from, "%s is compared with a list of values", kinds[k].name)
	case e.op == stringExpr && k == timeKind, e.op == numberExpr && k == timeKind:
		canonical, relative, ok := canonicalTime(e.text, a.db.now)
		switch {
		case !ok:
			a.fail(e.from, "%q is not a time %s", e.text, timeForms)
		case relative:
			a.edits.wrap(e.from, e.to, "utc(", ")")
		default:
			a.edits.replace(e.from, e.to, sqlite3.Quote(canonical))
		}
	case e.op == stringExpr && k == truthKind:
		value, ok := parseTruth(e.text)
		if !ok {
			a.fail(e.from, "%q is not a boolean: write %s", e.text, truthForms)
		}
		a.edits.replace(e.from, e.to, map[bool]string{true: "1", false: "0"}[value])
	case e.op == stringExpr && k == realmKind:
		a.edits.replace(e.from, e.to, sqlite3.Quote(realmPath(e.text)))
	case e.op == numberExpr: // a boolean may be a number; a realm is never one
	case k == realmKind && isBlob(a.sql[e.from:e.to]): // nor a blob
	default:
		a.edits.wrap(e.from, e.to, kinds[k].function+"(", ")")
	}
}

func isBlob(sql string) bool {
	return len(sql) > 1 && (sql[0] == 'x' || sql[0] == 'X') && sql[1] == '\''
}
