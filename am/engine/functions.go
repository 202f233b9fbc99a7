package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/regexp"
)

// functions are what auditors miss in SQLite: now(), ago('90 minutes'), utc('2026-11-22 04:16+01'), truth('yes'). Times are in
// the canonical form, and stay the same during a statement. An argument that is NULL gives NULL.
var functions = []struct {
	name      string
	arguments int
	result    func(db *DB, arg string) (any, error) // a text or a boolean
}{
	{"now", 0, func(db *DB, _ string) (any, error) { return canonical(db.now), nil }},
	{"ago", 1, func(db *DB, arg string) (any, error) {
		span, err := ParseSpan(arg)
		return canonical(db.now.Add(-span)), err
	}},
	{"utc", 1, func(db *DB, arg string) (any, error) {
		t, _, ok := canonicalTime(arg, db.now)
		if !ok {
			return nil, fmt.Errorf("%q is not a time %s", arg, timeForms)
		}
		return t, nil
	}},
	{"truth", 1, func(_ *DB, arg string) (any, error) {
		value, ok := parseTruth(arg)
		if !ok {
			return nil, fmt.Errorf("%q is not a boolean: write %s", arg, truthForms)
		}
		return value, nil
	}},
}

func canonical(t time.Time) string { return string(appendTimestamp(nil, t)) }

// FunctionNames are the names of the functions that this package adds to SQLite's.
func FunctionNames() (names []string) {
	for _, f := range functions {
		names = append(names, f.name)
	}
	return names
}

// createFunctions adds [functions] and, with the other regexp_… functions of its library, x REGEXP pattern.
func (db *DB) createFunctions() error {
	const constant = sqlite3.DETERMINISTIC | sqlite3.INNOCUOUS // during a statement
	err := regexp.Register(db.conn)
	for _, f := range functions {
		err = errors.Join(err, db.conn.CreateFunction(f.name, f.arguments, constant, func(ctx sqlite3.Context, args ...sqlite3.Value) {
			var arg string
			if f.arguments > 0 {
				if args[0].Type() == sqlite3.NULL {
					return
				}
				arg = args[0].Text()
			}
			result, err := f.result(db, arg)
			switch v := result.(type) {
			case string:
				ctx.ResultText(v)
			case bool:
				ctx.ResultBool(v)
			}
			if err != nil {
				ctx.ResultError(err)
			}
		}))
	}
	return err
}
