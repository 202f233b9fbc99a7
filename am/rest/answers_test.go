package rest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// lacking returns a server that answers some requests with a status, in JSON.
func lacking(t *testing.T, status int, of func(*seen) bool) (*canned, *rest.Client) {
	t.Helper()
	server := can(t, func(w http.ResponseWriter, s *seen) {
		if of(s) {
			reply(w, status, `{"reason":"so it is"}`)
			return
		}
		well(w, s)
	})
	return server, server.client(t, rest.Config{API: "4.0", Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
}

// Servers answer 404 or 501 (OpenAM at 1.2) if they lack an action.
func TestAnActionThatTheServerLacksIsUnsupported(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusNotImplemented} {
		_, client := lacking(t, status, func(s *seen) bool { return s.action() == "logoutByUser" })
		_, err := client.LogoutByUser(t.Context(), "/alpha", "bjensen")
		var lacks *rest.UnsupportedError
		if !rest.IsUnsupported(err) || !errors.As(err, &lacks) || lacks.Action != "logoutByUser" {
			t.Errorf("%d: %v, want an *UnsupportedError of logoutByUser", status, err)
		}

		server, client := lacking(t, status, func(s *seen) bool {
			return strings.HasSuffix(s.Header.Get("Accept-API-Version"), "resource=2.0") && s.action() == "getSessionInfo"
		})
		own, err := client.OwnSession(t.Context())
		if err != nil || !own.Valid || server.times("getSessionInfo") != 2 {
			t.Errorf("%d: one's own session is %+v, %v, after %d requests; want that of 4.0 after one at 2.0", status, own, err, server.times("getSessionInfo"))
		}
	}
	_, client := lacking(t, http.StatusForbidden, func(s *seen) bool { return s.action() == "logoutByUser" })
	if _, err := client.LogoutByUser(t.Context(), "/alpha", "bjensen"); rest.IsUnsupported(err) || !rest.IsForbidden(err) {
		t.Errorf("what is forbidden: %v", err)
	}
}

func TestASuccessThatIsNotJSONSaysWhatCame(t *testing.T) {
	for kind, want := range map[string]string{"": "(no content type at ", "text/plain": "(text/plain at "} {
		server := can(t, func(w http.ResponseWriter, _ *seen) {
			w.Header()["Content-Type"] = nil
			if kind != "" {
				w.Header().Set("Content-Type", kind)
			}
			_, _ = w.Write([]byte("healthy"))
		})
		client := server.client(t, rest.Config{Credentials: rest.SSOToken("a-token")})
		if _, err := client.ServerInfo(t.Context()); err == nil || !strings.Contains(err.Error(), "returned 200 OK "+want) || !strings.Contains(err.Error(), "context path") {
			t.Errorf("%q: %v, want %s", kind, err, want)
		}
	}
}

// Each wrong password counts if accounts are locked after some of them.
func TestAWrongPasswordIsSentOnceWhateverIsAsked(t *testing.T) {
	for what, ask := range map[string]func(context.Context, *rest.Client) error{
		"users": func(ctx context.Context, c *rest.Client) error {
			_, err := firstError(c.Users(ctx, rest.UserQuery{Realm: "/alpha"}))
			return err
		},
		"whether all users are listed": func(ctx context.Context, c *rest.Client) error {
			_, err := c.ListsAllUsers(ctx, "/alpha")
			return err
		},
		"sessions": func(ctx context.Context, c *rest.Client) error {
			_, err := firstError(c.Sessions(ctx, rest.SessionQuery{Realm: "/alpha"}))
			return err
		},
		"the version": func(ctx context.Context, c *rest.Client) error { _, err := c.API(ctx); return err },
		"properties": func(ctx context.Context, c *rest.Client) error {
			_, err := c.QueryProperties(ctx, "/alpha")
			return err
		},
	} {
		server := can(t, func(w http.ResponseWriter, s *seen) {
			if s.action() == "authenticate" {
				reply(w, http.StatusUnauthorized, `{"code":401,"reason":"Unauthorized","message":"Authentication Failed"}`)
				return
			}
			well(w, s)
		})
		client := server.client(t, rest.Config{Credentials: rest.Password{Username: "amadmin", Password: "wrong"}})
		if err := ask(t.Context(), client); !rest.IsUnauthorized(err) || server.times("authenticate") != 1 {
			t.Errorf("%s: %v after %d sign-ins, want a 401 after one", what, err, server.times("authenticate"))
		}
	}
}

// If a proxy prevents the account from signing in, that says nothing about the account's privileges. Calls that accept
// a refusal as an answer, such as a list of realms, must not continue.
func TestASignInThatIsKeptFromAMIsNoMissingRight(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired} {
		for kind, refuse := range map[string]func(http.ResponseWriter, int){
			"a page": page, "JSON": func(w http.ResponseWriter, status int) { reply(w, status, `{"reason":"so it is"}`) },
		} {
			server := can(t, func(w http.ResponseWriter, s *seen) {
				if s.action() == "authenticate" {
					refuse(w, status)
					return
				}
				well(w, s)
			})
			client := server.client(t, rest.Config{API: "4.0", Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
			if _, err := firstError(client.Realms(t.Context())); err == nil || rest.IsForbidden(err) || rest.IsNotFound(err) {
				t.Errorf("%s with %d: %v; forbidden %t, not found %t", kind, status, err, rest.IsForbidden(err), rest.IsNotFound(err))
			}
		}
	}
}

// IDM may reject AM's token. That does not mean that there are no users.
func TestUsersComeFromAMWhereIDMRefusesTheToken(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound} {
		server := can(t, func(w http.ResponseWriter, s *seen) {
			if strings.Contains(s.URL.Path, "/openidm/") {
				reply(w, status, `{"reason":"so it is"}`)
				return
			}
			well(w, s)
		})
		client := server.client(t, rest.Config{API: "4.0", Credentials: rest.AccessToken("a-token")})
		if n, err := firstError(client.Users(t.Context(), rest.UserQuery{Realm: "/alpha"})); n != 1 || err != nil {
			t.Errorf("%d: %d users, %v; want the one that AM has", status, n, err)
		}
	}
}

// Pages may be short, and have a cookie or none. The next one begins after the users that were already received.
func TestPagesOfUsersGoOnBehindThoseThatCame(t *testing.T) {
	const all = 2300
	names := func(from, n int) string {
		rows := make([]string, n)
		for i := range rows {
			rows[i] = fmt.Sprintf(`{"_id":"user%d","username":"user%[1]d"}`, from+i)
		}
		return strings.Join(rows, ",")
	}
	server := can(t, func(w http.ResponseWriter, s *seen) {
		q := s.URL.Query()
		from, n, cookie := 0, 500, `"second"` // a short page that another one follows
		if q.Get("_pagedResultsCookie") == "second" {
			from, n, cookie = 500, 1000, "null" // a full page without a cookie
		} else if offset := q.Get("_pagedResultsOffset"); offset != "" {
			from, _ = strconv.Atoi(offset)
			n, cookie = min(1000, all-from), "null"
		}
		switch {
		case !strings.HasSuffix(s.URL.Path, "/users"):
			well(w, s)
		case strings.Contains(q.Get("_queryFilter"), "amsql-probe"):
			reply(w, http.StatusOK, `{"result":[],"resultCount":0}`)
		default:
			reply(w, http.StatusOK, fmt.Sprintf(`{"result":[%s],"resultCount":%d,"pagedResultsCookie":%s}`, names(from, n), n, cookie))
		}
	})
	client := server.client(t, rest.Config{API: "4.0", Credentials: rest.SSOToken("a-token")})
	seen := map[string]bool{}
	for _, u := range collect(t, client.Users(t.Context(), rest.UserQuery{Realm: "/alpha"})) {
		if seen[u.ID] {
			t.Errorf("%s comes twice", u.ID)
		}
		seen[u.ID] = true
	}
	if len(seen) != all {
		t.Errorf("%d users, want %d", len(seen), all)
	}
}

// If AM answers 400, 403 or 501 for a version, it has that version. The version is reported, not the error.
func TestWhatAMRefusesAtAVersionShowsThatItHasIt(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotImplemented} {
		server := can(t, func(w http.ResponseWriter, s *seen) {
			switch version := s.Header.Get("Accept-API-Version"); {
			case s.action() != "getSessionInfo":
				well(w, s)
			case strings.HasSuffix(version, "resource=3.1"):
				reply(w, status, `{"reason":"so it is"}`)
			default:
				reply(w, http.StatusNotFound, `{"reason":"Not Found"}`)
			}
		})
		client := server.client(t, rest.Config{Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
		if version, err := client.API(t.Context()); version != "3.1" || err != nil {
			t.Errorf("%d: the version is %q, %v; want 3.1", status, version, err)
		}
	}
}

// Once the server has accepted a token, no other form of it is tried: a refusal is then about the request.
func TestWhatIsRefusedAfterTheTokenHasArrivedIsSentOnce(t *testing.T) {
	server, client := lacking(t, http.StatusForbidden, func(s *seen) bool { return s.action() == "session" })
	_, err := client.ServerVersion(t.Context())
	check(t, err)
	if _, err := client.ListCap(t.Context()); !rest.IsForbidden(err) || server.times("session") != 1 {
		t.Errorf("%v after %d requests, want a 403 after one", err, server.times("session"))
	}
}

// If the server accepts no form of a token, the error is that of the usual form.
func TestATokenThatIsTakenInNoFormHasTheFirstError(t *testing.T) {
	server := can(t, func(w http.ResponseWriter, s *seen) {
		if s.Header.Get("iPlanetDirectoryPro") != "" {
			reply(w, http.StatusUnauthorized, `{"reason":"Unauthorized"}`)
			return
		}
		reply(w, http.StatusForbidden, `{"reason":"Forbidden"}`)
	})
	client := server.client(t, rest.Config{API: "4.0", CookieName: "iPlanetDirectoryPro", Credentials: rest.SSOToken("a-token")})
	if _, err := client.ListCap(t.Context()); !rest.IsUnauthorized(err) {
		t.Errorf("%v, want the 401", err)
	}
}

func TestTheNameToLogInWithIsThatOfSessionsUnlessItIsTold(t *testing.T) {
	server := can(t, func(w http.ResponseWriter, s *seen) {
		if strings.HasSuffix(s.URL.Path, "/users") {
			reply(w, http.StatusOK, `{"result":[{"_id":"Anna"},{"_id":"b-1","username":["berta@example.com"]}],"resultCount":2}`)
			return
		}
		well(w, s)
	})
	client := server.client(t, rest.Config{API: "4.0", Credentials: rest.SSOToken("a-token")})
	users := collect(t, client.Users(t.Context(), rest.UserQuery{Realm: "/alpha"}))
	if len(users) != 2 || *users[0] != (rest.User{ID: "anna", Login: "Anna"}) || *users[1] != (rest.User{ID: "b-1", Login: "berta@example.com"}) {
		t.Errorf("the users are %+v, %+v", users[0], users[1])
	}
}

func TestLoginsDifferWhereTheDirectoryHasTwoNames(t *testing.T) {
	for profile, want := range map[string]bool{"openam": false, "pingam-8.1": true} {
		server, err := simulator.New(simulator.Options{Profile: profile})
		check(t, err)
		if differ, err := clientOf(t, server, rest.Config{}).LoginsDiffer(t.Context(), "/"); differ != want || err != nil {
			t.Errorf("%s: %t, %v; want %t", profile, differ, err, want)
		}
	}
}

func TestAQuotaThatIsNotEnforcedIsNone(t *testing.T) {
	for enforced, want := range map[string]int{"ON": 5, "OFF": 0, "": 0} {
		server := can(t, func(w http.ResponseWriter, s *seen) {
			if s.action() == "session" {
				reply(w, http.StatusOK, fmt.Sprintf(`{"quotas":{"iplanet-am-session-enable-session-constraint":%q},"dynamic":{"quotaLimit":5}}`, enforced))
				return
			}
			well(w, s)
		})
		client := server.client(t, rest.Config{API: "4.0", Credentials: rest.SSOToken("a-token")})
		if got, err := client.SessionQuota(t.Context()); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", enforced, got, err, want)
		}
	}
}
