package workspace

import (
	"math"
	"strconv"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// ParseArg reads the value of a parameter from name=value or name=@file.
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

// FromFile reads a value that begins with @ from the file that it names, so that a token is in no shell history and no
// list of processes; @@ stands for one @.
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

// number makes a number of what is written as SQL writes it, or else `count(*) > :n` would compare with text, which no
// number is greater than. All else stays text: 007, 1e3, +1 and, since a user may be called so, NaN and Inf as well.
func number(value string) any {
	if i, err := strconv.ParseInt(value, 10, 64); err == nil && strconv.FormatInt(i, 10) == value {
		return i
	}
	if f, err := strconv.ParseFloat(value, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) && strconv.FormatFloat(f, 'f', -1, 64) == value {
		return f
	}
	return value
}
