package engine

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/regexp"
)

// functions are useful functions that SQLite lacks: now(), ago('90 minutes'), utc('2026-11-22 04:16+01'), truth('yes'),
// within('10.1.2.3', '10.0.0.0/8,fd00::/8'), realm_path('alpha'). Times are in canonical form, and the current time is
// the same throughout a statement. If an argument is NULL, so is the result.
var functions = []struct {
	name      string
	arguments int
	result    func(db *DB, args []string) (any, error) // returns a text or a boolean
}{
	{"now", 0, func(db *DB, _ []string) (any, error) { return canonical(db.now), nil }},
	{"ago", 1, func(db *DB, args []string) (any, error) {
		span, err := ParseSpan(args[0])
		return canonical(db.now.Add(-span)), err
	}},
	{"utc", 1, func(db *DB, args []string) (any, error) {
		t, _, ok := canonicalTime(args[0], db.now)
		if !ok {
			return nil, fmt.Errorf("%q is not a time %s", args[0], timeForms)
		}
		return t, nil
	}},
	{"truth", 1, func(_ *DB, args []string) (any, error) {
		value, ok := parseTruth(args[0])
		if !ok {
			return nil, fmt.Errorf("%q is not a boolean: write %s", args[0], truthForms)
		}
		return value, nil
	}},
	{"within", 2, func(_ *DB, args []string) (any, error) { return within(args[0], args[1]) }},
	{"realm_path", 1, func(_ *DB, args []string) (any, error) { return realmPath(args[0]), nil }},
}

// realmPath adds the leading slash to the path of a realm: a realm without it does not exist, so alpha would silently
// match nothing.
func realmPath(realm string) string {
	if realm == "" || strings.HasPrefix(realm, "/") {
		return realm
	}
	return "/" + realm
}

// within reports whether an address is in one of the networks, which are separated by commas. It returns false if the
// text is not an address.
func within(address, networks string) (bool, error) {
	at, err := netip.ParseAddr(strings.TrimSpace(address))
	at = at.Unmap().WithZone("")
	found := false
	for network := range strings.SplitSeq(networks, ",") {
		prefix, bad := netip.ParsePrefix(strings.TrimSpace(network))
		if bad != nil {
			return false, fmt.Errorf("%q is not a network such as 10.0.0.0/8 or fd00::/8", network)
		}
		found = found || err == nil && prefix.Contains(at)
	}
	return found, nil
}

func canonical(t time.Time) string { return string(appendTimestamp(nil, t)) }

// FunctionNames returns the names of the functions that this package adds to SQLite's.
func FunctionNames() (names []string) {
	for _, f := range functions {
		names = append(names, f.name)
	}
	return names
}

// createFunctions adds [functions], and x REGEXP pattern with the other regexp_… functions of its library.
func (db *DB) createFunctions() error {
	const constant = sqlite3.DETERMINISTIC | sqlite3.INNOCUOUS // constant during a statement
	err := regexp.Register(db.conn)
	for _, f := range functions {
		err = errors.Join(err, db.conn.CreateFunction(f.name, f.arguments, constant, func(ctx sqlite3.Context, args ...sqlite3.Value) {
			texts := make([]string, len(args))
			for i, arg := range args {
				if arg.Type() == sqlite3.NULL {
					return
				}
				texts[i] = arg.Text()
			}
			result, err := f.result(db, texts)
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
