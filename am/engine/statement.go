package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

var errClosed = errors.New("the database is closed")

// Query runs a text of one or more statements. It runs statements that return no rows up to the first one that does,
// and returns its rows; [Rows.NextResultSet] continues with the others. Statements that are not reached do not run.
//
// Every parameter (:name, @name or $name) needs an Arg, and every Arg a parameter. If the context ends, the query ends
// with its error, and the DB is ready for the next query.
func (db *DB) Query(ctx context.Context, sql string, args ...Arg) (*Rows, error) {
	if before, _, found := strings.Cut(sql, "\x00"); found { // SQLite would run the text before it
		return nil, fmt.Errorf("the SQL contains a NUL character in line %d", 1+strings.Count(before, "\n"))
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &Rows{db: db, ctx: ctx, cancel: cancel, sql: sql, rest: sql, args: newArguments(args)}
	if r.advance(); r.err != nil { //nolint:contextcheck // r has the context
		return nil, errors.Join(r.err, r.Close()) //nolint:contextcheck // as above
	}
	return r, nil
}

// advance prepares the next statement that returns rows, and runs those before it.
func (r *Rows) advance() bool {
	for r.err == nil && r.prepare() {
		if r.result != nil {
			r.describeResult()
			return true
		}
		if r.stmt.ColumnCount() > 0 {
			r.describe()
			return true
		}
		for r.step() {
		}
		r.noteUnchanged()
		r.closeStatement()
	}
	return false
}

var changes = regexp.MustCompile(`(?i)^(update|delete)\b`)

// OnUnchanged sets a function to call for an UPDATE or DELETE that has changed no row, because the condition may be
// wrong. An error becomes the statement's.
func (db *DB) OnUnchanged(tell func(verb string) error) { db.unchanged = tell }

func (r *Rows) noteUnchanged() {
	text := r.stmt.SQL()
	if verb := changes.FindString(text[blank(text):]); verb != "" && r.err == nil && r.db.unchanged != nil && r.db.conn.Changes() == 0 {
		r.err = r.db.unchanged(strings.ToUpper(verb))
	}
}

// prepare compiles the next statement of the text and binds its parameters.
func (r *Rows) prepare() bool {
	r.rest = r.rest[blank(r.rest):]
	if r.rest == "" {
		return false
	}
	text := r.rest
	r.db.now = time.Now().Truncate(time.Millisecond)
	if isExec(text) {
		return r.prepareExec()
	}
	if isShow(text) {
		return r.prepareShow()
	}
	r.err = r.guard(func() (err error) {
		r.stmt, r.rest, err = r.db.conn.Prepare(text)
		return err
	})
	if r.err == nil && r.stmt != nil {
		r.err = r.compile(text[:len(text)-len(r.rest)])
	}
	if r.err != nil {
		r.closeStatement()
	}
	return r.err == nil && r.stmt != nil
}

// compile makes the values of a statement comparable, after SQLite has accepted it unchanged, and prepares it.
func (r *Rows) compile(sql string) error {
	typed, err := r.db.typed(sql)
	if misplaced := new(misplaced); errors.As(err, &misplaced) {
		return r.errorAt(r.sql[len(r.sql)-len(r.rest)-len(sql)+misplaced.at:], misplaced.message)
	}
	if err != nil {
		return err
	}
	r.types = typed.columns
	if typed.sql != sql {
		err = r.guard(func() (err error) {
			original := r.stmt
			r.stmt, _, err = r.db.conn.Prepare(typed.sql)
			return cmp.Or(err, original.Close())
		})
		if err != nil {
			return err
		}
	}
	if typed.created != nil {
		typed.created()
	}
	if err := r.args.bind(r.stmt, r.rest[blank(r.rest):] == ""); err != nil {
		return err
	}
	r.inspect(typed)
	return nil
}

// inspect learns from the query plan whether the statement needs the IDs of rows, to drop rows that it reads twice for
// an OR, and what it reads repeatedly.
func (r *Rows) inspect(typed typed) {
	repeated := newRepetitions()
	r.identifies = false
	stmt, _, err := r.db.conn.Prepare("EXPLAIN QUERY PLAN " + typed.sql)
	if err == nil && stmt != nil { // otherwise the statement is itself an EXPLAIN
		for stmt.Step() {
			step := planStep{stmt.ColumnInt(0), stmt.ColumnInt(1), stmt.ColumnText(3)}
			r.identifies = r.identifies || strings.HasPrefix(step.detail, multiIndexOr)
			repeated.note(step)
		}
		err = stmt.Close()
	}
	r.identifies = r.identifies && err == nil
	r.memory = newMemory(repeated.plans, r.db.room, typed.changes)
	r.db.memories[r.memory] = true
}

// step runs the statement to its next row or its end.
func (r *Rows) step() (row bool) {
	r.err = r.guard(func() error {
		row = r.stmt.Step()
		return r.stmt.Err()
	})
	return row && r.err == nil
}

// guard runs a part of SQLite under the query's context, and returns the true reason of an error: that of the context,
// of the source, or of SQLite itself.
func (r *Rows) guard(run func() error) (err error) {
	if r.db.conn == nil {
		return errClosed
	}
	outer := r.db.conn.SetInterrupt(r.ctx)
	defer r.db.conn.SetInterrupt(outer)
	r.db.failure, r.db.identifies, r.db.memory, r.db.guarded = nil, r.identifies, r.memory, true
	defer func() { r.db.guarded = false }()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("SQLite: %v", p) // out of memory
		}
	}()
	defer func() { r.db.committed = nil }()
	if err = run(); err == nil && r.db.failure == nil {
		err = r.db.makeChanges(r.ctx)
		r.db.failure = err // not that of another statement that has run in the meantime
	}
	if err == nil && r.db.failure == nil {
		return nil
	}
	if ctxErr := r.ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	if r.db.failure != nil {
		return r.db.failure
	}
	return r.place(err)
}

// blank returns the length of the spaces, semicolons and comments at the beginning of sql.
func blank(sql string) int { return skip(sql, spaces+";") }

const spaces = " \t\r\n\f\ufeff"

// skip returns the length of these characters and comments at the beginning of sql.
func skip(sql, characters string) int {
	rest := sql
	for {
		rest = strings.TrimLeft(rest, characters)
		var end string
		switch {
		case strings.HasPrefix(rest, "--"):
			end = "\n"
		case strings.HasPrefix(rest, "/*"):
			end = "*/"
		default:
			return len(sql) - len(rest)
		}
		_, after, _ := strings.Cut(rest[2:], end)
		rest = after
	}
}
