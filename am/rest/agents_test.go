package rest_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// An account without the privilege gets 403 for one list of agents and an empty answer for the other, which must not be
// taken for no agents.
func TestAgentsAreListedOrTheAccountMayNotTell(t *testing.T) {
	two := map[string]bool{"webagent": true, "o'brien": true}
	for name, c := range map[string]struct {
		profile string
		broken  bool // OpenAM fails to list agents because one profile is incomplete
		demo    bool // whether an ordinary user asks
		realm   string
		want    map[string]bool // nil: an error
	}{
		"OpenAM":                               {realm: "/alpha", want: two},
		"no agents":                            {realm: "/bravo", want: map[string]bool{}},
		"the root of OpenAM":                   {realm: "/", want: map[string]bool{"agentauth": true, "wsp": true, "wsc": true, "securitytokenservice": true}},
		"PingAM":                               {profile: "pingam-8.1", realm: "/alpha", want: two},
		"an incomplete profile":                {realm: "/alpha", broken: true, want: two},
		"an incomplete profile, and no others": {realm: "/bravo", broken: true},
		"no right":                             {realm: "/alpha", demo: true},
		"no such realm":                        {realm: "/none"},
	} {
		server, err := simulator.New(simulator.Options{Profile: c.profile, Realms: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, agent := range []string{"WebAgent", "webagent", "o'brien"} {
			if _, err := server.LoginAgent("/alpha", agent); err != nil {
				t.Fatal(err)
			}
		}
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c.broken && strings.HasSuffix(r.URL.Path, "/realm-config/agents") {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			server.ServeHTTP(w, r)
		}))
		user, password := server.Admin()
		if c.demo {
			user, password = "demo", "changeit"
		}
		client, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), Credentials: rest.Password{Username: user, Password: password}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := client.AgentNames(t.Context(), c.realm)
		if (err != nil) != (c.want == nil) || !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
		if err := client.Close(context.Background()); err != nil {
			t.Error(err)
		}
		web.Close()
	}
}
