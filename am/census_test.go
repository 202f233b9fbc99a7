package am_test

import (
	"slices"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// The identity store lists a hundred users, but the connection says a thousand. Then every user with a session is
// looked up by name before a report may regard the account as deleted. Agents are not looked up.
func TestACensusFindsUsersThatNoListShows(t *testing.T) {
	for _, profile := range []string{"openam", "pingam-8.1"} {
		sim, url := server(t, simulator.Options{
			Profile: profile, Realms: 1, Users: 300, Sessions: 200, ListCap: 1000, UserCap: 100, Deployments: []string{"agents"},
		})
		must(t, sim.AddUser("/alpha", "leaver", "changeit"))
		logIn(t, sim, "/alpha", "leaver")
		must(t, sim.DeleteUser("/alpha", "leaver"))
		config := asAdministrator(t, sim, url)
		config.UserListCap = new(1000)
		config.Realms = []string{"/alpha"}
		c, err := connection.Open("am", config, connection.Host{})
		must(t, err)
		tables := am.Census(false, c)
		names := func(of string) map[string]int {
			found := map[string]int{}
			source := table.Named(tables, of)
			for row, err := range source.Rows(t.Context(), table.Query{Columns: []string{"username", "realm"}}) {
				must(t, err)
				found[table.Cell(source, row, "username").(string)]++
			}
			return found
		}
		sessions, before := names("am_session"), len(sim.Requests())
		users := names("am_user")
		var missing []string
		for name := range sessions {
			if users[name] == 0 {
				missing = append(missing, name)
			}
		}
		if slices.Sort(missing); !slices.Equal(missing, []string{"leaver", "webagent1", "webagent2", "webagent3"}) {
			t.Errorf("%s: %q have sessions and no identity", profile, missing)
		}
		for name, n := range users {
			if n != 1 {
				t.Errorf("%s: user %s comes %d times", profile, name, n)
			}
		}
		if asked := len(sim.Requests()) - before; asked > len(sessions)+10 {
			t.Errorf("%s: %d requests for %d names", profile, asked, len(sessions))
		}
		must(t, c.Close(t.Context()))
	}
}
