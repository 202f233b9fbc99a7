package am

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin/context_key"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

func TestPluginSignsOutAfterItsLastScan(t *testing.T) {
	withoutEnvironment(t)
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// The server runs outside of the bubble. It closes its connections, because time would not advance while one is
	// open.
	s := httptest.NewUnstartedServer(sim)
	s.Config.SetKeepAlivesEnabled(false)
	s.Start()
	t.Cleanup(s.Close)
	user, password := sim.Admin()
	config := connection.Config{BaseURL: new(s.URL + sim.ContextPath()), Username: &user, Password: &password}
	synctest.Test(t, func(t *testing.T) {
		ctx := context.WithValue(t.Context(), context_key.Logger, hclog.NewNullLogger())
		open := &pool{host: served}
		for _, step := range []struct {
			wait     time.Duration
			query    bool
			sessions int // number of the administrator's sessions
		}{
			{wait: 0, query: true, sessions: 1},
			{wait: served.grace - time.Millisecond, sessions: 1},
			{wait: 0, query: true, sessions: 1},
			{wait: served.grace - time.Millisecond, sessions: 1}, // time since the latest query
			{wait: 2 * time.Millisecond, sessions: 0},
			{wait: time.Hour, query: true, sessions: 1},
			{wait: served.grace + time.Millisecond, sessions: 0},
			{wait: 0, query: true, sessions: 1},
		} {
			time.Sleep(step.wait)
			synctest.Wait()
			if step.query {
				query(ctx, t, open, config)
			}
			if got := sessionsOf(sim, user); got != step.sessions {
				t.Errorf("after %s (query: %t) there are %d sessions of the plugin, want %d", step.wait, step.query, got, step.sessions)
			}
		}
		open.signOut() // as when its process ends
		if got := sessionsOf(sim, user); got != 0 {
			t.Errorf("after its end there are %d sessions of the plugin", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx := context.WithValue(t.Context(), context_key.Logger, hclog.NewNullLogger())
		open := &pool{host: embedded}
		for range 3 {
			query(ctx, t, open, config)
			if got := sessionsOf(sim, user); got != 0 {
				t.Errorf("after a query of a process that can end at any time there are %d sessions of the plugin", got)
			}
		}
	})
}

// If a scan began while its connection signs out, it could send the token that the sign-out ends.
func TestAScanAndTheSignOutOfAnIdleConnectionDoNotMeet(t *testing.T) {
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	signsOut, mayEnd := make(chan bool, 2), make(chan bool)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("_action") == "logout" {
			signsOut <- true
			select {
			case <-mayEnd:
			case <-r.Context().Done():
			}
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	user, password := sim.Admin()
	config := connection.Config{BaseURL: new(s.URL + sim.ContextPath()), Username: &user, Password: &password}
	ctx := context.WithValue(t.Context(), context_key.Logger, hclog.NewNullLogger())
	open := &pool{host: served}
	query(ctx, t, open, config)
	c := open.open["am"]

	end := c.begin()
	c.rest() // its timer fired when the scan began
	if got := sessionsOf(sim, user); got != 1 {
		t.Errorf("while a scan is under way there are %d sessions of the plugin", got)
	}
	end()

	began := make(chan func(), 1)
	go c.rest()
	<-signsOut
	go func() { began <- c.begin() }()
	select {
	case end = <-began:
		t.Error("a scan began before the sign-out had ended")
		close(mayEnd)
	case <-time.After(200 * time.Millisecond):
		close(mayEnd)
		end = <-began
	}
	end()
	c.idle.Stop()
	if got := sessionsOf(sim, user); got != 0 {
		t.Errorf("after the sign-out there are %d sessions of the plugin", got)
	}
}

// withoutEnvironment hides the AM_… variables of the user who runs the test.
func withoutEnvironment(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AM_") {
			t.Setenv(name, "")
		}
	}
}

func query(ctx context.Context, t *testing.T, open *pool, config connection.Config) {
	t.Helper()
	c, err := open.connection(ctx, &plugin.Connection{Name: "am", Config: config})
	if err != nil {
		t.Fatal(err)
	}
	defer c.begin()()
	for _, err := range sessionTable.rows(ctx, c.Connection, table.Query{Columns: []string{"username"}}) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func sessionsOf(sim *simulator.Server, user string) int {
	return len(slices.DeleteFunc(sim.Sessions(), func(s simulator.Session) bool { return s.Username != user }))
}
