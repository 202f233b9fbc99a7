package inventory_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A realm with an agent (two sessions), a user of the same name (one session), and others. By that name, AM only finds
// the user's session.
func TestSessionsOfAgentsAreFoundWhetherNamedOrNot(t *testing.T) {
	for name, c := range map[string]struct {
		listCap, others int
		ask             []string
		found           int
		want            inventory.Completeness
		reason          string
		requests        int64 // requests for sessions
	}{
		"an agent":                              {listCap: 120, ask: []string{"WebAgent"}, found: 2, want: inventory.Complete, requests: 2},
		"an agent and a user of one name":       {listCap: 120, ask: []string{"both"}, found: 3, want: inventory.Complete, requests: 2},
		"several":                               {listCap: 120, ask: []string{"webagent", "both", "demo", "nobody"}, found: 6, want: inventory.Complete, requests: 5},
		"nobody":                                {listCap: 120, ask: []string{"nobody"}, found: 0, want: inventory.Complete, requests: 2},
		"nobody, as far as a cut list shows":    {listCap: 9, others: 9, ask: []string{"nobody"}, found: 0, want: inventory.ByUser, reason: `if "nobody" is an agent`, requests: 2},
		"a user without sessions, and cut":      {listCap: 9, others: 9, ask: []string{"idle"}, found: 0, want: inventory.Complete, requests: 2},
		"an agent in a cut list":                {listCap: 9, others: 9, ask: []string{"webagent"}, found: 2, want: inventory.Truncated, reason: `agents such as "webagent"`, requests: 2},
		"a user of the list, and cut":           {listCap: 9, others: 9, ask: []string{"demo"}, found: 1, want: inventory.Complete, requests: 2},
		"a user, where lists may be long":       {listCap: 50_000, ask: []string{"demo", "idle"}, found: 1, want: inventory.Complete, requests: 2},
		"an agent, where lists may be long":     {listCap: 50_000, ask: []string{"webagent"}, found: 2, want: inventory.Complete, requests: 2},
		"no user, where lists may be long":      {listCap: 50_000, ask: []string{"nobody"}, found: 0, want: inventory.Complete, requests: 2},
		"a realm that holds as many as a store": {listCap: 5000, others: 94, ask: []string{"nobody"}, found: 0, want: inventory.ByUser, reason: `if "nobody" is an agent`, requests: 2},
	} {
		server, err := simulator.New(simulator.Options{ListCap: c.listCap, Seed: 1})
		must(t, err)
		must(t, server.AddRealm("/alpha"))
		for _, agent := range []string{"WebAgent", "WebAgent", "both", "both"} {
			_, err := server.LoginAgent("/alpha", agent)
			must(t, err)
		}
		for _, user := range []string{"idle", "both", "other"} {
			must(t, server.AddUser("/", user, "changeit"))
		}
		logins := append([]string{"both", "demo"}, slices.Repeat([]string{"other"}, c.others)...)
		for _, user := range logins {
			_, err := server.Login("/alpha", user)
			must(t, err)
		}
		realms, err := evidenceOf(t, store{server: server}, inventory.Options{OnTruncation: inventory.Warn}, inventory.Query{Realms: []string{"/alpha"}, Usernames: c.ask})
		must(t, err)
		r := realms["/alpha"]
		if r.Rows != int64(c.found) || r.Completeness != c.want || !strings.Contains(r.Reason, c.reason) || r.Requests != c.requests {
			t.Errorf("%s: %d sessions, %s, %q, %d requests; want %+v", name, r.Rows, r.Completeness, r.Reason, r.Requests, c)
		}
	}
}

// 138 sessions of agents fill the list. Those beyond the cap are people's, and other agents'.
func TestAgentsThatFillTheListLeaveTheRealmCut(t *testing.T) {
	server := populated(t, 120, 1, map[string]int{"/alpha": 0})
	for i := range 138 {
		_, err := server.LoginAgent("/alpha", fmt.Sprintf("agent%d", i%40))
		must(t, err)
	}
	must(t, server.AddUser("/", "anna", "changeit"))
	_, err := server.Login("/alpha", "anna")
	must(t, err)
	realms, err := evidenceOf(t, store{server: server}, inventory.Options{}, inventory.Query{Realms: []string{"/alpha"}})
	if r := realms["/alpha"]; err == nil || r.Completeness != inventory.Truncated || r.Rows != 121 || !strings.Contains(err.Error(), "but not by name") {
		t.Errorf("%d sessions, %s: %v", r.Rows, r.Completeness, err)
	}
}

// An agent has the name of a user who was created later, and its sessions are beyond the cap, so no list contains them.
// Only the agent's profile shows that they may be missing.
func TestAnAgentWithTheNameOfAUserBehindTheCapIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		listCap, lookups int
		blind            bool // whether the account may not read profiles
		ask              []string
		found            int64 // number of sessions found
		want             inventory.Completeness
		reason           string
		profiles         int // number of requests for the list of profiles
	}{
		"the agent's name":                  {listCap: 9, lookups: 1, ask: []string{"both"}, found: 1, want: inventory.ByUser, reason: `"both" is also an agent, and some of its sessions may be missing`, profiles: 1},
		"a user's":                          {listCap: 9, lookups: 1, ask: []string{"other"}, found: 8, want: inventory.Complete, profiles: 1},
		"one after the other":               {listCap: 9, lookups: 60, ask: []string{"other"}, found: 8, want: inventory.Complete, profiles: 1},
		"several at once":                   {listCap: 9, lookups: 1, ask: []string{"other", "BOTH"}, found: 9, want: inventory.ByUser, reason: `"BOTH" is also an agent`, profiles: 1},
		"no right to tell":                  {listCap: 9, lookups: 3, blind: true, ask: []string{"other"}, found: 8, want: inventory.ByUser, reason: `if "other" is also an agent`, profiles: 1},
		"a list that is not cut":            {listCap: 120, lookups: 2, blind: true, ask: []string{"both"}, found: 2, want: inventory.Complete},
		"lists that may be long":            {listCap: 50_000, lookups: 2, ask: []string{"both"}, found: 2, want: inventory.Complete, profiles: 1},
		"lists that may be long, of a user": {listCap: 50_000, lookups: 2, ask: []string{"other"}, found: 8, want: inventory.Complete, profiles: 1},
		"such lists, and no right to tell":  {listCap: 50_000, lookups: 2, blind: true, ask: []string{"other"}, found: 8, want: inventory.ByUser, reason: `if "other" is also an agent`, profiles: 1},
	} {
		server, err := simulator.New(simulator.Options{ListCap: c.listCap, Seed: 1})
		must(t, err)
		must(t, server.AddRealm("/alpha"))
		must(t, server.AddUser("/", "other", "changeit"))
		for range 8 {
			_, err := server.Login("/alpha", "other")
			must(t, err)
		}
		_, err = server.Login("/alpha", "demo")
		must(t, err)
		_, err = server.LoginAgent("/alpha", "Both")
		must(t, err)
		must(t, server.AddUser("/", "both", "changeit"))
		_, err = server.Login("/alpha", "both")
		must(t, err)

		profiles := 0
		behind := store{server: server, blind: c.blind}
		inv := inventoryBehind(t, server, inventory.Options{OnTruncation: inventory.Warn}, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/realm-config/agents") {
				profiles++
			}
			behind.ServeHTTP(w, r)
		})
		var statement inventory.Statement
		var evidence []*inventory.RealmScan
		for range c.lookups {
			for _, err := range inv.Sessions(t.Context(), inventory.Query{Realms: []string{"/alpha"}, Usernames: c.ask, Statement: &statement, Evidence: &evidence}) {
				must(t, err)
			}
		}
		r := evidence[0]
		if r.Rows != c.found || r.Completeness != c.want || !strings.Contains(r.Reason, c.reason) || profiles != c.profiles {
			t.Errorf("%s: %d sessions, %s, %q, profiles asked for %d times; want %+v", name, r.Rows, r.Completeness, r.Reason, profiles, c)
		}
	}
}
