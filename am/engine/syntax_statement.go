package engine

import "strings"

func (s *parser) statement() (p parsed) {
	if s.accept("EXPLAIN") {
		s.accept("QUERY", "PLAN")
	}
	switch {
	case s.sees("CREATE"), s.sees("ALTER"):
		return s.definition()
	}
	p.with = s.with()
	switch {
	case s.sees("SELECT"), s.sees("VALUES"):
		p.begins, p.query = "SELECT", s.query()
	case s.acceptOne("INSERT", "REPLACE"):
		s.insert(&p)
	case s.accept("UPDATE"):
		s.update(&p)
	case s.accept("DELETE"):
		s.expect("FROM")
		p.begins, p.from = "DELETE", []*source{s.target()}
		p.exprs = s.optional("WHERE", p.exprs)
		s.tail(&p)
	}
	return p
}

// definition parses CREATE VIEW and CREATE TABLE AS. Other definitions compare nothing, or only when rows are written.
func (s *parser) definition() (p parsed) {
	if s.accept("ALTER", "TABLE") {
		p.schema, p.name = s.qualified()
		if s.accept("RENAME") {
			p.begins = "RENAME"
			s.at = len(s.lexemes) - 1
		}
		return p
	}
	s.expect("CREATE")
	if p.schema = "main"; s.acceptOne("TEMP", "TEMPORARY") {
		p.schema = "temp"
	}
	begins := strings.ToUpper(s.next().text)
	if begins != "VIEW" && begins != "TABLE" && begins != "TRIGGER" {
		return p
	}
	p.begins = begins
	s.accept("IF", "NOT", "EXISTS")
	if schema, name := s.qualified(); schema != "" {
		p.schema, p.name = schema, name
	} else {
		p.name = name
	}
	if p.begins == "TRIGGER" {
		s.trigger(&p)
		return p
	}
	if p.begins == "VIEW" && s.sees("(") {
		p.names = s.names()
	}
	if !s.accept("AS") {
		return parsed{}
	}
	p.with = s.with()
	p.query = s.query()
	return p
}

// trigger parses what follows the name of a trigger.
func (s *parser) trigger(p *parsed) {
	for !s.accept("ON") {
		if s.next().kind == atEnd {
			s.fail()
		}
	}
	p.from = []*source{s.target()}
	s.accept("FOR", "EACH", "ROW")
	p.exprs = s.optional("WHEN", p.exprs)
	for s.expect("BEGIN"); !s.accept("END"); s.expect(";") {
		p.body = append(p.body, s.statement())
	}
}

// insert parses what follows INSERT.
func (s *parser) insert(p *parsed) {
	if p.begins = "INSERT"; s.accept("OR") {
		s.next()
	}
	s.expect("INTO")
	p.from = []*source{s.target()}
	if s.sees("(") {
		p.names = s.names()
	}
	if !s.accept("DEFAULT", "VALUES") {
		p.with = append(p.with, s.with()...)
		p.query = s.query()
	}
	for s.accept("ON", "CONFLICT") {
		if s.sees("(") {
			p.exprs = append(p.exprs, s.row())
		}
		p.exprs = s.optional("WHERE", p.exprs)
		s.expect("DO")
		if s.accept("NOTHING") {
			continue
		}
		s.expect("UPDATE")
		s.assignments(p)
		p.exprs = s.optional("WHERE", p.exprs)
	}
	s.tail(p)
}

// update parses what follows UPDATE.
func (s *parser) update(p *parsed) {
	if p.begins = "UPDATE"; s.accept("OR") {
		s.next()
	}
	p.from = []*source{s.target()}
	s.assignments(p)
	if s.accept("FROM") {
		p.from = append(p.from, s.sources()...)
	}
	p.exprs = s.optional("WHERE", p.exprs)
	s.tail(p)
}

// target parses the table of an INSERT, UPDATE or DELETE.
func (s *parser) target() *source {
	t := &source{at: s.peek().from}
	t.schema, t.name = s.qualified()
	if s.accept("AS") {
		t.alias = s.name()
	}
	s.indexed()
	return t
}

func (s *parser) indexed() {
	if s.accept("INDEXED", "BY") {
		s.name()
	}
	s.accept("NOT", "INDEXED")
}

// assignments parses SET a = 1, (b, c) = (2, 3).
func (s *parser) assignments(p *parsed) {
	for s.expect("SET"); ; {
		var set assignment
		if s.sees("(") {
			set.names = s.names()
		} else {
			set.names = []string{s.name()}
		}
		s.expect("=")
		set.value = s.expr()
		if p.sets = append(p.sets, set); !s.accept(",") {
			return
		}
	}
}

// tail parses RETURNING, ORDER BY and LIMIT.
func (s *parser) tail(p *parsed) {
	if s.accept("RETURNING") {
		p.returning = s.results()
	}
	p.exprs = s.ordering(p.exprs)
}

// optional parses the keyword and an expression, if it comes next.
func (s *parser) optional(keyword string, exprs []*expr) []*expr {
	if s.accept(keyword) {
		exprs = append(exprs, s.expr())
	}
	return exprs
}
