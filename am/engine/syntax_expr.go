package engine

import "strings"

// Binary operators, weakest first.
var operators = [][]string{
	{"OR"},
	{"AND"},
	nil, // NOT
	{"=", "==", "<>", "!=", "IS", "IN", "LIKE", "GLOB", "MATCH", "REGEXP", "BETWEEN", "ISNULL", "NOTNULL", "NOT"},
	{"<", "<=", ">", ">="},
	{"&", "|", "<<", ">>"},
	{"+", "-"},
	{"*", "/", "%"},
	{"||", "->", "->>"},
}

const (
	levelOr      = 0
	levelAnd     = 1
	levelNot     = 2
	levelEqual   = 3
	levelCompare = 4
	levelSum     = 6
	levelProduct = 7
	levelJoin    = 8
)

func (s *parser) expr() *expr { return s.level(0) }

// level parses an expression with operators of at least this precedence.
func (s *parser) level(n int) *expr {
	if n == len(operators) {
		return s.unary()
	}
	left := s.level(n + 1)
	for {
		l := s.peek()
		operator := ""
		for _, o := range operators[n] {
			if l.is(o) {
				operator = o
			}
		}
		if operator == "" {
			return left
		}
		if n == levelEqual {
			next := s.equality(left)
			if next == nil {
				return left
			}
			left = next
			continue
		}
		s.next()
		op := otherExpr
		switch n {
		case levelOr:
			op = orExpr
		case levelAnd:
			op = andExpr
		case levelCompare:
			op = compareExpr
		case levelSum, levelProduct:
			op = sumExpr
		case levelJoin:
			if operator == "||" {
				op = joinExpr
			}
		}
		left = s.made(op, left.from, left, s.level(n+1))
	}
}

func (s *parser) made(op operation, from int, kids ...*expr) *expr {
	return &expr{op: op, from: from, to: s.end(), kids: kids}
}

// equality parses what follows the left operand of =, IS, IN, LIKE or BETWEEN; it returns nil for another operator.
func (s *parser) equality(left *expr) *expr {
	switch {
	case s.acceptOne("ISNULL", "NOTNULL"), s.accept("NOT", "NULL"):
		return s.made(otherExpr, left.from, left)
	case s.accept("IS"):
		differs := s.accept("NOT") != s.accept("DISTINCT", "FROM")
		return s.made(comparison(!differs), left.from, left, s.level(levelEqual+1))
	case s.acceptOne("=", "=="):
		return s.made(equalExpr, left.from, left, s.level(levelEqual+1))
	case s.acceptOne("<>", "!="):
		return s.made(compareExpr, left.from, left, s.level(levelEqual+1))
	}
	if s.sees("NOT") && !s.peekAt(1).is("IN") && !s.peekAt(1).is("LIKE") && !s.peekAt(1).is("GLOB") && !s.peekAt(1).is("MATCH") &&
		!s.peekAt(1).is("REGEXP") && !s.peekAt(1).is("BETWEEN") {
		return nil
	}
	not := s.accept("NOT")
	switch {
	case s.accept("BETWEEN"):
		low := s.level(levelEqual + 1)
		s.expect("AND")
		return s.made(compareExpr, left.from, left, low, s.level(levelEqual+1))
	case s.accept("IN"):
		return s.in(left, comparison(!not))
	case s.acceptOne("MATCH", "REGEXP"):
		return s.made(otherExpr, left.from, left, s.level(levelEqual+1))
	case s.acceptOne("LIKE", "GLOB"):
		kids := []*expr{left, s.level(levelEqual + 1)}
		if s.accept("ESCAPE") {
			kids = append(kids, s.level(levelEqual+1))
		}
		return s.made(likeExpr, left.from, kids...)
	}
	s.fail()
	return nil
}

func comparison(equal bool) operation {
	if equal {
		return equalExpr
	}
	return compareExpr
}

// in parses what follows IN. A list becomes an expression with this operation.
func (s *parser) in(left *expr, list operation) *expr {
	if !s.accept("(") {
		table := &source{at: s.peek().from}
		table.schema, table.name = s.qualified()
		if s.accept("(") {
			if !s.sees(")") {
				table.exprs = s.list(nil)
			}
			s.expect(")")
		}
		// IN table is IN (SELECT * FROM table).
		q := &query{from: table.at, to: s.end(), arms: []*arm{{results: []*result{{}}, sources: []*source{table}}}}
		in := s.made(inExpr, left.from, left)
		in.query, in.text = q, "table"
		return in
	}
	if s.seesQuery() {
		q := s.query()
		s.expect(")")
		in := s.made(inExpr, left.from, left)
		in.query = q
		return in
	}
	kids := []*expr{left}
	if !s.sees(")") {
		kids = s.list(kids)
	}
	s.expect(")")
	return s.made(list, left.from, kids...)
}

func (s *parser) unary() *expr {
	l := s.peek()
	switch {
	case s.accept("+"):
		return s.made(sameExpr, l.from, s.unary())
	case s.acceptOne("-", "~"):
		return s.made(sumExpr, l.from, s.unary())
	case s.accept("NOT"):
		return s.made(otherExpr, l.from, s.level(levelNot))
	}
	e := s.primary()
	for s.accept("COLLATE") {
		s.name()
		e = s.made(sameExpr, l.from, e)
	}
	return e
}

func (s *parser) primary() *expr {
	l := s.peek()
	switch l.kind {
	case stringLexeme, numberLexeme, blobLexeme, parameterLexeme:
		s.next()
		ops := map[lexemeKind]operation{stringLexeme: stringExpr, numberLexeme: numberExpr}
		return &expr{op: ops[l.kind], from: l.from, to: l.to, text: l.text}
	}
	switch {
	case s.accept("("):
		return s.parentheses(l.from)
	case s.accept("EXISTS", "("):
		e := &expr{query: s.query()}
		s.expect(")")
		e.from, e.to = l.from, s.end()
		return e
	case s.accept("NULL"):
		return s.made(nullExpr, l.from)
	case s.accept("CASE"):
		return s.caseOf(l.from)
	case s.accept("CAST", "("):
		e := s.expr()
		s.expect("AS")
		var words []string
		for depth := 0; depth > 0 || !s.sees(")"); {
			t := s.next()
			switch {
			case t.kind == atEnd:
				s.fail()
			case t.is("("):
				depth++
			case t.is(")"):
				depth--
			}
			words = append(words, t.text)
		}
		s.expect(")")
		cast := s.made(castExpr, l.from, e)
		cast.text = strings.Join(words, " ")
		return cast
	case s.accept("CURRENT_TIMESTAMP"):
		return s.made(databaseTime, l.from)
	}
	if !l.isName() {
		s.fail()
	}
	name := s.name()
	if s.accept("(") {
		return s.call(l.from, name)
	}
	e := &expr{op: columnExpr, from: l.from, text: name}
	for s.accept(".") {
		e.of, e.text = e.text, s.name()
	}
	e.to = s.end()
	return e
}

// parentheses parses what follows an opening parenthesis.
func (s *parser) parentheses(from int) *expr {
	if s.seesQuery() {
		q := s.query()
		s.expect(")")
		e := s.made(queryExpr, from)
		e.query = q
		return e
	}
	kids := s.list(nil)
	s.expect(")")
	if len(kids) == 1 {
		return s.made(sameExpr, from, kids...)
	}
	return s.made(rowExpr, from, kids...)
}

// row parses (x, y), or a single expression in parentheses.
func (s *parser) row() *expr {
	from := s.peek().from
	s.expect("(")
	kids := s.terms(nil)
	s.expect(")")
	return s.made(rowExpr, from, kids...)
}

// caseOf parses what follows CASE. The comparison of the base with the values becomes an additional expression.
func (s *parser) caseOf(from int) *expr {
	e := &expr{op: caseExpr, from: from}
	var compared []*expr
	based := !s.sees("WHEN")
	if based {
		compared = append(compared, s.expr())
	}
	for s.accept("WHEN") {
		compared = append(compared, s.expr())
		s.expect("THEN")
		e.kids = append(e.kids, s.expr())
	}
	if s.accept("ELSE") {
		e.kids = append(e.kids, s.expr())
	}
	s.expect("END")
	if e.also = compared; based {
		e.also = []*expr{{op: compareExpr, from: compared[0].from, to: compared[0].to, kids: compared}}
	}
	e.to = s.end()
	return e
}

// call parses the arguments of a function and what may follow them.
func (s *parser) call(from int, name string) *expr {
	e := &expr{op: callExpr, from: from, text: strings.ToLower(name)}
	s.accept("DISTINCT")
	if !s.accept("*") && !s.sees(")") {
		if !s.sees("ORDER", "BY") {
			e.kids = s.list(nil)
		}
		if s.accept("ORDER", "BY") {
			e.also = s.terms(e.also)
		}
	}
	s.expect(")")
	if s.accept("WITHIN", "GROUP", "(") {
		s.expect("ORDER", "BY")
		e.also = s.terms(e.also)
		s.expect(")")
	}
	if s.accept("FILTER", "(") {
		s.expect("WHERE")
		e.also = append(e.also, s.expr())
		s.expect(")")
	}
	if s.accept("OVER") {
		if s.sees("(") {
			e.also = s.window(e.also)
		} else {
			s.name()
		}
	}
	e.to = s.end()
	return e
}

// window parses ([name] PARTITION BY … ORDER BY … frame).
func (s *parser) window(exprs []*expr) []*expr {
	s.expect("(")
	if s.peek().isName() && !s.sees("PARTITION", "BY") && !s.seesFrame() {
		s.name()
	}
	if s.accept("PARTITION", "BY") {
		exprs = s.list(exprs)
	}
	if s.accept("ORDER", "BY") {
		exprs = s.terms(exprs)
	}
	if s.seesFrame() {
		s.next()
		if s.accept("BETWEEN") {
			exprs = s.bound(exprs)
			s.expect("AND")
		}
		exprs = s.bound(exprs)
		if s.accept("EXCLUDE") {
			for !s.sees(")") {
				s.next()
				if s.peek().kind == atEnd {
					s.fail()
				}
			}
		}
	}
	s.expect(")")
	return exprs
}

func (s *parser) seesFrame() bool { return s.sees("RANGE") || s.sees("ROWS") || s.sees("GROUPS") }

// bound parses one end of a frame.
func (s *parser) bound(exprs []*expr) []*expr {
	if s.accept("CURRENT", "ROW") || s.accept("UNBOUNDED", "PRECEDING") || s.accept("UNBOUNDED", "FOLLOWING") {
		return exprs
	}
	exprs = append(exprs, s.expr())
	if !s.acceptOne("PRECEDING", "FOLLOWING") {
		s.fail()
	}
	return exprs
}
