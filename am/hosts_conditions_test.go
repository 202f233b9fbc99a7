package am_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A condition is one of the conditions that a host sends for a scan.
type condition struct {
	column, operator string
	values           []string
	unknown          bool // the host sends "?", and checks the rows itself when it knows the value
}

func (c condition) qual() *proto.Qual {
	if c.unknown {
		return qual(c.column, c.operator, "?")
	}
	return qual(c.column, c.operator, c.values...)
}

// holds compares case-sensitively, as PostgreSQL does, or with folded case.
func (c condition) holds(r row, fold func(string) string) bool {
	cell := fold(fmt.Sprint(r[c.column]))
	in := slices.ContainsFunc(c.values, func(value string) bool { return fold(value) == cell })
	switch c.operator {
	case "=":
		return in
	case "<>":
		return !in
	}
	return cell < fold(c.values[0])
}

func allHold(conditions []condition, r row, fold func(string) string) bool {
	return !slices.ContainsFunc(conditions, func(c condition) bool { return !c.holds(r, fold) })
}

// isSession reports whether a row is equal to one of the server's, except for the spelling of names.
func isSession(r, want row) bool {
	return !slices.ContainsFunc(truthColumns, func(column string) bool {
		return !strings.EqualFold(fmt.Sprint(r[column]), fmt.Sprint(want[column]))
	})
}

func exact(text string) string { return text }

// Whatever conditions a host sends for one scan, the rows contain each session that matches once, and only sessions of
// the server.
func TestAnyConditionsOfOneScanGiveAllThatMatch(t *testing.T) {
	sim, url := server(t, simulator.Options{Realms: 3, ListCap: 1_000_000})
	logIn(t, sim, "/alpha", "anna", "anna", "berta", "o'brien")
	logIn(t, sim, "/bravo", "anna", "carla", "?")
	config := asAdministrator(t, sim, url)
	values := map[string][]string{
		"realm":          {"/", "/alpha", "/bravo", "/ALPHA", "/nowhere", ""},
		"username":       {"anna", "ANNA", "berta", "carla", "o'brien", "?", "nobody", "", "id=berta,ou=user,o=alpha,ou=services,dc=openam,dc=example,dc=org"},
		"session_handle": {"shandle:none"},
	}
	truth, err := newEngineHost(t, config).ask(t.Context(), question{})
	must(t, err)
	for _, of := range []struct {
		name      string
		host      host
		operators []string
		unknown   bool
	}{
		{"FDW", newPluginHost(t, config), []string{"=", "=", "=", "<>", "<"}, true},
		{"exporter", newPluginHostOf(t, am.PluginOfExporter, config), []string{"="}, false},
	} {
		random := rand.New(rand.NewPCG(1, 2))
		columns := []string{"realm", "username"}
		if of.unknown {
			columns = append(columns, "session_handle")
		}
		for range 400 {
			var conditions []condition
			q := question{}
			for range 1 + random.IntN(4) {
				c := condition{column: columns[random.IntN(len(columns))], operator: of.operators[random.IntN(len(of.operators))]}
				c.unknown = of.unknown && random.IntN(6) == 0
				for range 1 + random.IntN(3) {
					c.values = append(c.values, values[c.column][random.IntN(len(values[c.column]))])
				}
				if c.operator == "<" || c.unknown {
					c.values = c.values[:1]
				}
				conditions, q.conditions = append(conditions, c), append(q.conditions, c.qual())
			}
			rows, err := of.host.ask(t.Context(), q)
			if err != nil {
				t.Fatalf("%s: %+v: %v", of.name, conditions, err)
			}
			given := map[any]row{}
			for _, r := range rows {
				if of.unknown && !allHold(conditions, r, exact) {
					continue // PostgreSQL checks these
				}
				if given[r["session_handle"]] != nil {
					t.Fatalf("%s: %+v gives a session twice", of.name, conditions)
				}
				given[r["session_handle"]] = r
			}
			for _, want := range truth {
				r, found := given[want["session_handle"]]
				delete(given, want["session_handle"])
				switch {
				case !found && allHold(conditions, want, exact):
					t.Fatalf("%s: %+v lacks %v", of.name, conditions, want)
				case found && (!of.unknown && !allHold(conditions, r, strings.ToLower) || !isSession(r, want)):
					t.Fatalf("%s: %+v gives %v", of.name, conditions, r)
				}
			}
			if len(given) > 0 {
				t.Fatalf("%s: %+v gives sessions that there are not: %v", of.name, conditions, given)
			}
		}
	}
}
