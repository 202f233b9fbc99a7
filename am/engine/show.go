package engine

import (
	"context"
	"errors"
	"regexp"
	"strings"
)

// A Show requests a list for which SQLite has no statement: SHOW TABLES, SHOW METHODS, DESCRIBE table.
type Show struct {
	What Shown
	Of   string // the schema or table in the statement; "" if it names none
}

// Shown is what a [Show] lists.
type Shown int

// The lists.
const (
	ShownTables Shown = iota
	ShownMethods
	ShownColumns
)

// HandleShow sets the function that answers SHOW and DESCRIBE.
func (db *DB) HandleShow(show func(context.Context, Show) (Result, error)) { db.show = show }

var showStart = regexp.MustCompile(`(?i)^(show|describe|desc)\s`)

func isShow(sql string) bool { return showStart.MatchString(sql) }

// showForms are the words of each form, before the name. IN and FROM mean the same.
var showForms = []struct {
	words string
	what  Shown
	named bool // the name is required
}{
	{"SHOW TABLES", ShownTables, false},
	{"SHOW METHODS", ShownMethods, false},
	{"SHOW COLUMNS", ShownColumns, true},
	{"DESCRIBE", ShownColumns, true},
	{"DESC", ShownColumns, true},
}

// prepareShow parses a SHOW or DESCRIBE, which SQLite does not know, and runs it.
func (r *Rows) prepareShow() bool {
	show, rest, err := r.parseShow(r.rest)
	if err == nil && rest[blank(rest):] == "" {
		err = r.args.allUsed()
	}
	if err == nil && r.db.show == nil {
		err = errors.New("this database has nothing to SHOW")
	}
	if r.err = err; err != nil {
		return false
	}
	r.rest = rest
	result, err := r.db.show(r.ctx, show)
	if r.err = err; err != nil {
		return false
	}
	r.result = &result
	return true
}

func (r *Rows) parseShow(sql string) (show Show, rest string, err error) {
	s := &parser{sql: sql, lexemes: lex(sql)}
	wrong := func() (Show, string, error) {
		return show, sql, r.errorAt(sql[s.peek().from:], "write SHOW TABLES [IN schema], SHOW METHODS [IN table] or DESCRIBE table")
	}
	for _, form := range showForms {
		if !s.accept(strings.Fields(form.words)...) {
			continue
		}
		show.What = form.what
		isNamed := form.named && form.words != "SHOW COLUMNS" || s.acceptOne("IN", "FROM")
		if isNamed && !s.peek().isName() || form.named && !isNamed {
			return wrong()
		}
		if isNamed {
			for show.Of = s.next().text; s.accept(".") && s.peek().isName(); {
				show.Of += "." + s.next().text
			}
		}
		if !s.sees(";") && s.peek().kind != atEnd {
			return wrong()
		}
		return show, sql[s.peek().from:], nil
	}
	s.next()
	return wrong()
}
