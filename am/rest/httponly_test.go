package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// HttpOnly session cookies are the default of PingAM 8 and an option of OpenAM 16.1.
func TestTheTokenOfAnHttpOnlyCookieSignsInAndOut(t *testing.T) {
	for _, profile := range []string{"openam", "am-7", "pingam-8.1", "aic"} {
		server, err := simulator.New(simulator.Options{Profile: profile, Deployments: []string{"httponly"}})
		check(t, err)
		before := len(server.Sessions())
		client := clientOf(t, server, rest.Config{})
		if info, err := client.OwnSession(t.Context()); err != nil || info.Username != "amadmin" {
			t.Errorf("%s: signed in as %+v, %v, want amadmin", profile, info, err)
		}
		if now := len(server.Sessions()); now != before+1 {
			t.Errorf("%s: %d sessions before and %d after the sign-in, want one more", profile, before, now)
		}
		check(t, client.Close(t.Context()))
		if after := len(server.Sessions()); after != before {
			t.Errorf("%s: %d sessions before and %d after the sign-out", profile, before, after)
		}
	}
}

// setsCookies returns a healthy server's answer to a login, with these cookies and no token in the body.
func setsCookies(cookies ...string) func(http.ResponseWriter, *seen) {
	return func(w http.ResponseWriter, s *seen) {
		if s.action() != "authenticate" {
			well(w, s)
			return
		}
		for _, cookie := range cookies {
			w.Header().Add("Set-Cookie", cookie)
		}
		reply(w, 200, `{"successUrl":"/am/console","realm":"/"}`)
	}
}

func TestASignInWithoutATokenIsAnErrorOfItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		cookies    []string
		cookieName string // as configured
		want       string
	}{
		"no cookie":                   {nil, "", "its cookies: none"},
		"another cookie":              {[]string{"amlbcookie=01; Path=/", "other=" + newToken}, "", "its cookies: amlbcookie, other"},
		"a cookie taken back":         {[]string{"iPlanetDirectoryPro=LOGOUT; Max-Age=0"}, "", "its cookies: none"},
		"an empty cookie":             {[]string{"iPlanetDirectoryPro="}, "", "its cookies: none"},
		"a cookie_name of old":        {[]string{"iPlanetDirectoryPro=" + newToken}, "amSession", `in a cookie named "amSession"`},
		"a cookie_name and no cookie": {nil, "amSession", "its cookies: none"},
	} {
		server := can(t, setsCookies(c.cookies...))
		client := server.client(t, rest.Config{API: "4.0", CookieName: c.cookieName, Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
		err := client.SignIn(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "cookie_name") || strings.Contains(err.Error(), newToken) {
			t.Errorf("%s: %v, want an error with %s, cookie_name and no token", name, err, c.want)
		}
	}
}

// The server knows the name of its cookie better than the configuration does, so the session can be ended.
func TestASignInByAWrongCookieNameLeavesNoSession(t *testing.T) {
	server, err := simulator.New(simulator.Options{Profile: "pingam-8.1", Deployments: []string{"httponly"}})
	check(t, err)
	before := len(server.Sessions())
	client := clientOf(t, server, rest.Config{CookieName: "amSession"})
	if err := client.SignIn(t.Context()); err == nil || !strings.Contains(err.Error(), "cookie_name") {
		t.Errorf("%v, want an error that names cookie_name", err)
	}
	if after := len(server.Sessions()); after != before {
		t.Errorf("%d sessions before and %d after", before, after)
	}
}

func TestTheSessionCookieOfASignInIsNotSentBack(t *testing.T) {
	server := can(t, setsCookies("iPlanetDirectoryPro="+newToken+"; HttpOnly", "amlbcookie=01", "other=1"))
	client := server.client(t, rest.Config{API: "4.0", Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
	_, err := client.SessionInfo(t.Context(), targetToken)
	check(t, err)
	s := server.last()
	if got := s.Header.Get("iPlanetDirectoryPro"); got != newToken {
		t.Errorf("the session header is %q, want %q", got, newToken)
	}
	if got := s.Header.Get("Cookie"); got != "amlbcookie=01; other=1" {
		t.Errorf("the cookies are %q, want those that are no credentials", got)
	}
}

// Depending on where the answer contains the token, a wrong cookie_name shows in the first request, or only when
// signing out.
func TestATokenUnderAWrongCookieNameLeavesNoSession(t *testing.T) {
	for _, ask := range []bool{true, false} {
		server, err := simulator.New(simulator.Options{})
		check(t, err)
		before := len(server.Sessions())
		client := clientOf(t, server, rest.Config{CookieName: "amSession"})
		check(t, client.SignIn(t.Context()))
		if ask {
			if _, err := client.ListCap(t.Context()); err == nil || !strings.Contains(err.Error(), `set cookie_name to "iPlanetDirectoryPro"`) {
				t.Errorf("%v, want an error that names the cookie", err)
			}
		}
		check(t, client.Close(t.Context()))
		if after := len(server.Sessions()); after != before {
			t.Errorf("%d sessions before and %d after", before, after)
		}
	}
}
