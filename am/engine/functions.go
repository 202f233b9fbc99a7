package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
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
		span, err := parseSpan(arg)
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

// spanUnits are those of ago, by their first letters as far as they tell them apart.
var spanUnits = []struct {
	name string
	span time.Duration
}{
	{"second", time.Second},
	{"minute", time.Minute},
	{"hour", time.Hour},
	{"day", 24 * time.Hour},
	{"week", 7 * 24 * time.Hour},
}

// longestSpan keeps what ago gives among the years that SQLite knows.
const longestSpan = 100 * 365 * 24 * time.Hour

// parseSpan reads numbers with their units: 90 minutes, 1 day 12 hours, 1.5h.
func parseSpan(text string) (total time.Duration, err error) {
	wrong := fmt.Errorf("%q is no span of time such as '90 minutes', '1 day 12 hours' or '2h' (seconds, minutes, hours, days, weeks)", text)
	rest := strings.TrimSpace(text)
	if rest == "" {
		return 0, wrong
	}
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		number, err := strconv.ParseFloat(rest[:digits], 64)
		rest = strings.TrimLeft(rest[digits:], " ")
		letters := len(rest) - len(strings.TrimLeft(strings.ToLower(rest), "abcdefghijklmnopqrstuvwxyz"))
		unit := spanUnit(rest[:letters])
		rest = strings.TrimLeft(rest[letters:], " ")
		if err != nil || unit == 0 || number*float64(unit) > float64(longestSpan) {
			return 0, wrong
		}
		if total += time.Duration(number * float64(unit)); total > longestSpan {
			return 0, wrong
		}
	}
	return total, nil
}

// spanUnit is what min, minute or minutes stand for; 0 where it is nothing.
func spanUnit(name string) time.Duration {
	name = strings.TrimSuffix(strings.ToLower(name), "s")
	for _, unit := range spanUnits {
		if name == unit.name || name == unit.name[:1] || name == unit.name[:3] {
			return unit.span
		}
	}
	return 0
}
