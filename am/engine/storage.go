package engine

import (
	"regexp"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A storage is how SQLite stores the values of an expression, if that is certain.
type storage int

const (
	anyStorage storage = iota
	textStorage
	numberStorage
)

// storages are how SQLite stores the results of functions.
var storages = func() map[string]storage {
	of := map[string]storage{}
	for s, names := range map[storage]string{
		textStorage: `char concat concat_ws format group_concat hex lower ltrim printf quote realm_path regexp_replace regexp_substr replace rtrim
			strftime string_agg substr substring time timediff trim typeof upper`,
		numberStorage: `abs avg ceil ceiling count cume_dist dense_rank floor instr julianday length mod ntile octet_length percent_rank power rank
			regexp_count regexp_instr round row_number sign sqrt sum total trunc unicode unixepoch`,
	} {
		for _, name := range strings.Fields(names) {
			of[name] = s
		}
	}
	return of
}()

// storedAs returns how a column of this type is stored. A column of numbers in a file may contain texts.
func storedAs(t table.Type, canonical bool) storage {
	switch {
	case t == table.Text:
		return textStorage
	case canonical && (t == table.Integer || t == table.Double):
		return numberStorage
	}
	return anyStorage
}

// loosely returns the type of a value that is neither a column nor a cast. SQLite converts such a value only if it is compared
// with a column or a cast.
func loosely(s storage) exprType { return exprType{stored: s, loose: true} }

// alike returns how values are stored that come from several expressions, if they are stored in the same way.
func alike(types []exprType) exprType {
	if len(types) == 0 {
		return exprType{}
	}
	t := exprType{stored: types[0].stored, loose: true}
	for _, other := range types {
		t.loose = t.loose && other.loose
		if other.stored != t.stored {
			return exprType{}
		}
	}
	return t
}

// refuseStorages refuses to compare a text with a number if SQLite would convert neither: the text is then greater than
// every number, so strftime('%H', t) > 18 would be true of every time, and strftime('%w', t) IN (0, 6) of none.
func (a *typing) refuseStorages(at int, left exprType, leftSQL string, right exprType, rightSQL string) {
	if !left.loose || !right.loose || left.stored == right.stored || left.stored == anyStorage || right.stored == anyStorage {
		return
	}
	text, number := leftSQL, rightSQL
	if right.stored == textStorage {
		text, number = rightSQL, leftSQL
	}
	a.fail(at, "%s is a text and %s is a number, so SQL compares their types and not their values: write cast(%[1]s as integer), or compare with a text", text, number)
}

// refuseSums refuses times in functions that calculate with numbers: of a time, they would see only the year.
func (a *typing) refuseSums(e *expr) {
	if !slices.Contains([]string{"avg", "sum", "total", "abs", "round"}, e.text) || len(e.kids) == 0 || e.kids[0].typ.kind != timeKind {
		return
	}
	of := a.sql[e.kids[0].from:e.kids[0].to]
	a.fail(e.from, "%s is a time, of which %s would use only the year: write %[2]s(unixepoch(%[1]s)), in seconds", of, e.text)
}

var letters = regexp.MustCompile(`[A-Za-z]`)

// refuseLike refuses a pattern that no time matches: in SQL, a time contains no letters.
func (a *typing) refuseLike(kids []*expr) {
	pattern := kids[1]
	if kids[0].typ.kind == timeKind && pattern.op == stringExpr && letters.MatchString(pattern.text) && strings.TrimSuffix(pattern.text, "%") != infinity {
		a.fail(pattern.from, "no time is like '%s': in SQL, times are texts of the form '2026-11-28 09:23:08'", pattern.text)
	}
}

// casts are types that PostgreSQL has and SQLite treats as numbers, by the beginnings of their names, and what the cast becomes
// instead.
var casts = []struct {
	prefix, before, after string
	result                exprType
}{
	{"TIMESTAMP", "utc(", ")", exprType{kind: timeKind}},
	{"DATETIME", "utc(", ")", exprType{kind: timeKind}},
	{"DATE", "date(utc(", "))", exprType{kind: timeKind, raw: true}},
	{"TIME", "time(utc(", "))", loosely(textStorage)},
}

// cast gives CAST(x AS TIMESTAMP), DATE and TIME their meanings in PostgreSQL.
func (a *typing) cast(e *expr) {
	name := strings.ToUpper(e.text)
	for _, c := range casts {
		if strings.HasPrefix(name, c.prefix) {
			e.typ = c.result
			a.edits.replace(e.from, e.kids[0].from, c.before)
			a.edits.replace(e.kids[0].to, e.to, c.after)
			return
		}
	}
	if kid := e.kids[0]; kid.typ.kind == timeKind && !textTypes.MatchString(name) {
		a.fail(e.from, "%s is a time, of which a number would contain only the year: write unixepoch(%[1]s) for seconds", a.sql[kid.from:kid.to])
	}
}

// textTypes matches the names of types that are texts in SQLite, or that keep a value unchanged.
var textTypes = regexp.MustCompile(`CHAR|CLOB|TEXT|BLOB`)
