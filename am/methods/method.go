package methods

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A Method is an operation on sessions.
type Method struct {
	Name        string
	Description string
	By          []Access // the statements that run it; EXEC runs every method
	Required    []string // names of parameters
	Optional    []string
	Action      string // the name of AM's action
	Effect      Effect
	Effects     string // on the server

	columns []table.Column
	run     func(ctx context.Context, e *Terminator, args Arguments) ([][]any, error)
}

// An Access is a kind of statement on a table.
type Access struct{ Verb, Table string }

// Effect is what a method can do to sessions.
type Effect int

// A method that ends sessions uses the guards of a [Terminator].
const (
	Reads Effect = iota
	Changes
	Ends
)

// A Parameter is an argument of methods.
type Parameter struct {
	Name, Type, Description string
	list                    bool // can be repeated
}

// Parameters are the parameters of all methods.
var Parameters = []Parameter{
	{"realm", "string", "Path of a realm: `/alpha` or `alpha`. Default: all realms of the connection.", false},
	{"username", "string", "Name of a user, as in `am_session`. In Advanced Identity Cloud it is the user's UUID.", false},
	{"token_id", "string", "Token of a session. It is a credential: pass it as a parameter from a file. If it is optional and left out, the method applies to amsql's own session.", false},
	{"session_handle", "string", "Handle of a session, from `am_session`. Repeatable.", true},
	{"properties", "object", "Names and values of session properties as a JSON object of strings: `{\"theme\":\"dark\"}`.", false},
}

// Arguments are values by parameter.
type Arguments map[string][]string

func (a Arguments) one(name string) string {
	if len(a[name]) == 0 {
		return ""
	}
	return a[name][0]
}

// Find returns the method of that name, or nil.
func Find(name string) *Method {
	i := slices.IndexFunc(Methods, func(m *Method) bool { return strings.EqualFold(m.Name, name) })
	if i < 0 {
		return nil
	}
	return Methods[i]
}

// An ArgumentError means that a method does not exist or does not accept the arguments. Nothing has been sent.
type ArgumentError struct{ message string }

func (e *ArgumentError) Error() string { return e.message }

// Named returns the method of that name, or an error.
func Named(name string) (*Method, error) {
	if m := Find(name); m != nil {
		return m, nil
	}
	var names []string
	for _, m := range Methods {
		names = append(names, m.Name)
	}
	return nil, &ArgumentError{fmt.Sprintf("no method %q; the methods are %s", name, strings.Join(names, ", "))}
}

// Columns returns the columns of the method's rows.
func (m *Method) Columns() []table.Column { return m.columns }

// Check returns an error if the method does not accept the arguments.
func (m *Method) Check(args Arguments) error {
	takes := slices.Concat(m.Required, m.Optional)
	for name, values := range args {
		i := slices.IndexFunc(Parameters, func(p Parameter) bool { return p.Name == name })
		switch {
		case !slices.Contains(takes, name):
			return &ArgumentError{fmt.Sprintf("%s takes %s, not %q", m.Name, strings.Join(takes, ", "), name)}
		case len(values) > 1 && !Parameters[i].list:
			return &ArgumentError{fmt.Sprintf("%s takes one %s, not %d", m.Name, name, len(values))}
		case slices.Contains(values, ""):
			return &ArgumentError{fmt.Sprintf("%s: %s is empty", m.Name, name)}
		}
	}
	for _, name := range m.Required {
		if len(args[name]) == 0 {
			return &ArgumentError{fmt.Sprintf("%s needs %s", m.Name, name)}
		}
	}
	if err := m.checkTargets(args); err != nil {
		return err
	}
	return checkRealm(inventory.RealmPath(args.one("realm")))
}

// checkTargets refuses texts that cannot be a handle or a token, because AM would answer that their sessions have
// ended.
func (m *Method) checkTargets(args Arguments) error {
	for name, check := range map[string]func(string) error{"session_handle": CheckHandle, "token_id": CheckToken} {
		for _, value := range args[name] {
			if err := check(value); err != nil {
				return &ArgumentError{fmt.Sprintf("%s: %s: %v", m.Name, name, err)}
			}
		}
	}
	return nil
}

// checkRealm returns an error if a text cannot be a realm. AM would mistake some of these for another realm.
func checkRealm(realm string) error {
	if realm == "" || path.IsAbs(realm) && path.Clean(realm) == realm {
		return nil
	}
	return &ArgumentError{fmt.Sprintf("%q is not the path of a realm, such as /alpha", realm)}
}

// Run checks the arguments, runs the method on the connection of the terminator, and returns rows with a cell for each
// of its columns. Methods that end sessions use the guards of the terminator, and may return rows together with an
// error. In a dry run, other methods that change sessions are not sent.
func (m *Method) Run(ctx context.Context, e *Terminator, args Arguments) ([][]any, error) {
	if err := m.Check(args); err != nil {
		return nil, err
	}
	if slices.Contains(m.Optional, "token_id") && len(args["token_id"]) == 0 && !e.Client.HasSession() {
		return nil, &ArgumentError{m.Name + " needs token_id: the connection uses an access token and has no session of its own"}
	}
	if realm := args.one("realm"); realm != "" {
		args = maps.Clone(args)
		args["realm"] = []string{inventory.RealmPath(realm)}
	}
	if m.Effect == Changes && e.DryRun {
		e.notify("%s was not sent", m.Name)
		return nil, nil
	}
	rows, err := m.run(ctx, e, args)
	if err != nil && m.Effect != Ends {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	return rows, err
}
