package am_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// united are the tables of several simulated AMs, by name.
func united(t *testing.T, options ...simulator.Options) (map[string]table.Table, []*connection.Connection) {
	t.Helper()
	var members []*connection.Connection
	for i, o := range options {
		sim, url := server(t, o)
		c, err := connection.Open([]string{"east", "west", "north"}[i], asAdministrator(t, sim, url), connection.Host{})
		must(t, err)
		members = append(members, c)
	}
	tables := map[string]table.Table{}
	for _, source := range am.Union(members) {
		tables[source.Name()] = source
	}
	return tables, members
}

func TestUnionHasTheRowsOfAllMembersAndTellsThemApart(t *testing.T) {
	options := simulator.Options{Realms: 2, Users: 20, Sessions: 300, ListCap: 1000}
	tables, members := united(t, options, options, options)
	for name, source := range tables {
		base := slices.IndexFunc(source.Columns(), func(c table.Column) bool { return c.Name == "base_url" })
		if base < 0 {
			t.Errorf("%s has no base_url", name)
			continue
		}
		rows := map[any]int{}
		for row, err := range source.Rows(t.Context(), table.Query{}) {
			must(t, err)
			rows[source.Cell(row, base)]++
		}
		for _, m := range members {
			alone := 0
			for _, of := range am.Tables(m) {
				if of.Name() != name {
					continue
				}
				for _, err := range of.Rows(t.Context(), table.Query{}) {
					must(t, err)
					alone++
				}
			}
			if rows[m.BaseURL()] != alone {
				t.Errorf("%s has %d rows of %s, which alone has %d", name, rows[m.BaseURL()], m.Name(), alone)
			}
		}
	}
}

func TestUnionAsksItsMembersSideBySide(t *testing.T) {
	const latency = 200 * time.Millisecond
	options := simulator.Options{Realms: 1, Latency: latency}
	alone, _ := united(t, options)
	three, _ := united(t, options, options, options)
	var took [2]time.Duration
	for i, source := range []table.Table{alone["am_session"], three["am_session"]} {
		start := time.Now()
		for _, err := range source.Rows(t.Context(), table.Query{}) {
			must(t, err)
		}
		took[i] = time.Since(start)
	}
	if took[0] < latency || took[1] > 2*took[0] {
		t.Errorf("one member takes %s, three take %s", took[0], took[1])
	}
}

func TestUnionStopsAllMembersAtTheFirstErrorOrWhenNoMoreRowsAreWanted(t *testing.T) {
	healthy := simulator.Options{Realms: 2, Users: 20, Sessions: 300, ListCap: 1000}
	broken := healthy
	broken.Faults = []string{"403:action=query"}
	tables, _ := united(t, healthy, broken)
	var last error
	for _, err := range tables["am_session"].Rows(t.Context(), table.Query{}) {
		if last != nil {
			t.Fatalf("after the error %v there is more", last)
		}
		last = err
	}
	if last == nil || !strings.HasPrefix(last.Error(), "connection west: ") {
		t.Errorf("the error is %v, want one of connection west", last)
	}

	tables, members := united(t, healthy, healthy)
	count := 0
	for _, err := range tables["am_session"].Rows(t.Context(), table.Query{}) {
		must(t, err)
		if count++; count == 3 {
			break
		}
	}
	var errs []error
	for _, m := range members {
		errs = append(errs, m.Close(t.Context())) // waits for nobody
	}
	must(t, errors.Join(errs...))
}
