package rest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestASignInThatIsAbandonedLeavesNoSession(t *testing.T) {
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	admin, password := sim.Admin()
	ctx, cancel := context.WithCancel(t.Context())
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Openam-Username") != "" {
			cancel() // while AM creates the session
		}
		sim.ServeHTTP(w, r)
	}))
	defer web.Close()
	client, err := rest.New(rest.Config{
		BaseURL: web.URL + sim.ContextPath(), Credentials: rest.Password{Username: admin, Password: password},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.OwnSession(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled call gives %v", err)
	}
	if err := client.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
	for _, s := range sim.Sessions() {
		if s.Username == admin {
			t.Errorf("a session of %s is left", admin)
		}
	}
}
