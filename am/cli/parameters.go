package cli

import (
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// parameters reads the values of --arg.
func parameters(cmd *cobra.Command, args []string) ([]engine.Arg, error) {
	var read []engine.Arg
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, misuse(cmd, "--arg %s: it takes the form name=value", name)
		}
		value, err := fromFile(value)
		if err != nil {
			return nil, workspace.Usage("--arg %s: %v", name, err)
		}
		read = append(read, engine.Arg{Name: name, Value: number(value)})
	}
	return read, nil
}

// fromFile reads a value that begins with @ from the file that it names, so that a token is in no shell history and no
// list of processes; @@ stands for one @.
func fromFile(value string) (string, error) {
	if rest, isEscaped := strings.CutPrefix(value, "@@"); isEscaped {
		return "@" + rest, nil
	}
	path, isFile := strings.CutPrefix(value, "@")
	if !isFile {
		return value, nil
	}
	content, err := os.ReadFile(path)
	return strings.TrimRight(strings.TrimPrefix(string(content), "\ufeff"), "\r\n"), err
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
