package rest_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestWaysRoundAreTakenAndSaid(t *testing.T) {
	for _, want := range []struct{ profile, state, logout string }{
		{"openam", "getSessionInfo", "logoutByHandle"},
		{"am-7", "validate", "logoutByHandle"},
		{"pingam-8.1", "validate", "logoutByUser"},
	} {
		t.Run(want.profile, func(t *testing.T) {
			server, err := simulator.New(simulator.Options{Profile: want.profile, Realms: 1, ListCap: 10})
			check(t, err)
			web := httptest.NewServer(server)
			defer web.Close()
			user, password := server.Admin()
			c, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), Credentials: rest.Password{Username: user, Password: password}})
			check(t, err)
			defer func() { check(t, c.Close(context.Background())) }()
			check(t, server.AddUser("/alpha", "anna", "changeit"))
			var last simulator.Session
			for range 25 { // more than a list has
				last, err = server.Login("/alpha", "anna")
				check(t, err)
			}
			before := len(server.Sessions())

			for token, valid := range map[string]bool{last.Token: true, "garbage": false} {
				state, err := c.TokenState(t.Context(), token)
				check(t, err)
				if state.Valid != valid || state.By != want.state || valid && state.Username != "anna" {
					t.Errorf("the token's state is %+v, want %v by %s", state, valid, want.state)
				}
			}
			before++ // the client's own, begun by now
			done, err := c.LogoutUser(t.Context(), "/alpha", "anna")
			check(t, err)
			if left := len(server.Sessions()); done.By != want.logout || left != before-25 {
				t.Errorf("%d sessions are left after %+v, want %d by %s", left, done, before-25, want.logout)
			}
			if want.logout == "logoutByHandle" && len(done.Handles) != 25 {
				t.Errorf("%d handles are reported, want 25", len(done.Handles))
			}
		})
	}
}

// The caller's own session outlives the end of all others of its account.
func TestLogoutOfOnesOwnUserSparesTheCaller(t *testing.T) {
	server, err := simulator.New(simulator.Options{})
	check(t, err)
	web := httptest.NewServer(server)
	defer web.Close()
	user, password := server.Admin()
	for range 3 {
		_, err := server.Login("/", user)
		check(t, err)
	}
	c, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), Credentials: rest.Password{Username: user, Password: password}})
	check(t, err)
	done, err := c.LogoutUser(t.Context(), "/", user)
	check(t, err)
	if len(done.Handles) != 3 {
		t.Errorf("%d handles are reported, want 3: %v", len(done.Handles), done.Handles)
	}
	requests := c.Requests()
	if _, err := c.SessionInfo(t.Context(), ""); err != nil || c.Requests() != requests+1 {
		t.Errorf("the caller's session has ended: %v after %d requests", err, c.Requests()-requests)
	}
	check(t, c.Close(context.Background()))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
