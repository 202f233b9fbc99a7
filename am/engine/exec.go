package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A Call is the content of an EXEC statement: EXEC schema.table.method @name = value, …
type Call struct {
	Schema string // "" if the statement names none
	Table  string
	Method string
	Args   []CallArg

	// InTransaction reports whether a transaction is open: a ROLLBACK would not undo the call.
	InTransaction bool
}

// A CallArg is an argument of a Call. Text is the text of the literal, so that names such as 007 and
// 12345678901234567890 stay unchanged, or the text of a parameter's value in SQL.
type CallArg struct{ Name, Text string }

// A Result contains the rows that a call returns. Its cells are like those of a [Table].
type Result struct {
	Columns []table.Column
	Rows    [][]any
}

// HandleExec sets the function that runs EXEC statements. If it returns rows and an error, the rows are still the
// answer.
func (db *DB) HandleExec(execute func(context.Context, Call) (Result, error)) { db.execute = execute }

var execStart = regexp.MustCompile(`(?i)^exec(ute)?\s`)

func isExec(sql string) bool { return execStart.MatchString(sql) }

// prepareExec parses an EXEC, which SQLite does not know, and runs it.
func (r *Rows) prepareExec() bool {
	call, rest, err := r.parseExec(r.rest)
	if err == nil && rest[blank(rest):] == "" {
		err = r.args.allUsed()
	}
	if r.err = err; err != nil {
		return false
	}
	if r.rest = rest; r.db.execute == nil {
		r.err = errors.New("this database has no methods to EXEC")
		return false
	}
	call.InTransaction = r.db.InTransaction()
	result, err := r.db.execute(r.ctx, call)
	if r.err = err; err != nil && len(result.Rows) == 0 {
		return false
	}
	r.result, r.failed, r.err = &result, err, nil
	return true
}

func (r *Rows) describeResult() {
	r.columns = make([]ResultColumn, len(r.result.Columns))
	for i, c := range r.result.Columns {
		r.columns[i] = ResultColumn{Name: c.Name, Type: c.Type, Declared: true}
	}
}

func (r *Rows) nextResult() bool {
	if len(r.result.Rows) == 0 {
		r.err, r.failed = r.failed, nil
		return false
	}
	r.values, r.result.Rows = r.result.Rows[0], r.result.Rows[1:]
	return true
}

var (
	execName  = regexp.MustCompile(`^([A-Za-z_]\w*|"(?:[^"]|"")+")`)
	execValue = regexp.MustCompile(`^('(?:[^']|'')*'|[-+]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|[:$@]\w+)`)
)

// parseExec parses EXEC [schema.]table.method [@name = value, …] [;] and returns the text after it.
func (r *Rows) parseExec(sql string) (call Call, rest string, err error) {
	rest = sql[len(execStart.FindString(sql)):]
	blanks := func() { rest = rest[skip(rest, spaces):] }
	take := func(sign string) bool {
		blanks()
		after, ok := strings.CutPrefix(rest, sign)
		rest = after
		return ok
	}
	match := func(pattern *regexp.Regexp) string {
		blanks()
		found := pattern.FindString(rest)
		rest = rest[len(found):]
		return found
	}
	var path []string
	for ok := true; ok; ok = take(".") {
		name := match(execName)
		if name == "" {
			return call, rest, r.errorAt(rest, "a name is missing")
		}
		path = append(path, unquote(name, '"'))
	}
	switch len(path) {
	case 2:
		call.Table, call.Method = path[0], path[1]
	case 3:
		call.Schema, call.Table, call.Method = path[0], path[1], path[2]
	default:
		return call, rest, r.errorAt(sql, "EXEC needs schema.table.method")
	}
	for first := true; ; first = false {
		before := rest
		if blanks(); rest == "" || rest[0] == ';' {
			return call, rest, nil
		}
		// StackQL's documentation puts the comma into a comment: @a = 'b' --required,
		newLine := strings.Contains(before[:len(before)-len(rest)], "\n")
		if !first && !take(",") && !newLine || !take("@") {
			return call, rest, r.errorAt(rest, "EXEC needs @name = value, separated by commas or line ends")
		}
		name := match(execName)
		if name == "" || !take("=") {
			return call, rest, r.errorAt(rest, "EXEC needs @name = value, separated by commas or line ends")
		}
		blanks()
		at := rest
		literal := match(execValue)
		if !endsValue(rest) {
			literal = ""
		}
		text, err := r.execText(literal)
		if err != nil {
			return call, rest, r.errorAt(at, err.Error())
		}
		call.Args = append(call.Args, CallArg{unquote(name, '"'), text})
	}
}

// endsValue reports whether a value can end where rest begins, so that 7up and 10-11 are not parsed as numbers.
func endsValue(rest string) bool {
	return rest == "" || strings.ContainsRune(",;@", rune(rest[0])) || skip(rest, spaces) > 0
}

// execText returns the text of a literal, or of a parameter's value.
func (r *Rows) execText(literal string) (string, error) {
	switch {
	case literal == "":
		return "", errors.New("a value must be text in single quotes, a number or a parameter :name")
	case literal[0] == '\'':
		return unquote(literal, '\''), nil
	case !strings.ContainsRune(":$@", rune(literal[0])):
		return literal, nil
	}
	value, err := r.args.value(literal)
	if err != nil {
		return "", err
	}
	switch v := value.(type) {
	case nil:
		return "", fmt.Errorf("parameter %s is NULL: omit the argument", literal)
	case string:
		return v, nil
	case json.RawMessage:
		return string(v), nil
	case int, int64, bool:
		return fmt.Sprint(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case time.Time:
		return string(appendTimestamp(nil, v)), nil
	}
	return "", fmt.Errorf("parameter %s is a %T, but EXEC needs text", literal, value)
}

func unquote(text string, quote byte) string {
	if text[0] != quote {
		return text
	}
	q := string(quote)
	return strings.ReplaceAll(text[1:len(text)-1], q+q, q)
}

// errorAt returns an error with its place, like an SQL error.
func (r *Rows) errorAt(rest, message string) error {
	before := r.sql[:len(r.sql)-len(rest)]
	return &Error{
		Message: message,
		Line:    1 + strings.Count(before, "\n"),
		Column:  1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]),
		Near:    shorten(rest),
		err:     fmt.Errorf("%s", message),
	}
}
