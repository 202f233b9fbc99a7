package am_test

import (
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// The test in this file runs against the real OpenAM and the simulated one. Only the login of an agent differs.

func TestOpenAMAgentsAreListedFoundAndEnded(t *testing.T) {
	d := realOpenAM(t)
	agentsAreListedFoundAndEnded(t, d, func(realm, name string) {
		must(t, d.admin.CreateAgent(t.Context(), realm, name, "changeit"))
		_, err := d.admin.LoginAgent(t.Context(), realm, name, "changeit")
		must(t, err)
	})
}

func TestAgentsAreListedFoundAndEnded(t *testing.T) {
	sim, err := simulator.New(simulator.Options{})
	must(t, err)
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	user, password := sim.Admin()
	address := web.URL + sim.ContextPath()
	d := &deployment{openamtest.ConnectTo(t, address, user, password), []string{"AM_URL=" + address, "AM_USERNAME=" + user, "AM_PASSWORD=" + password}}
	agentsAreListedFoundAndEnded(t, d, func(realm, name string) {
		_, err := sim.LoginAgent(realm, name)
		must(t, err)
	})
}

// agentsAreListedFoundAndEnded uses an agent with two sessions, another with one, and a user.
func agentsAreListedFoundAndEnded(t *testing.T, d *deployment, login func(realm, name string)) {
	const realm = "/agents-of"
	d.logins(t, realm, "agents-user")
	for _, name := range []string{"webagent", "webagent", "javaagent"} {
		login(realm, name)
	}
	client, err := rest.New(rest.Config{BaseURL: d.admin.URL, Credentials: rest.SSOToken(d.admin.Token)})
	must(t, err)
	if profiles, err := client.AgentNames(t.Context(), realm); err != nil || !maps.Equal(profiles, map[string]bool{"webagent": true, "javaagent": true}) {
		t.Errorf("the realm has the agents %v: %v", profiles, err)
	}
	if rows, err := d.admin.SessionsOf(t.Context(), realm, "webagent"); err != nil || len(rows) != 0 {
		t.Errorf("the server finds %d sessions by the agent's name, want none: %v", len(rows), err)
	}
	type found struct{ Username, Kind string }
	sessions := func(where string) (all []found) {
		for _, row := range d.query(t, "select username, identity_type, max_session_expiration_time from am_session where realm = '"+realm+"'"+where) {
			all = append(all, found{row["username"].(string), row["identity_type"].(string)})
			if end := row["max_session_expiration_time"].(string); (end > "2060") != (row["identity_type"] == "agent") {
				t.Errorf("%v ends %s: sessions of agents end in decades, and of users soon", row, end)
			}
		}
		slices.SortFunc(all, func(a, b found) int { return strings.Compare(a.Username, b.Username) })
		return all
	}
	user, java, web := found{"agents-user", "user"}, found{"javaagent", "agent"}, found{"webagent", "agent"}
	expect := func(where string, want ...found) {
		t.Helper()
		if got := sessions(where); !cmp.Equal(got, want) {
			t.Errorf("%s: %s", where, cmp.Diff(want, got))
		}
	}
	expect("", user, java, web, web)
	expect(" and username = 'webagent'", web, web)
	expect(" and +username = 'WebAgent'", web, web)
	expect(" and username in ('javaagent', 'agents-user')", user, java)
	d.amsql(t, "logout", "--username", "webagent", "--realm", realm, "--yes")
	expect("", user, java)
	d.amsql(t, "query", "--allow-writes", "--yes", "delete from am_session where realm = '"+realm+"' and username = 'javaagent'")
	expect("", user)
}
