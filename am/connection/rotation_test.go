package connection

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestARotatedSecretInAFileNeedsNoRestart(t *testing.T) {
	clearEnvironment(t)
	server, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	defer web.Close()
	file := filepath.Join(t.TempDir(), "token")
	write := func() (token string) {
		s, err := server.Login("/", "amadmin")
		if err == nil {
			err = os.WriteFile(file, []byte(s.Token+"\n"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s.Token
	}
	first := write()
	c, err := Open("am", Config{BaseURL: pointer(web.URL + server.ContextPath()), SSOToken: pointer("file:" + file)}, Host{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Client().OwnSession(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Client().Logout(t.Context(), "", first); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Client().OwnSession(t.Context()); !rest.IsUnauthorized(err) {
		t.Errorf("with the old token: %v, want a 401", err)
	}
	write()
	if _, err := c.Client().OwnSession(t.Context()); err != nil {
		t.Errorf("with the new token: %v", err)
	}
}
