package rest_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// clientOf returns a client of a simulated server, signed in as its administrator unless the configuration says
// otherwise.
func clientOf(t *testing.T, server *simulator.Server, config rest.Config) *rest.Client {
	t.Helper()
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	config.BaseURL = web.URL + server.ContextPath()
	if config.Credentials == nil {
		user, password := server.Admin()
		config.Credentials = rest.Password{Username: user, Password: password}
	}
	c, err := rest.New(config)
	check(t, err)
	t.Cleanup(func() { check(t, c.Close(context.Background())) })
	return c
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
