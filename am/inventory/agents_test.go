package inventory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A realm with an agent (two sessions), a user of the same name (one), and others: AM finds the user alone by the name.
func TestSessionsOfAgentsAreFoundWhetherNamedOrNot(t *testing.T) {
	for name, c := range map[string]struct {
		listCap, others int
		ask             []string
		found           int
		want            inventory.Completeness
		reason          string
		requests        int64 // of sessions
	}{
		"an agent":                              {listCap: 120, ask: []string{"WebAgent"}, found: 2, want: inventory.Complete, requests: 2},
		"an agent and a user of one name":       {listCap: 120, ask: []string{"both"}, found: 3, want: inventory.Complete, requests: 2},
		"several":                               {listCap: 120, ask: []string{"webagent", "both", "demo", "nobody"}, found: 6, want: inventory.Complete, requests: 5},
		"nobody":                                {listCap: 120, ask: []string{"nobody"}, found: 0, want: inventory.Complete, requests: 2},
		"nobody, as far as a cut list shows":    {listCap: 9, others: 9, ask: []string{"nobody"}, found: 0, want: inventory.ByUser, reason: `if "nobody" is one`, requests: 2},
		"a user without sessions, and cut":      {listCap: 9, others: 9, ask: []string{"idle"}, found: 0, want: inventory.Complete, requests: 2},
		"an agent in a cut list":                {listCap: 9, others: 9, ask: []string{"webagent"}, found: 2, want: inventory.Truncated, reason: `agents such as "webagent"`, requests: 2},
		"a user of the list, and cut":           {listCap: 9, others: 9, ask: []string{"demo"}, found: 1, want: inventory.Complete, requests: 2},
		"a user, where lists may be long":       {listCap: 50_000, ask: []string{"demo", "idle"}, found: 1, want: inventory.Complete, requests: 2},
		"an agent, where lists may be long":     {listCap: 50_000, ask: []string{"webagent"}, found: 2, want: inventory.Complete, requests: 2},
		"no user, where lists may be long":      {listCap: 50_000, ask: []string{"nobody"}, found: 0, want: inventory.Complete, requests: 2},
		"a realm that holds as many as a store": {listCap: 5000, others: 94, ask: []string{"nobody"}, found: 0, want: inventory.ByUser, reason: `if "nobody" is one`, requests: 2},
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

// 138 sessions of agents fill the list: what is behind the cap is people's, and other agents'.
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
