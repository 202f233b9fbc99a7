package rest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestAClientSetToAVersionThatIsNotThereSaysSoAndSignsOut(t *testing.T) {
	server, err := simulator.New(simulator.Options{})
	check(t, err)
	web := httptest.NewServer(server)
	defer web.Close()
	before := len(server.Sessions())
	user, password := server.Admin()
	c, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), API: "4.0", Credentials: rest.Password{Username: user, Password: password}})
	check(t, err)
	if err := c.TryAPI(t.Context()); !rest.IsNotFound(err) {
		t.Errorf("4.0 of OpenAM: %v, want 404", err)
	}
	check(t, c.Close(t.Context()))
	if after := len(server.Sessions()); after != before {
		t.Errorf("%d sessions before, %d after", before, after)
	}
}

func TestAnUnrepeatedRequestIsSentOnce(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer web.Close()
	c, err := rest.New(rest.Config{BaseURL: web.URL, Credentials: rest.AccessToken("t")})
	check(t, err)
	if _, err := c.ServerInfo(rest.WithoutRetries(t.Context())); err == nil || c.Requests() != 1 {
		t.Errorf("%d requests, %v, want one and its error", c.Requests(), err)
	}
}
