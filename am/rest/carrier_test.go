package rest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A way is a form in which a request carries the token; drops removes what a proxy does not forward.
func TestATokenArrivesWhateverAProxyDrops(t *testing.T) {
	header := func(r *http.Request, name string) string { return r.Header.Get(name) }
	cookie := func(r *http.Request, name string) string {
		for _, c := range r.Cookies() {
			if c.Name == name {
				return c.Value
			}
		}
		return ""
	}
	for name, c := range map[string]struct {
		cookieName string
		taken      func(r *http.Request, name string) string // where AM looks for a token
		refusals   int                                       // number of refusals before the first token is accepted
		status     int
	}{
		"a header that passes":                 {"iPlanetDirectoryPro", header, 0, 401},
		"a header that is dropped":             {"iPlanetDirectoryPro", cookie, 1, 401},
		"an underscore, which is dropped":      {"corpSSO_prod", cookie, 0, 401},
		"a dot, which is dropped":              {"am.session", cookie, 0, 401},
		"an underscore that passes, no cookie": {"corpSSO_prod", header, 1, 401},
		"a server that takes nobody for 403":   {"iPlanetDirectoryPro", cookie, 1, 403},
	} {
		refused := 0
		server := can(t, func(w http.ResponseWriter, s *seen) {
			switch {
			case s.action() == "authenticate" || s.action() == "*":
				well(w, s)
			case header(s.Request, c.cookieName) != "" && cookie(s.Request, c.cookieName) != "":
				t.Errorf("%s: a request has the token twice", name)
			case c.taken(s.Request, c.cookieName) != newToken:
				refused++
				reply(w, c.status, `{"code":401,"reason":"Unauthorized","message":"Access Denied"}`)
			default:
				well(w, s)
			}
		})
		client := server.client(t, rest.Config{API: "4.0", CookieName: c.cookieName, Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
		for range 3 {
			if _, err := client.SessionInfo(t.Context(), targetToken); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		check(t, client.Close(t.Context()))
		if refused != c.refusals || server.times("authenticate") != 1 || server.times("logout") != 1 {
			t.Errorf("%s: %d refusals, %d sign-ins, %d sign-outs; want %d, 1, 1", name, refused, server.times("authenticate"), server.times("logout"), c.refusals)
		}
	}
}

func TestASessionBeganBehindAProxyIsEndedThere(t *testing.T) {
	for _, profile := range []string{"openam", "pingam-8.1"} {
		server, err := simulator.New(simulator.Options{Profile: profile, Deployments: []string{"nginx"}})
		check(t, err)
		before := len(server.Sessions())
		client := clientOf(t, server, rest.Config{})
		check(t, client.SignIn(t.Context()))
		if now := len(server.Sessions()); now != before+1 {
			t.Errorf("%s: %d sessions before and %d after the sign-in", profile, before, now)
		}
		check(t, client.Close(t.Context()))
		if after := len(server.Sessions()); after != before {
			t.Errorf("%s: %d sessions before and %d after the sign-out", profile, before, after)
		}
	}
}

func TestCookiesAreSentBackUnlessTheyAreCredentials(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for name, c := range map[string]struct {
		set  []string
		want string
	}{
		"AM's own":                       {[]string{"amlbcookie=01; Path=/; HttpOnly"}, "amlbcookie=01"},
		"AM's own under another name":    {[]string{"corplb=03; Path=/"}, "corplb=03"},
		"a balancer's":                   {[]string{"AWSALB=pZ1/+=; Path=/", "AWSALBCORS=pZ1/+=; Path=/; SameSite=None; Secure"}, "AWSALB=pZ1/+=; AWSALBCORS=pZ1/+="},
		"the route of a servlet session": {[]string{"JSESSIONID=8B2F.node1; Path=/am"}, "JSESSIONID=8B2F.node1"},
		"the session cookie":             {[]string{"iPlanetDirectoryPro=stolen; Path=/", "IPLANETDIRECTORYPRO=stolen; Path=/"}, ""},
		"the cookie of a sign-in":        {[]string{"AMAuthCookie=" + newToken}, ""},
		"a persistent login":             {[]string{"session-jwt=x", "DProPCookie=x"}, ""},
		"a token under another name":     {[]string{"other=" + newToken, "another=*AAJTSQACMDEAAlMxAAA.*eyJ0", "third=eyJhbGciOi.eyJ.x"}, ""},
		"what is taken back":             {[]string{"a=1", "b=2", "a=LOGOUT; Max-Age=0", "b=LOGOUT; Expires=Thu, 01 Jan 1970 00:00:10 GMT"}, ""},
		"the latest of a name":           {[]string{"lb=1", "x=1", "lb=2"}, "x=1; lb=2"},
		"one that leaves no room":        {[]string{"huge=" + long, "lb=1"}, "lb=1"},
		"an empty one":                   {[]string{"lb="}, ""},
	} {
		server := can(t, func(w http.ResponseWriter, s *seen) {
			for _, cookie := range c.set {
				w.Header().Add("Set-Cookie", cookie)
			}
			well(w, s)
		})
		client := server.client(t, rest.Config{API: "4.0", Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
		for range 2 {
			if _, err := client.ServerVersion(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(server.last().Header.Values("Cookie"), "|"); got != c.want {
			t.Errorf("%s: the cookies are %q, want %q", name, got, c.want)
		}
	}
}

// A request has two cookies: the token and that of the load balancer. The token comes first, because of two cookies
// with the same name, the first counts.
func TestATokenThatIsACookieComesBeforeTheBalancers(t *testing.T) {
	server := can(t, func(w http.ResponseWriter, s *seen) {
		w.Header().Add("Set-Cookie", "AWSALB=1; Path=/")
		well(w, s)
	})
	client := server.client(t, rest.Config{API: "4.0", CookieName: "corpSSO_prod", Credentials: rest.SSOToken(fixedToken)})
	for range 2 {
		if _, err := client.ServerVersion(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	last := server.last().Header
	if want := []string{"corpSSO_prod=" + fixedToken + "; AWSALB=1"}; !slices.Equal(last.Values("Cookie"), want) || last.Get("corpSSO_prod") != "" {
		t.Errorf("the cookies are %q and the header %q, want %q and none", last.Values("Cookie"), last.Get("corpSSO_prod"), want)
	}
}
