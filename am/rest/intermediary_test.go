package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// page sends a page like those of a proxy that refuses a request.
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

// Once AM has answered, base_url is right, so a page or a redirect comes from something in front of AM. Gateways may
// also refuse in JSON.
func TestWhatAnswersInAMsPlaceIsToldFromAM(t *testing.T) {
	for name, c := range map[string]struct {
		answer    func(w http.ResponseWriter)
		forbidden bool
		says      string
	}{
		"a login page": {func(w http.ResponseWriter) { page(w, 200) }, false, "does not pass that path"},
		"a redirect": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://login.example.com/")
			w.WriteHeader(302)
		}, false, "it redirects to https://login.example.com/, and credentials do not follow redirects: a proxy in front of AM does not pass that path"},
		"no route":        {func(w http.ResponseWriter) { reply(w, 404, `{"message":"no Route matched with those values"}`) }, true, "(application/json at 127.0.0.1:"},
		"a policy":        {func(w http.ResponseWriter) { reply(w, 403, `{"message":"Forbidden"}`) }, true, "does not pass that path"},
		"another form":    {func(w http.ResponseWriter) { reply(w, 403, `{"error":{"code":403,"status":"DENIED"}}`) }, true, "does not pass that path"},
		"a code of words": {func(w http.ResponseWriter) { reply(w, 403, `{"code":"denied","message":"No"}`) }, true, "does not pass that path"},
		"AM itself":       {func(w http.ResponseWriter) { reply(w, 403, `{"code":403,"reason":"Forbidden","message":"No"}`) }, true, "403 Forbidden (No): the account lacks the right"},
	} {
		server := can(t, func(w http.ResponseWriter, s *seen) {
			if strings.Contains(s.URL.Path, "global-config") {
				c.answer(w)
				return
			}
			well(w, s)
		})
		client := server.client(t, rest.Config{API: "4.0", Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
		_, err := client.ListCap(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "context path") {
			t.Errorf("%s: %v, want %s", name, err, c.says)
		}
		if rest.IsForbidden(err) != c.forbidden || rest.IsNotFound(err) {
			t.Errorf("%s: forbidden %v, not found %v", name, rest.IsForbidden(err), rest.IsNotFound(err))
		}
	}
}

// If a proxy answers a list of sessions with 404, that does not mean that the realm does not exist. Nor does a 404 for
// the version mean that AM has none.
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
