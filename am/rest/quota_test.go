package rest_test

import (
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// If the quota is one session per user, two runs with the same account end each other's sessions.
func TestTwoRunsThatEndEachOthersSessionsAreTold(t *testing.T) {
	server, err := simulator.New(simulator.Options{Deployments: []string{"quota-1"}})
	check(t, err)
	runs := []*rest.Client{clientOf(t, server, rest.Config{}), clientOf(t, server, rest.Config{})}
	var failures []error
	for range 20 {
		for _, run := range runs {
			if _, err := run.ListCap(t.Context()); err != nil {
				failures = append(failures, err)
			}
		}
	}
	if len(failures) == 0 || !strings.Contains(failures[0].Error(), "the quota may be 1") || !strings.Contains(failures[0].Error(), `"amadmin"`) {
		t.Fatalf("%d failures: %v; want one that names the quota", len(failures), failures)
	}
	signIns := 0
	for _, r := range server.Requests() {
		if strings.HasSuffix(r.Path, "/authenticate") {
			signIns++
		}
	}
	if signIns > 6 {
		t.Errorf("%d sign-ins in all, want at most 3 of each", signIns)
	}
}

// If sessions end from time to time, they are renewed without a notice, however many there are.
func TestALostSessionIsRenewed(t *testing.T) {
	server, err := simulator.New(simulator.Options{})
	check(t, err)
	client := clientOf(t, server, rest.Config{})
	for range 2 {
		own, err := client.OwnSession(t.Context())
		check(t, err)
		_, err = client.LogoutByHandle(t.Context(), "", []string{own.Handle})
		check(t, err)
	}
	if _, err := client.ListCap(t.Context()); err != nil {
		t.Errorf("after two lost sessions: %v", err)
	}
}

func TestABlankAtTheEndOfAPasswordIsSaid(t *testing.T) {
	server, err := simulator.New(simulator.Options{})
	check(t, err)
	user, password := server.Admin()
	for _, c := range []struct{ user, password, says string }{
		{user, password + " ", "password begins or ends with a space"},
		{user, "\t" + password, "password begins or ends with a space"},
		{user + "\u00a0", password, "username begins or ends with a space"},
		{user, "wrong", "check username and password"},
	} {
		err := clientOf(t, server, rest.Config{Credentials: rest.Password{Username: c.user, Password: c.password}}).SignIn(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), password) {
			t.Errorf("%q, %q: %v, want %s", c.user, c.password, err, c.says)
		}
	}
}

func TestAnOldServerIsSaidToBeOneOfEitherFamily(t *testing.T) {
	server, err := simulator.New(simulator.Options{Deployments: []string{"sessions-1.2"}})
	check(t, err)
	client := clientOf(t, server, rest.Config{})
	for name, ask := range map[string]func() error{
		"the list": func() error {
			_, err := firstError(client.Sessions(t.Context(), rest.SessionQuery{Realm: "/"}))
			return err
		},
		"getSessionInfo": func() error { _, err := client.SessionInfo(t.Context(), ""); return err },
	} {
		if err := ask(); err == nil || !strings.Contains(err.Error(), "sessions 1.2") || !strings.Contains(err.Error(), "openam-jp") || strings.Contains(err.Error(), "use validate") {
			t.Errorf("%s: %v, want an error that names the families", name, err)
		}
	}
}

func TestABlankThatBelongsToAPasswordArrives(t *testing.T) {
	for _, deployments := range [][]string{nil, {"no-zero-page"}} {
		server, err := simulator.New(simulator.Options{Realms: 1, Deployments: deployments})
		check(t, err)
		check(t, server.AddUser("/alpha", "bert", " cange it "))
		client := clientOf(t, server, rest.Config{Realm: "/alpha", Credentials: rest.Password{Username: "bert", Password: " cange it "}})
		check(t, client.SignIn(t.Context()))
	}
}
