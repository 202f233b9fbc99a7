package inventory_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// inventoryBehind returns an inventory of a simulated server whose answers a handler changes, signed in as its
// administrator.
func inventoryBehind(t *testing.T, server *simulator.Server, options inventory.Options, handler http.HandlerFunc) *inventory.Inventory {
	t.Helper()
	web := httptest.NewServer(handler)
	name, password := server.Admin()
	client, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), Credentials: rest.Password{Username: name, Password: password}})
	must(t, err)
	t.Cleanup(func() {
		must(t, client.Close(context.Background()))
		web.Close()
	})
	return inventory.New(client, options)
}
