package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// page is how a proxy refuses.
func page(w http.ResponseWriter, status int) {
	w.Header().Set("Server", "nginx")
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = w.Write([]byte("<html><head><title>No</title></head></html>"))
}

func TestARefusalThatIsNotAMsSaysWhatCameAndFromWhere(t *testing.T) {
	for status, c := range map[int]struct {
		forbidden bool
		hint      string
	}{
		401: {false, "requires its own sign-in"},
		403: {true, "does not pass that path"},
		404: {true, "does not pass that path"},
		407: {true, "a proxy requires a name and a password"},
		500: {false, ""},
	} {
		server := can(t, func(w http.ResponseWriter, s *seen) {
			if strings.Contains(s.URL.Path, "global-config") {
				page(w, status)
				return
			}
			well(w, s)
		})
		client := server.client(t, rest.Config{API: "4.0", Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
		_, err := client.ListCap(t.Context())
		want := "(text/html from nginx at " + strings.TrimPrefix(server.URL, "http://") + ", not AM's JSON)"
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), c.hint) {
			t.Errorf("%d: %v, want %s and %q", status, err, want, c.hint)
		}
		if rest.IsForbidden(err) != c.forbidden || rest.IsNotFound(err) || rest.IsUnauthorized(err) {
			t.Errorf("%d: forbidden %v, not found %v, unauthorized %v", status, rest.IsForbidden(err), rest.IsNotFound(err), rest.IsUnauthorized(err))
		}
		if n := server.times("authenticate"); n != 1 {
			t.Errorf("%d: %d sign-ins, want 1", status, n)
		}
	}
}

// A proxy's 404 for a list of sessions does not mean that the realm does not exist, nor does one for the version mean that AM has none.
func TestAProxys404IsNeitherARealmNorAVersionThatIsMissing(t *testing.T) {
	server := can(t, func(w http.ResponseWriter, s *seen) {
		if strings.HasSuffix(s.URL.Path, "/sessions") {
			page(w, 404)
			return
		}
		well(w, s)
	})
	client := server.client(t, rest.Config{Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
	if version, err := client.API(t.Context()); err == nil || !strings.Contains(err.Error(), "text/html from nginx") {
		t.Errorf("the version is %q, %v; want an error that says what came", version, err)
	}
}

func TestTheHostNameThatAMKnowsIsSent(t *testing.T) {
	for _, profile := range []string{"openam", "pingam-8.1"} {
		server, err := simulator.New(simulator.Options{Profile: profile, Deployments: []string{"host-name"}})
		check(t, err)
		nameless := clientOf(t, server, rest.Config{})
		for what, err := range map[string]error{
			"sign-in":    nameless.SignIn(t.Context()),
			"serverinfo": func() error { _, err := nameless.ServerInfo(t.Context()); return err }(),
		} {
			if err == nil || !strings.Contains(err.Error(), "set host (AM_HOST)") || !strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("%s: %s: %v, want an error that names host", profile, what, err)
			}
		}
		named := clientOf(t, server, rest.Config{Host: "am.example.com"})
		if info, err := named.SessionInfo(t.Context(), ""); err != nil || info.Username != "amadmin" {
			t.Errorf("%s: by its name: %+v, %v", profile, info, err)
		}
	}
	for _, host := range []string{"https://am.example.com", "am.example.com/am", "a b", "a@b"} {
		_, err := rest.New(rest.Config{BaseURL: "https://10.0.0.1/am", Host: host, Credentials: rest.SSOToken("x")})
		if err == nil || !strings.Contains(err.Error(), "must be a host name") {
			t.Errorf("host %q: %v", host, err)
		}
	}
}
