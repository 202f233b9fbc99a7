package am_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A planner is a model of how PostgreSQL plans joins with a foreign table of the FDW. There is a parameterised path for
// each key column, and for each key column combined with each other column. PostgreSQL assumes that a path checks all
// join conditions with its outer tables, but the FDW checks only those on the path's own columns.
//
// Sources: steampipe-postgres-fdw v2, query.c (findPaths) and types/pathkeys.go.
type planner struct {
	columns []table.Column
	keys    []string
}

// paths returns the columns that each path of the table checks. A path without columns leaves all conditions to
// PostgreSQL.
func (p planner) paths() (paths [][]string) {
	paths = append(paths, nil)
	for _, key := range p.keys {
		paths = append(paths, []string{key})
		for _, c := range p.columns {
			if !slices.Contains(p.keys, c.Name) {
				paths = append(paths, []string{key, c.Name})
			}
		}
	}
	return paths
}

// dropped returns the join conditions that nobody checks on a path.
func dropped(path, join []string) (conditions []string) {
	possible := path != nil && !slices.ContainsFunc(path, func(column string) bool { return !slices.Contains(join, column) })
	for _, column := range join {
		if possible && !slices.Contains(path, column) {
			conditions = append(conditions, column)
		}
	}
	return conditions
}

// unchecked returns the joins on two or three conditions of which PostgreSQL drops one.
func (p planner) unchecked() (joins []string) {
	for i := range p.columns {
		for j := range i {
			for k := range j + 1 { // if k is j, the join has two conditions
				join := slices.Compact([]string{p.columns[i].Name, p.columns[j].Name, p.columns[k].Name})
				for _, path := range p.paths() {
					if lost := dropped(path, join); lost != nil {
						joins = append(joins, fmt.Sprintf("%v by %v without %v", join, path, lost))
					}
				}
			}
		}
	}
	return joins
}

func TestPostgresDropsNoConditionOfAJoin(t *testing.T) {
	sim, url := server(t, simulator.Options{})
	config := asAdministrator(t, sim, url)
	h := newPluginHost(t, config)
	for _, of := range definedTables(t) {
		if lost := (planner{of.Columns(), h.keys(t, of.Name())}).unchecked(); lost != nil {
			t.Errorf("%s: PostgreSQL drops conditions of %d joins, as of %s", of.Name(), len(lost), lost[0])
		}
	}
	// This is why base_url is not a connection key column of the SDK: joins on it and two other columns would lose a
	// condition.
	if (planner{definedTables(t)[0].Columns(), []string{"base_url"}}).unchecked() == nil {
		t.Error("with base_url as a key column the model drops no condition")
	}
	// The model finds what was measured: joins of sessions with identities on realm, name and more.
	sessions := definedTables(t)[0]
	if (planner{sessions.Columns(), newPluginHostOf(t, am.PluginOfExporter, config).keys(t, sessions.Name())}).unchecked() == nil {
		t.Error("with key columns the model drops no condition")
	}
}

// keys returns the key columns that a table declares. The SDK adds sp_connection_name.
func (h pluginHost) keys(t *testing.T, name string) (keys []string) {
	t.Helper()
	response, err := h.server.GetSchema(&proto.GetSchemaRequest{Connection: connectionName})
	must(t, err)
	for _, key := range response.GetSchema().GetSchema()[name].GetListCallKeyColumnList() {
		if !slices.Contains(sdkColumns, key.GetName()) {
			keys = append(keys, key.GetName())
		}
	}
	return keys
}

// Whichever of a join's conditions are pushed down, and whether their values are known or sent as "?", the rows contain
// all that match the whole condition.
func TestRowsForAPartOfTheConditionsContainAllThatMatch(t *testing.T) {
	sim, url := server(t, simulator.Options{Realms: 3, Users: 12, Sessions: 40, ListCap: 1_000_000})
	h := newPluginHost(t, asAdministrator(t, sim, url))
	for _, of := range definedTables(t) {
		columns := slices.DeleteFunc(of.Columns(), func(c table.Column) bool { return c.Type != table.Text })
		keys, answers := h.keys(t, of.Name()), map[string][]row{}
		ask := func(pushed map[string][]string) []row { // sends each question only once, even if several pairs of columns need it
			key := fmt.Sprint(pushed)
			if _, asked := answers[key]; !asked {
				rows, err := h.ask(t.Context(), question{table: of.Name(), columns: columnNames(of), keys: pushed})
				must(t, err)
				answers[key] = rows
			}
			return answers[key]
		}
		all := ask(nil)
		for i, a := range columns {
			for _, b := range columns[:i] {
				for _, outer := range all[:min(3, len(all))] {
					first, _ := outer[a.Name].(string)
					second, _ := outer[b.Name].(string)
					matching := func(rows []row) (count int) {
						for _, r := range rows {
							if r[a.Name] == first && r[b.Name] == second {
								count++
							}
						}
						return count
					}
					questions := []map[string][]string{{a.Name: {first}}, {b.Name: {second}}}
					if slices.Contains(keys, a.Name) || slices.Contains(keys, b.Name) { // the SDK ignores conditions on two other columns
						questions = append(questions, map[string][]string{a.Name: {first}, b.Name: {second}},
							map[string][]string{a.Name: {"?"}, b.Name: {second}}, map[string][]string{a.Name: {first}, b.Name: {"?"}})
					}
					for _, pushed := range questions {
						if rows := ask(pushed); matching(rows) < matching(all) {
							t.Errorf("%s with %v pushed down gives %d rows with %s = %q and %s = %q, want %d",
								of.Name(), pushed, matching(rows), a.Name, first, b.Name, second, matching(all))
						}
					}
				}
			}
		}
	}
}

// The exporter does not filter rows, so its tables must return exactly the rows asked for. The SQLite extension applies
// LIMIT before it sorts.
func TestHostsThatLeaveMoreToThePlugin(t *testing.T) {
	sim, url := server(t, simulator.Options{Realms: 2, ListCap: 1_000_000})
	logIn(t, sim, "/alpha", "anna", "berta", "anna", "?")
	logIn(t, sim, "/bravo", "anna", "carla")
	config := asAdministrator(t, sim, url)
	export := newPluginHostOf(t, am.PluginOfExporter, config)
	for _, c := range []struct {
		question
		want int
	}{
		{question{username: []string{"anna"}}, 3},
		{question{username: []string{"anna", "carla", "nobody"}, columns: []string{"session_handle"}}, 4},
		{question{username: []string{"ANNA", "anna"}, realm: []string{"/alpha"}}, 2},
		{question{username: []string{"?"}}, 1},
		{question{username: []string{"anna"}, realm: []string{"/alpha", "/bravo"}, limit: 2}, 2},
		{question{table: "am_user", username: []string{"anna"}, columns: []string{"realm"}}, 3}, // the realms have the same identities
		{question{table: "am_user", username: []string{"anna", "berta"}, realm: []string{"/alpha"}, columns: []string{"username", "realm"}}, 2},
	} {
		if rows, err := export.ask(t.Context(), c.question); err != nil || len(rows) != c.want {
			t.Errorf("the exporter gets %d rows for %s (%v), want %d", len(rows), c.sql(), err, c.want)
		}
	}
	sqlite := newPluginHostOf(t, am.PluginOfSQLite, config)
	if rows, err := sqlite.ask(t.Context(), question{realm: []string{"/alpha"}, limit: 4}); err != nil || len(rows) != 4 {
		t.Errorf("the SQLite extension gets %d of 4 rows with limit 4 (%v)", len(rows), err)
	}
	if rows, err := sqlite.ask(t.Context(), question{realm: []string{"/alpha"}, limit: 3}); err == nil || len(rows) > 0 {
		t.Errorf("the SQLite extension gets %d of 4 rows with limit 3, and they may be the wrong ones", len(rows))
	}
}
