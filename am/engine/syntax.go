package engine

import "strings"

// What follows is as much of a statement as is needed to tell which values are compared: its tables, and its expressions.

// A parsed statement is a SELECT, or what another statement asks for.
type parsed struct {
	begins string // SELECT, INSERT, UPDATE, DELETE, VIEW, TABLE, TRIGGER, RENAME; "" where it compares nothing
	schema string // of the table or view
	name   string
	names  []string // of a view's columns, or of those that an INSERT fills
	query  *query   // of SELECT, INSERT, VIEW and TABLE
	from   []*source
	sets   []assignment
	exprs  []*expr // of UPDATE and DELETE, and conditions of an INSERT
	with   []*common

	returning []*result
	body      []parsed // of a trigger
}

// An assignment is a = 1 or (a, b) = (1, 2) of SET.
type assignment struct {
	names []string
	value *expr
}

// A query is SELECTs and VALUES between UNIONs.
type query struct {
	from, to int // bytes
	with     []*common
	arms     []*arm
	order    []*expr // and LIMIT
}

// A common is a table of a WITH.
type common struct {
	name  string
	names []string
	query *query
}

// An arm is a SELECT or a row of VALUES.
type arm struct {
	values  bool
	results []*result
	sources []*source
	exprs   []*expr // WHERE, GROUP BY, HAVING, WINDOW
}

// A result is a column of a SELECT, or * and t.*.
type result struct {
	expr  *expr // nil for a star
	of    string
	alias string
}

// A source is a table, a view, a function or a query in FROM.
type source struct {
	schema, name, alias string
	query               *query
	nested              []*source
	exprs               []*expr // arguments and ON
	natural             bool
	using               []string
	at                  int
}

// An expr is an expression.
type expr struct {
	op       operation
	from, to int    // bytes
	text     string // of a literal, a name, a function or a type
	of       string // the table of a column
	kids     []*expr
	query    *query
	also     []*expr // what is evaluated besides, such as FILTER and OVER

	typ exprType
}

type operation int

const (
	otherExpr    operation = iota // its value has nothing to do with those of its kids
	sameExpr                      // +x, (x), x COLLATE c
	stringExpr                    // 'x'
	numberExpr                    // 12
	nullExpr                      //
	columnExpr                    // t.x
	callExpr                      // f(x)
	caseExpr                      // kids are the results
	castExpr                      // CAST(x AS t)
	compareExpr                   // x = y, x BETWEEN y AND z, x IN (y, z): all kids are compared
	inExpr                        // x IN (SELECT …)
	rowExpr                       // (x, y)
	queryExpr                     // (SELECT …)
	sumExpr                       // x + y
	databaseTime                  // current_timestamp
)

type parser struct {
	sql     string
	lexemes []lexeme
	at      int
}

// parse reads a statement that SQLite has accepted.
func parse(sql string) (p parsed, err error) {
	defer func() {
		if e := recover(); e != nil {
			unknown, is := e.(*misplaced)
			if !is {
				panic(e)
			}
			err = unknown
		}
	}()
	s := &parser{sql: sql, lexemes: lex(sql)}
	p = s.statement()
	s.accept(";")
	if p.begins != "" && s.peek().kind != atEnd {
		s.fail()
	}
	return p, nil
}

// fail ends the reading of a statement that SQLite accepts and this parser does not know.
func (s *parser) fail() {
	panic(&misplaced{s.peek().from, "amsql does not know this syntax of SQLite and cannot find out what is compared: write it in another way"})
}

func (s *parser) peek() lexeme { return s.lexemes[s.at] }

func (s *parser) peekAt(n int) lexeme { return s.lexemes[min(s.at+n, len(s.lexemes)-1)] }

func (s *parser) next() lexeme {
	l := s.peek()
	if l.kind != atEnd {
		s.at++
	}
	return l
}

// end is where the lexeme before ends.
func (s *parser) end() int { return s.lexemes[max(s.at-1, 0)].to }

func (l lexeme) is(word string) bool {
	return (l.kind == wordLexeme || l.kind == signLexeme) && strings.EqualFold(l.text, word)
}

// sees reports whether the words come next.
func (s *parser) sees(words ...string) bool {
	for i, word := range words {
		if !s.peekAt(i).is(word) {
			return false
		}
	}
	return true
}

// accept takes the words if they come next.
func (s *parser) accept(words ...string) bool {
	if !s.sees(words...) {
		return false
	}
	s.at += len(words)
	return true
}

// acceptOne takes the first of the words that comes next.
func (s *parser) acceptOne(words ...string) bool {
	for _, word := range words {
		if s.accept(word) {
			return true
		}
	}
	return false
}

func (s *parser) expect(words ...string) {
	if !s.accept(words...) {
		s.fail()
	}
}

// reserved are the keywords that are no names.
var reserved = wordSet(`ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE DEFAULT DEFERRABLE DELETE
	DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING IN INDEX INDEXED INSERT INTERSECT INTO IS ISNULL JOIN LIMIT NOT
	NOTHING NOTNULL NULL ON OR ORDER PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO TRANSACTION UNION UNIQUE UPDATE USING
	VALUES WHEN WHERE`)

// joins are the keywords before JOIN, which are names elsewhere.
var joins = wordSet(`NATURAL LEFT RIGHT FULL INNER OUTER CROSS`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

func (l lexeme) isName() bool {
	return l.kind == quotedLexeme || l.kind == wordLexeme && !reserved[strings.ToUpper(l.text)]
}

func (s *parser) name() string {
	l := s.next()
	if !l.isName() && l.kind != stringLexeme {
		s.at--
		s.fail()
	}
	return l.text
}

// qualified reads name or schema.name.
func (s *parser) qualified() (schema, name string) {
	if name = s.name(); s.accept(".") {
		return name, s.name()
	}
	return "", name
}

// names reads (a, b).
func (s *parser) names() (names []string) {
	s.expect("(")
	for {
		names = append(names, s.name())
		for !s.sees(",") && !s.sees(")") { // a type, an order
			s.next()
			if s.peek().kind == atEnd {
				s.fail()
			}
		}
		if !s.accept(",") {
			s.expect(")")
			return names
		}
	}
}

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

// definition reads CREATE VIEW and CREATE TABLE AS. Other definitions compare nothing, or only when something is written.
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

// trigger reads what follows the name of a trigger.
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

// insert reads what follows INSERT.
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

// update reads what follows UPDATE.
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

// target is the table of an INSERT, UPDATE or DELETE.
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

// assignments reads SET a = 1, (b, c) = (2, 3).
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

// tail reads RETURNING, ORDER BY and LIMIT.
func (s *parser) tail(p *parsed) {
	if s.accept("RETURNING") {
		p.returning = s.results()
	}
	p.exprs = s.ordering(p.exprs)
}

// optional reads the keyword and an expression, if it comes next.
func (s *parser) optional(keyword string, exprs []*expr) []*expr {
	if s.accept(keyword) {
		exprs = append(exprs, s.expr())
	}
	return exprs
}

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

// terms reads those of ORDER BY.
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

// list reads expressions with commas between.
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

// alias reads AS x, or x.
func (s *parser) alias() string {
	if s.accept("AS") {
		return s.name()
	}
	l := s.peek()
	begins := l.kind == wordLexeme && joins[strings.ToUpper(l.text)] || s.sees("WINDOW") && s.peekAt(2).is("AS") // a join or a clause
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
	s.indexed()
	return f
}

// Binary operators from the loosest to the tightest.
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
	levelNot     = 2
	levelEqual   = 3
	levelCompare = 4
	levelSum     = 6
	levelProduct = 7
)

func (s *parser) expr() *expr { return s.level(0) }

// level reads an expression of operators that bind at least so tightly.
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
		case levelCompare:
			op = compareExpr
		case levelSum, levelProduct:
			op = sumExpr
		}
		left = s.made(op, left.from, left, s.level(n+1))
	}
}

func (s *parser) made(op operation, from int, kids ...*expr) *expr {
	return &expr{op: op, from: from, to: s.end(), kids: kids}
}

// equality reads what follows the left side of =, IS, IN, LIKE, BETWEEN; nil if it is another operator.
func (s *parser) equality(left *expr) *expr {
	switch {
	case s.acceptOne("ISNULL", "NOTNULL"), s.accept("NOT", "NULL"):
		return s.made(otherExpr, left.from, left)
	case s.accept("IS"):
		s.accept("NOT")
		s.accept("DISTINCT", "FROM")
		return s.made(compareExpr, left.from, left, s.level(levelEqual+1))
	case s.acceptOne("=", "==", "<>", "!="):
		return s.made(compareExpr, left.from, left, s.level(levelEqual+1))
	}
	if s.sees("NOT") && !s.peekAt(1).is("IN") && !s.peekAt(1).is("LIKE") && !s.peekAt(1).is("GLOB") && !s.peekAt(1).is("MATCH") &&
		!s.peekAt(1).is("REGEXP") && !s.peekAt(1).is("BETWEEN") {
		return nil
	}
	s.accept("NOT")
	switch {
	case s.accept("BETWEEN"):
		low := s.level(levelEqual + 1)
		s.expect("AND")
		return s.made(compareExpr, left.from, left, low, s.level(levelEqual+1))
	case s.accept("IN"):
		return s.in(left)
	case s.acceptOne("LIKE", "GLOB", "MATCH", "REGEXP"):
		right := s.level(levelEqual + 1)
		if s.accept("ESCAPE") {
			return s.made(otherExpr, left.from, left, right, s.level(levelEqual+1))
		}
		return s.made(otherExpr, left.from, left, right)
	}
	s.fail()
	return nil
}

func (s *parser) in(left *expr) *expr {
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
	return s.made(compareExpr, left.from, kids...)
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

// parentheses reads what follows an opening one.
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

// row reads (x, y), also of one.
func (s *parser) row() *expr {
	from := s.peek().from
	s.expect("(")
	kids := s.terms(nil)
	s.expect(")")
	return s.made(rowExpr, from, kids...)
}

// caseOf reads what follows CASE: the base and what it is compared with become a comparison besides.
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

// call reads the arguments of a function and what may follow them.
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

// window reads ([name] PARTITION BY … ORDER BY … frame).
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

// bound reads one end of a frame.
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
