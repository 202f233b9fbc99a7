package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// An Arg is the value for parameters :name, @name and $name: nil, a string, an integer, a float64, a bool, a time.Time,
// a json.RawMessage or a []byte.
type Arg struct {
	Name  string // without the sign
	Value any
}

// An UnsetError means that a parameter has no value.
type UnsetError struct {
	Parameter string // with its sign
	known     string
}

func (e *UnsetError) Error() string {
	return fmt.Sprintf("parameter %s has no value%s", e.Parameter, e.known)
}

type arguments struct {
	values map[string]any
	unused map[string]bool
}

func newArguments(args []Arg) arguments {
	a := arguments{map[string]any{}, map[string]bool{}}
	for _, arg := range args {
		a.values[arg.Name] = arg.Value
		a.unused[arg.Name] = true
	}
	return a
}

// bind sets the values of the statement's parameters. At the last statement, it returns an error if an argument has not
// been used.
func (a arguments) bind(stmt *sqlite3.Stmt, last bool) error {
	for i := 1; i <= stmt.BindCount(); i++ {
		parameter := stmt.BindName(i)
		if parameter == "" || parameter[0] == '?' {
			return fmt.Errorf("parameter %d has no name: write :name instead of ?", i)
		}
		value, err := a.value(parameter)
		if err != nil {
			return err
		}
		if err := bindValue(stmt, i, value); err != nil {
			return fmt.Errorf("parameter %s: %w", parameter, err)
		}
	}
	if last {
		return a.allUsed()
	}
	return nil
}

// value returns the value of a parameter, which is given with its sign.
func (a arguments) value(parameter string) (any, error) {
	value, ok := a.values[parameter[1:]]
	if !ok {
		return nil, &UnsetError{Parameter: parameter, known: a.known()}
	}
	delete(a.unused, parameter[1:])
	return value, nil
}

func (a arguments) allUsed() error {
	if len(a.unused) > 0 {
		return fmt.Errorf("the SQL has no parameter :%s", strings.Join(names(a.unused), " and no :"))
	}
	return nil
}

func (a arguments) known() string {
	if len(a.values) == 0 {
		return ""
	}
	return " (there are values for " + strings.Join(names(a.values), ", ") + ")"
}

func names[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

func bindValue(stmt *sqlite3.Stmt, i int, value any) error {
	switch v := value.(type) {
	case nil:
		return stmt.BindNull(i)
	case string:
		return stmt.BindText(i, v)
	case int:
		return stmt.BindInt(i, v)
	case int64:
		return stmt.BindInt64(i, v)
	case float64:
		return stmt.BindFloat(i, v)
	case bool:
		return stmt.BindBool(i, v)
	case time.Time:
		return stmt.BindRawText(i, appendTimestamp(nil, v))
	case json.RawMessage:
		return stmt.BindRawText(i, v)
	case []byte:
		return stmt.BindBlob(i, v)
	}
	return fmt.Errorf("%T is not a value for SQL", value)
}
