package connection

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestOnlyAnAttendedSignInAsks(t *testing.T) {
	clearEnvironment(t)
	server, err := simulator.New(simulator.Options{Deployments: []string{"otp"}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	defer web.Close()
	user, password := server.Admin()
	asked := 0
	c, err := Open("am", Config{BaseURL: pointer(web.URL + server.ContextPath()), Username: &user, Password: &password}, Host{
		Ask: func(context.Context, string) (string, error) { asked++; return "wrong", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, ctx := range []context.Context{Unattended(t.Context()), t.Context()} {
		if err := c.Client().SignIn(ctx); err == nil || !strings.Contains(err.Error(), "totp_secret") {
			t.Errorf("%v, want an error that names totp_secret", err)
		}
		if asked != i {
			t.Errorf("it has asked %d times, want %d", asked, i)
		}
	}
}
