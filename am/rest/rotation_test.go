package rest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// restartable is a server that accepts one secret at a time and can be restarted, after which earlier sessions are
// unknown. It has the versions from one on, and lists users in pages at one of two endpoints.
type restartable struct {
	*canned
	secret  atomic.Pointer[string] // the password, or the token
	life    atomic.Int32
	version atomic.Pointer[string] // version of the sessions endpoint and, with 4.0, of the users endpoint
}

func restarting(t *testing.T, secret, version string) *restartable {
	s := &restartable{}
	s.secret.Store(&secret)
	s.version.Store(&version)
	s.canned = can(t, s.answer)
	return s
}

func (c *restartable) restart(secret, version string) {
	c.secret.Store(&secret)
	c.version.Store(&version)
	c.life.Add(1)
}

func (c *restartable) token() string {
	return fmt.Sprint("session-", c.life.Load())
}

func (c *restartable) answer(w http.ResponseWriter, s *seen) {
	secret := *c.secret.Load()
	_, resource, _ := strings.Cut(s.Header.Get("Accept-API-Version"), "resource=")
	users, sessions := strings.HasSuffix(s.URL.Path, "/users"), strings.HasSuffix(s.URL.Path, "/sessions")
	switch caller := s.Header.Get("iPlanetDirectoryPro"); {
	case s.action() == "authenticate" && s.Header.Get("X-Openam-Password") == secret:
		reply(w, 200, `{"tokenId":"`+c.token()+`"}`)
	case s.action() == "*":
		well(w, s)
	case s.action() == "authenticate", caller != secret && caller != c.token():
		reply(w, http.StatusUnauthorized, `{"code":401,"reason":"Unauthorized","message":"Access Denied"}`)
	case users && resource == "4.0" && *c.version.Load() != "4.0", sessions && resource != *c.version.Load():
		reply(w, http.StatusNotFound, `{"code":404,"reason":"Not Found","message":"version"}`)
	case users:
		reply(w, 200, `{"result":[{"_id":"anna","username":"anna","uid":["anna"]}],"resultCount":1}`)
	default:
		well(w, s)
	}
}

func secretOf(kind, secret string) rest.Credentials {
	if kind == "password" {
		return rest.Password{Username: "amadmin", Password: secret}
	}
	return rest.SSOToken(secret)
}

func TestARotatedSecretIsReadAgain(t *testing.T) {
	for _, kind := range []string{"password", "token"} {
		server := restarting(t, "first", "4.0")
		var known atomic.Pointer[string]
		reading := func() (rest.Credentials, error) {
			secret := known.Load()
			if secret == nil {
				return nil, errors.New("open /run/secrets/am: no such file")
			}
			return secretOf(kind, *secret), nil
		}
		client := server.client(t, rest.Config{API: "4.0", Credentials: secretOf(kind, "first"), ReadCredentials: reading})
		ask := func() error {
			_, err := client.SessionInfo(t.Context(), targetToken)
			return err
		}
		check(t, ask())
		server.restart("second", "4.0")
		if err := ask(); !rest.IsUnauthorized(err) {
			t.Errorf("%s: while the secret cannot be read again: %v, want a 401", kind, err)
		}
		first, empty, second := "first", "", "second"
		for what, secret := range map[string]*string{"as it was": &first, "empty, as a pipe is the second time": &empty} {
			known.Store(secret)
			if err := ask(); !rest.IsUnauthorized(err) {
				t.Errorf("%s: with a secret %s: %v, want a 401", kind, what, err)
			}
		}
		known.Store(&second)
		check(t, ask())
		check(t, client.Close(t.Context()))
		server.restart("third", "4.0")
		third := "third"
		known.Store(&third)
		check(t, ask()) // after signing out
	}
}

func TestASecretThatStaysIsTriedOnce(t *testing.T) {
	server := restarting(t, "first", "4.0")
	client := server.client(t, rest.Config{API: "4.0", Credentials: rest.SSOToken("first"), ReadCredentials: func() (rest.Credentials, error) {
		return rest.SSOToken("first"), nil
	}})
	server.restart("second", "4.0")
	if _, err := client.SessionInfo(t.Context(), targetToken); !rest.IsUnauthorized(err) {
		t.Errorf("%v, want a 401", err)
	}
	if n := server.times("getSessionInfo"); n != 2 {
		t.Errorf("it was sent %d times, want once in a header and once as a cookie", n)
	}
}

// After an upgrade or a rollback, the server does not know the earlier session. With the new one, the client finds out
// again which versions the server has.
func TestWhatTheServerSpeaksIsAskedAgainAfterASignIn(t *testing.T) {
	for _, versions := range [][2]string{{"2.0", "4.0"}, {"4.0", "2.0"}, {"3.1", "4.0"}} {
		server := restarting(t, "first", versions[0])
		client := server.client(t, rest.Config{Credentials: secretOf("password", "first")})
		for i, version := range []string{versions[0], versions[0], versions[1], versions[1]} {
			if i == 2 {
				server.restart("first", version)
				_, err := client.ServerVersion(t.Context())
				check(t, err)
			}
			before := len(server.requests())
			got, err := client.API(t.Context())
			check(t, err)
			if got != version {
				t.Errorf("%v: step %d: the version is %s, want %s", versions, i, got, version)
			}
			if asked := len(server.requests()) - before; i%2 == 1 && asked != 0 {
				t.Errorf("%v: step %d: the version is asked for again", versions, i)
			}
			for _, err := range client.Users(t.Context(), rest.UserQuery{Realm: "/alpha"}) {
				check(t, err)
			}
			_, resource, _ := strings.Cut(server.last().Header.Get("Accept-API-Version"), "resource=")
			if want := map[bool]string{true: "4.0", false: "3.0"}[version == "4.0"]; resource != want {
				t.Errorf("%v: step %d: users are listed at %s, want %s", versions, i, resource, want)
			}
		}
	}
}

// In Advanced Identity Cloud, the root realm has no managed users, but the other realms do.
func TestEachRealmHasItsDirectory(t *testing.T) {
	server, err := simulator.New(simulator.Options{Profile: "aic", Realms: 2})
	check(t, err)
	id, key := server.ServiceAccount()
	for _, realms := range [][]string{{"/", "/alpha", "/bravo"}, {"/alpha", "/", "/Alpha"}} {
		client := clientOf(t, server, rest.Config{Credentials: rest.ServiceAccount{ID: id, JWK: string(key)}})
		for range 2 {
			for _, realm := range realms {
				all, err := client.ListsAllUsers(t.Context(), realm)
				if want := realm != "/"; err != nil || all != want {
					t.Errorf("of %q: in %s all users are listed: %v, %v; want %v", realms, realm, all, err, want)
				}
			}
		}
	}
}

// If a server is set up again, the name of its cookie may change.
func TestTheCookiesNameIsAskedAgainAfterASignIn(t *testing.T) {
	var name atomic.Pointer[string]
	call := func(cookie string) { name.Store(&cookie) }
	call("iPlanetDirectoryPro")
	server := can(t, func(w http.ResponseWriter, s *seen) {
		switch s.action() {
		case "*":
			reply(w, http.StatusOK, fmt.Sprintf(`{"cookieName":%q}`, *name.Load()))
		case "authenticate":
			well(w, s)
		default:
			if s.Header.Get(*name.Load()) != newToken {
				reply(w, http.StatusUnauthorized, `{"reason":"Unauthorized"}`)
				return
			}
			well(w, s)
		}
	})
	client := server.client(t, rest.Config{API: "4.0", Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
	for _, cookie := range []string{"iPlanetDirectoryPro", "corpSSO"} {
		call(cookie)
		if _, err := client.ListCap(t.Context()); err != nil {
			t.Errorf("with %s: %v", cookie, err)
		}
	}
}
