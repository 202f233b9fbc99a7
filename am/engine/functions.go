package engine

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/regexp"
)

// createFunctions adds what auditors miss in SQLite: now(), ago('90 minutes'), utc('2026-11-22 04:16+01') and, with the other
// regexp_… functions of its library, x REGEXP pattern. Times are timestamps in the canonical form, and stay the same during a
// statement.
func (db *DB) createFunctions() error {
	const constant = sqlite3.DETERMINISTIC | sqlite3.INNOCUOUS // during a statement
	return errors.Join(
		regexp.Register(db.conn),
		db.conn.CreateFunction("now", 0, constant, func(ctx sqlite3.Context, _ ...sqlite3.Value) {
			ctx.ResultRawText(appendTimestamp(nil, db.now))
		}),
		db.conn.CreateFunction("ago", 1, constant, func(ctx sqlite3.Context, arg ...sqlite3.Value) {
			if arg[0].Type() == sqlite3.NULL {
				return // NULL
			}
			span, err := ParseSpan(arg[0].Text())
			if err != nil {
				ctx.ResultError(err)
				return
			}
			ctx.ResultRawText(appendTimestamp(nil, db.now.Add(-span)))
		}),
		db.conn.CreateFunction("utc", 1, constant, func(ctx sqlite3.Context, arg ...sqlite3.Value) {
			if arg[0].Type() == sqlite3.NULL {
				return // NULL
			}
			t, ok := parseTimestamp(arg[0].RawText())
			if !ok {
				ctx.ResultError(fmt.Errorf("%q is no time such as '2026-11-22 03:16' or '2026-11-22T04:16:30+01:00' (without a zone it is UTC)", arg[0].Text()))
				return
			}
			ctx.ResultRawText(appendTimestamp(nil, t))
		}),
	)
}
