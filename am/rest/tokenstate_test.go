package rest_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestATokensStateIsToldByWhatTheServerHas(t *testing.T) {
	for profile, by := range map[string]string{"openam": "getSessionInfo", "am-5.5": "getSessionInfo", "am-7": "validate", "pingam-8.1": "validate"} {
		t.Run(profile, func(t *testing.T) {
			server, err := simulator.New(simulator.Options{Profile: profile, Realms: 1})
			check(t, err)
			var log bytes.Buffer
			c := clientOf(t, server, rest.Config{Logger: hclog.New(&hclog.LoggerOptions{Output: &log})})
			check(t, server.AddUser("/alpha", "anna", "changeit"))
			anna, err := server.Login("/alpha", "anna")
			check(t, err)
			for token, valid := range map[string]bool{anna.Token: true, "garbage": false} {
				state, err := c.TokenState(t.Context(), token)
				check(t, err)
				if state.Valid != valid || state.By != by || valid && state.Username != "anna" {
					t.Errorf("the token's state is %+v, want %v by %s", state, valid, by)
				}
			}
			if worksAround := strings.Contains(log.String(), "using the workaround"); worksAround != (by != "validate") {
				t.Errorf("the log says %q", log.String())
			}
		})
	}
}
