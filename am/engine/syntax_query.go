package engine

import "strings"

// joins are the keywords before JOIN. Elsewhere they can be names.
var joins = wordSet(`NATURAL LEFT RIGHT FULL INNER OUTER CROSS`)

func (s *parser) with() (tables []*common) {
	if !s.accept("WITH") {
		return nil
	}
	for s.accept("RECURSIVE"); ; {
		c := &common{name: s.name()}
		if s.sees("(") {
			c.names = s.names()
		}
		s.expect("AS")
		if s.accept("NOT") {
			s.expect("MATERIALIZED")
		}
		s.accept("MATERIALIZED")
		s.expect("(")
		c.query = s.query()
		s.expect(")")
		if tables = append(tables, c); !s.accept(",") {
			return tables
		}
	}
}

func (s *parser) seesQuery() bool { return s.sees("SELECT") || s.sees("VALUES") || s.sees("WITH") }

func (s *parser) query() *query {
	q := &query{from: s.peek().from, with: s.with()}
	for {
		if s.accept("VALUES") {
			for {
				row := &arm{values: true}
				for _, e := range s.row().kids {
					row.results = append(row.results, &result{expr: e})
				}
				if q.arms = append(q.arms, row); !s.accept(",") {
					break
				}
			}
		} else {
			q.arms = append(q.arms, s.arm())
		}
		if !s.acceptOne("UNION", "INTERSECT", "EXCEPT") {
			break
		}
		s.accept("ALL")
	}
	q.order = s.ordering(nil)
	q.to = s.end()
	return q
}

func (s *parser) ordering(exprs []*expr) []*expr {
	if s.accept("ORDER", "BY") {
		exprs = s.terms(exprs)
	}
	if s.accept("LIMIT") {
		exprs = s.list(exprs)
		exprs = s.optional("OFFSET", exprs)
	}
	return exprs
}

// terms parses the terms of ORDER BY.
func (s *parser) terms(exprs []*expr) []*expr {
	for {
		exprs = append(exprs, s.expr())
		s.acceptOne("ASC", "DESC")
		if s.accept("NULLS") {
			s.next()
		}
		if !s.accept(",") {
			return exprs
		}
	}
}

// list parses expressions separated by commas.
func (s *parser) list(exprs []*expr) []*expr {
	for {
		exprs = append(exprs, s.expr())
		if !s.accept(",") {
			return exprs
		}
	}
}

func (s *parser) arm() *arm {
	s.expect("SELECT")
	s.acceptOne("DISTINCT", "ALL")
	a := &arm{results: s.results()}
	if s.accept("FROM") {
		a.sources = s.sources()
	}
	a.exprs = s.optional("WHERE", a.exprs)
	if s.accept("GROUP", "BY") {
		a.exprs = s.list(a.exprs)
	}
	a.exprs = s.optional("HAVING", a.exprs)
	for more := s.accept("WINDOW"); more; more = s.accept(",") {
		s.name()
		s.expect("AS")
		a.exprs = s.window(a.exprs)
	}
	return a
}

func (s *parser) results() (results []*result) {
	for {
		results = append(results, s.result())
		if !s.accept(",") {
			return results
		}
	}
}

func (s *parser) result() *result {
	if s.accept("*") {
		return &result{}
	}
	if s.peek().isName() && s.peekAt(1).is(".") && s.peekAt(2).is("*") {
		of := s.name()
		s.at += 2
		return &result{of: of}
	}
	r := &result{expr: s.expr()}
	r.alias = s.alias()
	return r
}

// alias parses AS x, or x.
func (s *parser) alias() string {
	if s.accept("AS") {
		return s.name()
	}
	l := s.peek()
	begins := l.kind == wordLexeme && joins[strings.ToUpper(l.text)] || s.sees("WINDOW") && s.peekAt(2).is("AS") // a join or a clause begins
	if l.kind == stringLexeme || l.isName() && !begins {
		return s.next().text
	}
	return ""
}

func (s *parser) sources() (sources []*source) {
	sources = []*source{s.source()}
	for {
		natural := false
		switch {
		case s.accept(","):
		case s.accept("JOIN"):
		default:
			if l := s.peek(); l.kind != wordLexeme || !joins[strings.ToUpper(l.text)] {
				return sources
			}
			for !s.accept("JOIN") {
				l := s.next()
				if natural = natural || l.is("NATURAL"); !joins[strings.ToUpper(l.text)] {
					s.fail()
				}
			}
		}
		next := s.source()
		next.natural = natural
		next.exprs = s.optional("ON", next.exprs)
		if s.accept("USING") {
			next.using = s.names()
		}
		sources = append(sources, next)
	}
}

func (s *parser) source() *source {
	f := &source{at: s.peek().from}
	if s.accept("(") {
		if s.seesQuery() {
			f.query = s.query()
		} else {
			f.nested = s.sources()
		}
		s.expect(")")
	} else {
		f.schema, f.name = s.qualified()
		if s.accept("(") {
			if !s.sees(")") {
				f.exprs = s.list(nil)
			}
			s.expect(")")
		}
	}
	if !s.sees("INDEXED") && !s.sees("NOT") {
		f.alias = s.alias()
	}
	f.to = s.end()
	s.indexed()
	f.indexed = f.to != s.end()
	return f
}
