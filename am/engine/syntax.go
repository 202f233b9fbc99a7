package engine

import "strings"

// The types below contain as much of a statement as is needed to know which values are compared: its tables and its
// expressions.

// parsed is a statement: a SELECT, or the relevant parts of another statement.
type parsed struct {
	begins string // SELECT, INSERT, UPDATE, DELETE, VIEW, TABLE, TRIGGER, RENAME; "" if it compares nothing
	schema string // the schema of the table or view
	name   string
	names  []string // the columns of a view, or those that an INSERT fills
	query  *query   // in SELECT, INSERT, VIEW and TABLE
	from   []*source
	sets   []assignment
	exprs  []*expr // in UPDATE and DELETE, and conditions of an INSERT
	with   []*common

	returning []*result
	body      []parsed // the body of a trigger
}

// An assignment is a = 1 or (a, b) = (1, 2) in SET.
type assignment struct {
	names []string
	value *expr
}

// A query consists of SELECTs and VALUES joined by UNION.
type query struct {
	from, to int // positions in bytes
	with     []*common
	arms     []*arm
	order    []*expr // ORDER BY and LIMIT
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

// A result is a column of a SELECT, * or t.*.
type result struct {
	expr  *expr // nil for * and t.*
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
	at, to              int  // positions in bytes, including the alias
	indexed             bool // has INDEXED BY or NOT INDEXED
}

// An expr is an expression.
type expr struct {
	op       operation
	from, to int    // positions in bytes
	text     string // the literal, name, function or type
	of       string // the table of a column
	kids     []*expr
	query    *query
	also     []*expr // other parts that are evaluated, such as FILTER and OVER

	typ exprType
}

type operation int

const (
	otherExpr    operation = iota // its value does not depend on the types of its kids
	sameExpr                      // +x, (x), x COLLATE c
	stringExpr                    // 'x'
	numberExpr                    // 12
	nullExpr                      //
	columnExpr                    // t.x
	callExpr                      // f(x)
	caseExpr                      // the kids are the results
	castExpr                      // CAST(x AS t)
	compareExpr                   // x < y, x BETWEEN y AND z, x NOT IN (y, z): all kids are compared
	equalExpr                     // x = y, x IS y, x IN (y, z): the same
	andExpr                       // x AND y
	orExpr                        // x OR y
	inExpr                        // x IN (SELECT …)
	rowExpr                       // (x, y)
	queryExpr                     // (SELECT …)
	sumExpr                       // x + y
	joinExpr                      // x || y
	likeExpr                      // x LIKE y, x GLOB y
	databaseTime                  // current_timestamp
)

type parser struct {
	sql     string
	lexemes []lexeme
	at      int
}

// parse parses a statement that SQLite has accepted.
func parse(sql string) (p parsed, err error) {
	err = read(sql, func(s *parser) (complete bool) {
		p = s.statement()
		s.accept(";")
		return p.begins == "" || s.peek().kind == atEnd
	})
	return p, err
}

// read parses a text. If part of it is left over or unknown, that is an error.
func read(sql string, what func(*parser) (complete bool)) (err error) {
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
	if !what(s) {
		s.fail()
	}
	return nil
}

// fail ends the parsing of a statement that SQLite accepts but this parser does not know.
func (s *parser) fail() {
	panic(&misplaced{s.peek().from, "amsql does not know this syntax of SQLite and cannot find out what is compared: write it differently"})
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

// end returns where the previous lexeme ends.
func (s *parser) end() int { return s.lexemes[max(s.at-1, 0)].to }

func (l lexeme) is(word string) bool {
	return (l.kind == wordLexeme || l.kind == signLexeme) && strings.EqualFold(l.text, word)
}

// sees reports whether these words come next.
func (s *parser) sees(words ...string) bool {
	for i, word := range words {
		if !s.peekAt(i).is(word) {
			return false
		}
	}
	return true
}

// accept skips the words if they come next.
func (s *parser) accept(words ...string) bool {
	if !s.sees(words...) {
		return false
	}
	s.at += len(words)
	return true
}

// acceptOne skips the first of the words that comes next.
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

// reserved are the keywords that cannot be names.
var reserved = wordSet(`ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE DEFAULT DEFERRABLE DELETE
	DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING IN INDEX INDEXED INSERT INTERSECT INTO IS ISNULL JOIN LIMIT NOT
	NOTHING NOTNULL NULL ON OR ORDER PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO TRANSACTION UNION UNIQUE UPDATE USING
	VALUES WHEN WHERE`)

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

// qualified parses name or schema.name.
func (s *parser) qualified() (schema, name string) {
	if name = s.name(); s.accept(".") {
		return name, s.name()
	}
	return "", name
}

// names parses (a, b).
func (s *parser) names() (names []string) {
	s.expect("(")
	for {
		names = append(names, s.name())
		for !s.sees(",") && !s.sees(")") { // skip a type or an order
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
