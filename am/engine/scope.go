package engine

import (
	"fmt"
	"strings"
)

// A scope is where names of columns and tables are looked up. It may be inside another scope.
type scope struct {
	outer   *scope
	tables  []*scopedTable
	aliases []typedColumn // aliases of results
	common  map[string][]typedColumn
}

type scopedTable struct {
	name    string
	columns []typedColumn
	merged  map[string]bool // columns merged by USING, which * shows only once
	source  *source         // the source, if the table has a name; otherwise nil

	completed bool // it has been replaced by a query
}

// star returns the columns of *, or of t.*.
func (s *scope) star(of string) (columns []typedColumn) {
	for _, t := range s.tables {
		if of != "" && !strings.EqualFold(t.name, of) {
			continue
		}
		for _, c := range t.columns {
			if of != "" || !t.merged[strings.ToLower(c.name)] {
				c.results = nil
				columns = append(columns, c)
			}
		}
	}
	return columns
}

// own finds a column among the scope's own tables.
func (s *scope) own(of, name string) (typedColumn, bool) {
	c, in := s.ownIn(of, name)
	return c, in != nil
}

// ownIn finds a column and its table; the table is nil if there is none.
func (s *scope) ownIn(of, name string) (typedColumn, *scopedTable) {
	for _, t := range s.tables {
		if of != "" && !strings.EqualFold(t.name, of) {
			continue
		}
		for _, c := range t.columns {
			if strings.EqualFold(c.name, name) {
				return c, t
			}
		}
	}
	return typedColumn{}, nil
}

// find finds a column as SQLite does: among the tables, then among the results, then in the outer scope.
func (s *scope) find(of, name string) exprType {
	for ; s != nil; s = s.outer {
		if c, found := s.own(of, name); found {
			return c.exprType
		}
		for _, c := range s.aliases {
			if of == "" && strings.EqualFold(c.name, name) {
				return c.exprType
			}
		}
	}
	return exprType{}
}

// A stray is a result of a subquery that is a column of the outer query, because no table of the subquery has a column
// of that name.
type stray struct {
	at   int
	name string
	own  []string // the columns that may have been meant
}

// stray returns nil, unless the expression is the bare name of a column that only the outer scope has. In a subquery
// without tables, that is always intended.
func (s *scope) stray(e *expr) *stray {
	e = bare(e)
	if e.op != columnExpr || e.of != "" || len(s.tables) == 0 {
		return nil
	}
	if _, own := s.own("", e.text); own || !s.outer.has(e.text) {
		return nil
	}
	found := &stray{at: e.from, name: e.text}
	for _, c := range s.star("") {
		found.own = append(found.own, c.name)
	}
	return found
}

// has reports whether a table of the scope or of an outer one has a column of that name.
func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if _, found := s.own("", name); found {
			return true
		}
	}
	return false
}

// namedColumns is the maximum number of columns that an error names.
const namedColumns = 6

// refuseStray refuses such results. Otherwise, if leavers has no column username, username IN (SELECT username FROM
// leavers) would be true for everybody: SQL would use the column of the outer query, and compare it with itself.
func (a *typing) refuseStray(columns []typedColumn) {
	for _, c := range columns {
		if c.stray == nil {
			continue
		}
		hint := DidYouMean(c.stray.name, c.stray.own)
		if len(c.stray.own) <= namedColumns {
			hint = fmt.Sprintf(" (its columns are %s)", strings.Join(c.stray.own, ", "))
		}
		a.fail(c.stray.at, "this subquery has no column %s%s, so SQL uses that of the outer query and compares it with itself: correct the name, or qualify it with its table", c.stray.name, hint)
	}
}

// tablesWith returns the tables that have a column, from the innermost to the outermost, and how many of them are the scope's own:
// those of the first one around it that has tables.
func (s *scope) tablesWith(of, name string) (in []*scopedTable, own int) {
	innermost := true
	for ; s != nil; s = s.outer {
		if _, t := s.ownIn(of, name); t != nil {
			in = append(in, t)
		}
		if innermost {
			own = len(in)
		}
		innermost = innermost && len(s.tables) == 0
	}
	return in, own
}

// refuseItself keeps EXISTS (SELECT 1 FROM leavers l WHERE l.username = username) from being true of everybody: SQL takes the
// second name for that of leavers, too, or, if leavers has no such column, both for that of the query around it.
func (a *typing) refuseItself(kids []*expr, s *scope) {
	if len(kids) != 2 {
		return
	}
	left, right := bare(kids[0]), bare(kids[1])
	if left.op != columnExpr || right.op != columnExpr || !strings.EqualFold(left.text, right.text) || left.of != "" && right.of != "" {
		return
	}
	meant, _ := s.tablesWith("", left.text)
	first, own := s.tablesWith(left.of, left.text)
	second, _ := s.tablesWith(right.of, right.text)
	if len(first) > 0 && len(second) > 0 && first[0] == second[0] && (own == 0 || len(meant) > 1) {
		a.fail(kids[0].from, "%s and %s are the same column of %s, which is compared with itself: qualify each with its table", a.sql[kids[0].from:kids[0].to], a.sql[kids[1].from:kids[1].to], first[0].name)
	}
}
