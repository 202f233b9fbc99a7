package engine

import "strings"

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
