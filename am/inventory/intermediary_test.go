package inventory_test

import (
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// If a proxy refuses a request, amsql continues as it does for an account without the privilege, and a notice names the
// answer and its source.
func TestWhatAProxyRefusesIsDoneWithout(t *testing.T) {
	for _, status := range []string{"403", "404", "407"} {
		for sessions, complete := range map[int]bool{5: true, 30: false} {
			server, err := simulator.New(simulator.Options{Realms: 1, Deployments: []string{"proxy-" + status}})
			must(t, err)
			must(t, server.AddUser("/alpha", "bjensen", "changeit"))
			for range sessions {
				_, err := server.Login("/alpha", "bjensen")
				must(t, err)
			}
			var notices []string
			user, password := server.Admin()
			inv := directoryOf(t, server, rest.Password{Username: user, Password: password}, inventory.Options{Notify: func(n string) { notices = append(notices, n) }})
			rows := 0
			err = nil
			for _, failure := range inv.Sessions(t.Context(), inventory.Query{Realms: []string{"/alpha"}}) {
				if err = failure; err == nil {
					rows++
				}
			}
			switch {
			case complete && (err != nil || rows != sessions):
				t.Errorf("%s: %d of %d sessions, %v", status, rows, sessions, err)
			case !complete && (err == nil || !strings.Contains(err.Error(), status) || !strings.Contains(err.Error(), "text/html from nginx at 127.0.0.1:")):
				t.Errorf("%s: %d of %d sessions, %v; want an error that says what came instead of the identities", status, rows, sessions, err)
			}
			for r, err := range inv.Realms(t.Context(), nil) {
				if must(t, err); r.Path != "/" {
					t.Errorf("%s: realm %s, want / alone", status, r.Path)
				}
			}
			if all := strings.Join(notices, "\n"); !strings.Contains(all, "/json/global-config/realms returned "+status) || !strings.Contains(all, "text/html from nginx at 127.0.0.1:") {
				t.Errorf("%s: the notices are %q", status, notices)
			}
		}
	}
}

// If AM lists a realm, a 404 for it means that something else is missing, not that the realm has no sessions.
func TestARealmThatAMListsIsNotMissing(t *testing.T) {
	server, err := simulator.New(simulator.Options{Realms: 1})
	must(t, err)
	user, password := server.Admin()
	var notices []string
	inv := directoryOf(t, server, rest.Password{Username: user, Password: password}, inventory.Options{Notify: func(n string) { notices = append(notices, n) }})
	for realm, says := range map[string]string{"/alpha": "realm /alpha: the session query in realm /alpha failed: ", "/nosuch": ""} {
		must(t, server.SetFaults("404:path=/sessions:action=query"))
		err = nil
		for _, failure := range inv.Sessions(t.Context(), inventory.Query{Realms: []string{realm}}) {
			err = failure
		}
		if (err == nil) != (says == "") || err != nil && !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%s: %v, want %q", realm, err, says)
		}
	}
	if all := strings.Join(notices, "\n"); !strings.HasPrefix(all, `there is no realm "/nosuch"`) || len(notices) != 1 {
		t.Errorf("the notices are %q", notices)
	}
}
