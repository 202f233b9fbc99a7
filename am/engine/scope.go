package engine

import (
	"fmt"
	"strings"
)

// A scope is where names of columns and tables are looked up, and the scope around it.
type scope struct {
	outer   *scope
	tables  []*scopedTable
	aliases []typedColumn // of results
	common  map[string][]typedColumn
}

type scopedTable struct {
	name    string
	columns []typedColumn
	merged  map[string]bool // by USING, so that * shows them once
	source  *source         // of a table with a name, else nil

	completed bool // a query stands in its place
}

// star is the columns that * stands for, or t.*.
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

// ownIn finds a column and its table; nil where there is none.
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

// find finds a column as SQLite does: among the tables, then among the results, then around.
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

// A stray is a result of a subquery that is a column of the query around it, because no table of its own has one of that name.
type stray struct {
	at   int
	name string
	own  []string // the columns that it could have meant
}

// stray is nil unless an expression is the bare name of a column that only the scope around has. In a subquery without tables
// it can be nothing else.
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

// has reports whether a table of the scope, or of one around it, has a column of the name.
func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if _, found := s.own("", name); found {
			return true
		}
	}
	return false
}

// namedColumns is how many columns an error names.
const namedColumns = 6

// refuseStray keeps username IN (SELECT username FROM leavers) from being true of everybody if leavers has no such column: SQL
// takes that of the query around it, and compares it with itself.
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
