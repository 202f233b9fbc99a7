package am_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestStatementAsksForTheFieldsOfItsColumns(t *testing.T) {
	sim, address := server(t, simulator.Options{Realms: 1, Users: 10, Sessions: 50})
	h := newEngineHost(t, asAdministrator(t, sim, address))
	for _, c := range []struct{ sql, fields string }{
		{"select count(*) from am_session", "sessionHandle,username"},
		{"select realm, count(*) from am_session group by realm", "sessionHandle,username"},
		{"select username from am_session where realm = '/alpha'", "sessionHandle,username"},
		{"select max(latest_access_time) from am_session", "latestAccessTime,sessionHandle,username"},
		{"select title from am_session where username = 'demo'", "sessionHandle,universalId,username sessionHandle,username"},
		{"select realm from am_session where username = 'demo'", "sessionHandle,universalId,username sessionHandle,username"},
		{"select properties from am_session", ""},
		{"select creation_time from am_session", ""},
		{"select client_ip, auth_level from am_session where username = 'demo'", ""},
		{"select session_type from am_session", "sessionHandle,username"},
		{"select * from am_session", ""},
		// The last one, because it stops early, and the server may log the request that it abandons late.
		{"select exists (select 1 from am_session)", "sessionHandle,username"},
	} {
		sim.ResetRequests()
		rows, err := h.db.Query(t.Context(), c.sql)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
		}
		if err := rows.Close(); err != nil {
			t.Errorf("%s: %v", c.sql, err)
		}
		var asked []string
		for _, r := range sim.Requests() {
			if parameters, err := url.ParseQuery(r.Query); err == nil && strings.HasSuffix(r.Path, "/sessions") && r.Action == "query" {
				asked = append(asked, parameters.Get("_fields"))
			}
		}
		if got := strings.Join(slices.Compact(slices.Sorted(slices.Values(asked))), " "); got != c.fields {
			t.Errorf("%s asks for the fields %q, want %q", c.sql, got, c.fields)
		}
	}
}
