package inventory_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// AM pages its identities, but only within what its store gives at once.
func TestPagesOfIdentitiesMayBeCutToo(t *testing.T) {
	for _, profile := range []string{"am-7", "pingam-8.1"} {
		server, err := simulator.New(simulator.Options{Profile: profile, Realms: 1, Users: 1500, Sessions: 2000, Seed: 1})
		must(t, err)
		web := httptest.NewServer(server)
		user, password := server.Admin()
		client, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), Credentials: rest.Password{Username: user, Password: password}})
		must(t, err)
		got := 0
		for _, err := range inventory.New(client, inventory.Options{}).Sessions(t.Context(), inventory.Query{Realms: []string{"/alpha"}, Fields: []string{}}) {
			must(t, err)
			got++
		}
		if got != 2000 {
			t.Errorf("%s: %d sessions, want 2000", profile, got)
		}
		must(t, client.Close(context.Background()))
		web.Close()
	}
}
