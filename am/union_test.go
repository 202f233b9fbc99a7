package am_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// united returns the tables of several simulated AMs, by name.
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

// Each member answers its first list of sessions only when all members have been asked for theirs.
func TestUnionAsksItsMembersSideBySide(t *testing.T) {
	var members []*connection.Connection
	var asked atomic.Int32
	all := make(chan struct{})
	for _, name := range []string{"east", "west", "north"} {
		sim, err := simulator.New(simulator.Options{Realms: 1})
		must(t, err)
		var first sync.Once
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/sessions") {
				first.Do(func() {
					if asked.Add(1) == 3 {
						close(all)
					}
					select {
					case <-all:
					case <-time.After(20 * time.Second):
						t.Errorf("%s is asked, and %d of 3", name, asked.Load())
					}
				})
			}
			sim.ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		c, err := connection.Open(name, asAdministrator(t, sim, s.URL+sim.ContextPath()), connection.Host{})
		must(t, err)
		members = append(members, c)
	}
	for _, err := range table.Named(am.Union(members), "am_session").Rows(t.Context(), table.Query{}) {
		must(t, err)
	}
	if asked.Load() != 3 {
		t.Errorf("%d members are asked", asked.Load())
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
		errs = append(errs, m.Close(t.Context())) // does not wait for others
	}
	must(t, errors.Join(errs...))
}
