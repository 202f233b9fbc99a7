package rest_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A token can be sent in a header with the session cookie's name, or as that cookie. If both are sent, the cookie
// determines the caller, but the request fails if the header does not agree.
func aCookieBeatsAHeader(w *world) {
	name, err := w.CookieName(w.Context())
	w.must(err)
	token := w.login(w.prefix + "both")
	for what, c := range map[string]struct {
		cookie, header string
		want           int
	}{
		"a header":                         {"", token, 200},
		"a cookie":                         {token, "", 200},
		"a good cookie and a bad header":   {token, "garbage", 403}, // the cookie's user is the caller, who may not ask about the header's token
		"a bad cookie and a good header":   {"garbage", token, 401},
		"a cookie among others":            {token + "; amlbcookie=01; AWSALB=x", "", 200},
		"the first of two cookies is good": {token + "; " + name + "=garbage", "", 200},
		"the first of two cookies is bad":  {"garbage; " + name + "=" + token, "", 401},
	} {
		request, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.address+"/json/realms/root/sessions?_action=getSessionInfo", strings.NewReader("{}"))
		w.must(err)
		request.Header.Set("Accept-API-Version", "protocol=1.0,resource=2.0")
		request.Header.Set("Content-Type", "application/json")
		if c.cookie != "" {
			request.Header.Set("Cookie", name+"="+c.cookie)
		}
		if c.header != "" {
			request.Header.Set(name, c.header)
		}
		response, err := http.DefaultClient.Do(request)
		w.must(err)
		_ = response.Body.Close() // only the status matters
		if response.StatusCode != c.want {
			w.Errorf("%s: %d, want %d", what, response.StatusCode, c.want)
		}
	}
}

func TestHostNamesOnTheSimulator(t *testing.T) {
	server, err := simulator.New(simulator.Options{Deployments: []string{"host-name"}})
	check(t, err)
	listener := httptest.NewServer(server)
	defer listener.Close()
	user, password := server.Admin()
	checkHostNames(t, listener.URL+server.ContextPath(), "am.example.com", user, password)
}

func TestOpenAMHostNames(t *testing.T) {
	address := os.Getenv("AMSQL_OPENAM_URL")
	if address == "" {
		t.Skip("needs a real OpenAM: make openam-test")
	}
	checkHostNames(t, address, "", os.Getenv("AMSQL_OPENAM_USERNAME"), os.Getenv("AMSQL_OPENAM_PASSWORD"))
}

// checkHostNames sends requests for a host name that the server knows, and for another.
func checkHostNames(t *testing.T, address, known, user, password string) {
	client := func(host string) *rest.Client {
		c, err := rest.New(rest.Config{BaseURL: address, Host: host, Credentials: rest.Password{Username: user, Password: password}})
		check(t, err)
		t.Cleanup(func() { _ = c.Close(t.Context()) }) // after the test
		return c
	}
	good, bad := client(known), client("unknown.example.net:8080")
	if info, err := good.SessionInfo(t.Context(), ""); err != nil || info.Username != user {
		t.Errorf("by its name: %+v, %v", info, err)
	}
	check(t, good.Close(t.Context()))
	_, err := bad.ServerInfo(t.Context())
	for what, c := range map[string]struct {
		err  error
		says string
	}{
		"a path without a realm": {err, `FQDN "unknown.example.net" is not valid.`},
		"a path with a realm":    {client("unknown.example.net:8080").SignIn(t.Context()), "is not valid."},
	} {
		if !rest.IsHostRefused(c.err) || !strings.Contains(c.err.Error(), c.says) || !strings.Contains(c.err.Error(), "AM_HOST") {
			t.Errorf("%s: %v, want a refusal that says %s", what, c.err, c.says)
		}
	}
	named, err := rest.New(rest.Config{BaseURL: address, Host: "unknown.example.net", CookieName: "iPlanetDirectoryPro", Credentials: rest.Password{Username: user, Password: password}})
	check(t, err)
	if err := named.SignIn(t.Context()); !rest.IsHostRefused(err) || !strings.Contains(err.Error(), `Realm "unknown.example.net" not found`) {
		t.Errorf("a sign-in in a realm: %v, want a refusal that takes the name for a realm's alias", err)
	}
}
