package openamtest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// Protocol 1.0 leaves out _rev, which differs in every answer.
const (
	configAPI   = "protocol=1.0,resource=1.0"
	sessionsAPI = "protocol=1.0,resource=2.0"
	usersAPI    = "protocol=1.0,resource=2.0"
)

// For all of the following, creating something that exists is not an error: the tests of several packages share a
// server, and OpenAM's embedded store has the same users in all realms.

// CreateRealm creates the last realm of the path, such as /alpha/nested.
func (a *Admin) CreateRealm(ctx context.Context, realm string) error {
	return unlessThere(a.configure(ctx, request{
		method: http.MethodPost,
		path:   "global-config/realms",
		query:  url.Values{"_action": {"create"}},
		body:   map[string]any{"name": path.Base(realm), "parentPath": path.Dir(realm), "active": true, "aliases": []string{}},
	}))
}

// DeleteRealm deletes a realm. Its sessions stay valid and listed.
func (a *Admin) DeleteRealm(ctx context.Context, realm string) error {
	id := base64.RawURLEncoding.EncodeToString([]byte(realm))
	return a.admin(ctx, configAPI, request{method: http.MethodDelete, path: "global-config/realms/" + id}, nil)
}

// DeactivateRealm prevents users from logging in to a realm below the root. Its sessions stay.
func (a *Admin) DeactivateRealm(ctx context.Context, realm string) error {
	id := base64.RawURLEncoding.EncodeToString([]byte(realm))
	return a.configure(ctx, request{
		method: http.MethodPut,
		path:   "global-config/realms/" + id,
		body:   map[string]any{"name": path.Base(realm), "parentPath": path.Dir(realm), "active": false, "aliases": []string{}},
	})
}

// CreateUser creates an active user who can log in with the password.
func (a *Admin) CreateUser(ctx context.Context, realm, name, password string) error {
	create := func() error {
		return a.admin(ctx, usersAPI, request{
			method: http.MethodPost,
			path:   realmPath(realm) + "/users/",
			query:  url.Values{"_action": {"create"}},
			body:   map[string]string{"username": name, "userpassword": password},
		}, nil)
	}
	err := create()
	for range restartChecks {
		if !storeRestarts(err) {
			break
		}
		time.Sleep(restartPause)
		err = create()
	}
	return unlessThere(err)
}

// restartChecks and restartPause limit the wait for an identity store that OpenAM is restarting.
const restartChecks, restartPause = 20, 100 * time.Millisecond

// storeRestarts reports whether a user could not be created because OpenAM was restarting the realm's identity store.
// OpenAM does so shortly after it has created the realm, at a time that no other answer shows. Requests that use the
// store at that moment fail with 404 and, in some cases, the text of an exception (OpenAM 16.0.5: 2 of 150 users that
// were created concurrently).
func storeRestarts(err error) bool {
	var e *StatusError
	return errors.As(err, &e) && e.Status == http.StatusNotFound &&
		(strings.Contains(e.Body, `"message":"Not Found"`) || strings.Contains(e.Body, "CachedConnectionPool is already closed"))
}

// CreateUsers creates several users, some of them concurrently.
func (a *Admin) CreateUsers(ctx context.Context, realm, password string, names ...string) error {
	return each(ctx, len(names), func(ctx context.Context, i int) error { return a.CreateUser(ctx, realm, names[i], password) })
}

// CreateAgent creates the profile of a web agent.
func (a *Admin) CreateAgent(ctx context.Context, realm, name, password string) error {
	return unlessThere(a.admin(ctx, usersAPI, request{
		method: http.MethodPost,
		path:   realmPath(realm) + "/agents/",
		query:  url.Values{"_action": {"create"}},
		body: map[string]any{
			"username": name, "userpassword": password, "agenttype": []string{"WebAgent"},
			"serverurl": "http://am.example.com:8080/am", "agenturl": "http://agent.example.com:80",
		},
	}, nil))
}

// DisableUser prevents a user from logging in. Their sessions stay valid and listed. Names are as for DeleteUser.
func (a *Admin) DisableUser(ctx context.Context, realm, name string) error {
	return a.admin(ctx, usersAPI, request{
		method: http.MethodPut,
		path:   realmPath(realm) + "/users/" + url.PathEscape(name),
		body:   map[string]any{"inetUserStatus": []string{"Inactive"}},
	}, nil)
}

// DeleteUser deletes a user. Their sessions stay valid and listed. Tomcat refuses a slash or backslash in the name.
func (a *Admin) DeleteUser(ctx context.Context, realm, name string) error {
	return a.admin(ctx, usersAPI, request{method: http.MethodDelete, path: realmPath(realm) + "/users/" + url.PathEscape(name)}, nil)
}

// CreateWhitelist makes these names, and no others, the session properties that the realm returns.
func (a *Admin) CreateWhitelist(ctx context.Context, realm string, names ...string) error {
	return a.putService(ctx, realm, "amSessionPropertyWhitelist", map[string]any{"sessionPropertyWhitelist": names})
}

// AddSessionService gives the realm its own session limits, in minutes and sessions per user. They apply to new logins.
func (a *Admin) AddSessionService(ctx context.Context, realm string, maxIdle, maxSession, quota int) error {
	return a.putService(ctx, realm, "session", map[string]any{"dynamic": map[string]int{
		"maxIdleTime": maxIdle, "maxSessionTime": maxSession, "quotaLimit": quota, "maxCachingTime": 3,
	}})
}

// SetClientSide makes the realm's new sessions client-side, or server-side.
func (a *Admin) SetClientSide(ctx context.Context, realm string, clients bool) error {
	return a.configure(ctx, request{
		method: http.MethodPut,
		path:   realmPath(realm) + "/realm-config/authentication",
		body:   map[string]any{"general": map[string]bool{"statelessSessionsEnabled": clients}},
	})
}

// putService adds the service to the realm, or changes it if it exists.
func (a *Admin) putService(ctx context.Context, realm, service string, settings any) error {
	r := request{
		method: http.MethodPost,
		path:   realmPath(realm) + "/realm-config/services/" + service,
		query:  url.Values{"_action": {"create"}},
		body:   settings,
	}
	err := a.configure(ctx, r)
	if hasStatus(err, http.StatusConflict) {
		r.method, r.query = http.MethodPut, nil
		err = a.configure(ctx, r)
	}
	return err
}

const globalSessionService = "global-config/services/session"

// ListCap returns the maximum number of sessions that AM lists.
func (a *Admin) ListCap(ctx context.Context) (int, error) {
	var service struct {
		Search struct{ MaxSessionListSize int }
	}
	err := a.admin(ctx, configAPI, request{method: http.MethodGet, path: globalSessionService}, &service)
	return service.Search.MaxSessionListSize, err
}

// SetListCap changes the cap and returns when the change is in effect.
func (a *Admin) SetListCap(ctx context.Context, n int) error {
	err := a.configure(ctx, request{
		method: http.MethodPut,
		path:   globalSessionService,
		body:   map[string]any{"search": map[string]int{"maxSessionListSize": n}},
	})
	if err != nil {
		return err
	}
	// The new setting can be read immediately, but queries have used the old cap for up to 0.12 s.
	return settle(ctx)
}

// Sessions returns the rows that AM lists for a realm, oldest first, truncated at the list cap.
func (a *Admin) Sessions(ctx context.Context, realm string) ([]map[string]any, error) {
	return a.sessions(ctx, "realm eq "+quoted(realm))
}

// SessionsOf returns the rows that AM lists for one user of a realm.
func (a *Admin) SessionsOf(ctx context.Context, realm, user string) ([]map[string]any, error) {
	return a.sessions(ctx, "realm eq "+quoted(realm)+" and username eq "+quoted(user))
}

func (a *Admin) sessions(ctx context.Context, filter string) ([]map[string]any, error) {
	var reply struct {
		Result      []map[string]any
		ResultCount int
	}
	err := a.admin(ctx, sessionsAPI, request{
		method: http.MethodGet,
		path:   "sessions",
		query:  url.Values{"_queryFilter": {filter}},
	}, &reply)
	if err == nil && len(reply.Result) != reply.ResultCount {
		err = fmt.Errorf("sessions with %s: %d rows, but resultCount %d", filter, len(reply.Result), reply.ResultCount)
	}
	return reply.Result, err
}

// quoted quotes a string for a CREST filter without our own printer, which is one of the things to test.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// admin sends the request as the administrator.
func (a *Admin) admin(ctx context.Context, api string, r request, reply any) error {
	header := map[string]string{"Accept-API-Version": api, a.CookieName: a.Token}
	maps.Copy(header, r.header)
	r.header = header
	return a.do(ctx, r, reply)
}

// configure sends a change that can be sent again. Sometimes OpenAM makes the change but answers 500, because it is
// still reloading its service schemas after the previous change.
func (a *Admin) configure(ctx context.Context, r request) error {
	for try := 1; ; try++ {
		err := a.admin(ctx, configAPI, r, nil)
		if try == 3 || !hasStatus(err, http.StatusInternalServerError) {
			return err
		}
		if err := settle(ctx); err != nil {
			return err
		}
	}
}

// settle gives the server time to apply a change.
func settle(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(400 * time.Millisecond):
		return nil
	}
}
