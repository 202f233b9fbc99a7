package workspace

import (
	"math"
	"strconv"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// ParseArg parses a parameter of the form name=value or name=@file.
func ParseArg(given string) (engine.Arg, error) {
	name, value, ok := strings.Cut(given, "=")
	if !ok || name == "" {
		return engine.Arg{}, Usage("%s must be name=value, such as who=bjensen", name)
	}
	value, err := FromFile(value)
	if err != nil {
		return engine.Arg{}, Usage("%s: %v", name, err)
	}
	return engine.Arg{Name: name, Value: number(value)}, nil
}

// FromFile returns the content of the file if a value begins with @, so that a token is neither in the shell's history
// nor in the process list; @@ stands for @.
func FromFile(value string) (string, error) {
	if rest, isEscaped := strings.CutPrefix(value, "@@"); isEscaped {
		return "@" + rest, nil
	}
	path, isFile := strings.CutPrefix(value, "@")
	if !isFile {
		return value, nil
	}
	text, err := connection.ReadText(path)
	return strings.TrimRight(text, "\r\n"), err
}

// number converts a value to a number if it is written as SQL writes numbers. Otherwise `count(*) > :n` would compare
// with a text, and no number is greater than a text. Everything else stays a text: 007, 1e3, +1, and also NaN and Inf,
// which can be names of users.
func number(value string) any {
	if i, err := strconv.ParseInt(value, 10, 64); err == nil && strconv.FormatInt(i, 10) == value {
		return i
	}
	if f, err := strconv.ParseFloat(value, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) && strconv.FormatFloat(f, 'f', -1, 64) == value {
		return f
	}
	return value
}
