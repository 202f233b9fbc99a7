package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/regexp"
)

// functions are what auditors miss in SQLite: now(), ago('90 minutes'), utc('2026-11-22 04:16+01'). Times are timestamps in the
// canonical form, and stay the same during a statement. An argument that is NULL gives NULL.
var functions = []struct {
	name      string
	arguments int
	result    func(db *DB, arg string) (time.Time, error)
}{
	{"now", 0, func(db *DB, _ string) (time.Time, error) { return db.now, nil }},
	{"ago", 1, func(db *DB, arg string) (time.Time, error) {
		span, err := ParseSpan(arg)
		return db.now.Add(-span), err
	}},
	{"utc", 1, func(_ *DB, arg string) (time.Time, error) {
		t, ok := parseTimestamp([]byte(arg))
		if !ok {
			return t, fmt.Errorf("%q is no time such as '2026-11-22 03:16' or '2026-11-22T04:16:30+01:00' (without a zone it is UTC)", arg)
		}
		return t, nil
	}},
}

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
			t, err := f.result(db, arg)
			if err != nil {
				ctx.ResultError(err)
				return
			}
			ctx.ResultRawText(appendTimestamp(nil, t))
		}))
	}
	return err
}
