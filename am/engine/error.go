package engine

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"
)

// An Error is an SQL error with its place in the text given to [DB.Query].
type Error struct {
	Message      string
	Line, Column int    // counted from 1, in characters; 0 if SQLite reports no place
	Near         string // the rest of that line, shortened
	err          error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d, at %q: %s", e.Line, e.Column, e.Near, e.Message)
}

// Unwrap returns SQLite's error.
func (e *Error) Unwrap() error { return e.err }

// place finds where in the SQL the error occurred.
func (r *Rows) place(cause error) error {
	var err *sqlite3.Error
	if !errors.As(cause, &err) {
		return cause
	}
	e := &Error{Message: message(err), err: err}
	e.Message += r.db.suggestion(e.Message)
	at := len(r.sql) - len(err.SQL())
	if err.SQL() == "" || at < 0 || r.sql[at:] != err.SQL() { // unless the place is in a statement that has been changed
		return e
	}
	before := r.sql[:at]
	e.Line = 1 + strings.Count(before, "\n")
	e.Column = 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	e.Near = shorten(err.SQL())
	e.Message += postgresHint(before, err.SQL())
	if word, missing := strings.CutPrefix(e.Message, "no such column: "); missing && beforeText.MatchString(before) && isWord.MatchString(word) {
		e.Message += "; text needs single quotes: '" + word + "'"
	}
	return e
}

// beforeText matches SQL that a value follows. If a word follows it, the quotes of a text may be missing.
var (
	beforeText = regexp.MustCompile(`(?i)(=|<>|\blike|\bin\s*\([^()]*)\s*$`)
	isWord     = regexp.MustCompile(`^\w+$`)
)

// suggestion returns the name of a table or column that is similar to the one that SQLite cannot find, if there is one.
func (db *DB) suggestion(message string) string {
	var names []string
	kind, missing, _ := strings.Cut(message, ": ")
	missing = strings.ToLower(missing[strings.LastIndexByte(missing, '.')+1:])
	for _, t := range db.tables {
		switch kind {
		case "no such table":
			names = append(names, t.source.Name())
		case "no such column":
			for _, c := range t.columns {
				names = append(names, c.Name)
			}
		}
	}
	return DidYouMean(missing, names)
}

// message returns SQLite's message without the type of error.
func message(err *sqlite3.Error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), err.Code().Error()), ": ")
}

// shorten cuts a text at the end of its first line, or after some characters.
func shorten(text string) string {
	const most = 40
	line, _, _ := strings.Cut(text, "\n")
	if characters := []rune(line); len(characters) > most {
		return string(characters[:most]) + "…"
	}
	return strings.TrimRight(line, "\r")
}
