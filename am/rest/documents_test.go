package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// example is a request and its answer, as in a vendor's documentation. If the documentation uses a realm's URL for an
// action on a token, the root realm's is accepted, too, because the token identifies the session.
type example struct {
	source  string
	api     string // the server's newest version of the sessions endpoint
	bearer  bool   // whether it uses an access token instead of a session token
	call    func(context.Context, *rest.Client) (any, error)
	want    any
	method  string
	path    string // below the context path
	version string // resource version of the request
	query   map[string]string
	body    string // body of the request
	answer  string
	status  int // status of the answer; 0 means 200
	forbids bool
}

const (
	cloudDocument = "PingOne Advanced Identity Cloud, Manage sessions over REST"
	amDocument    = "ForgeRock knowledge base a28446787"
	uuid          = "b0f30dfb-4e01-457e-a567-c258a74e4fe2"
	universalUUID = "id=" + uuid + ",ou=user,o=alpha,ou=services,ou=am-config"
	contextID     = "b9275f8c-fa83-4455-bdac-d27e8d538a8f-215815"
	demoID        = "id=demo,ou=user,dc=openam,dc=forgerock,dc=org"
	tokenOfAM     = "BXCCq...NX*1*"
	rootSessions  = "/json/realms/root/sessions"
	alphaSessions = "/json/realms/root/realms/alpha/sessions"
)

func moment(text string) time.Time {
	m, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return m
}

func cloudSession(access, idle, end string) rest.Session {
	return rest.Session{
		Username: uuid, UniversalID: universalUUID, Realm: "/alpha",
		LatestAccess: moment(access), MaxIdleExpiration: moment(idle), MaxSessionExpiration: moment(end),
	}
}

func cloudInfo(access, idle, end string) *rest.SessionInfo {
	s := cloudSession(access, idle, end)
	s.Properties = map[string]any{"AMCtxId": contextID, "AuthType": ""}
	s.TrackingID = contextID
	return &rest.SessionInfo{Valid: true, Session: s}
}

func cloudRow(handle, access, idle, end string) *rest.Session {
	s := cloudSession(access, idle, end)
	s.Handle = handle
	return &s
}

func cloudAnswer(access, idle, end string) string {
	return fmt.Sprintf(`{"username":%q,"universalId":%q,"realm":"/alpha","latestAccessTime":%q,"maxIdleExpirationTime":%q,`+
		`"maxSessionExpirationTime":%q,"properties":{"AMCtxId":%q,"AuthType":""}}`, uuid, universalUUID, access, idle, end, contextID)
}

var demoInfo = &rest.SessionInfo{Valid: true, Session: rest.Session{
	Username: "demo", UniversalID: demoID, Realm: "/", LatestAccess: moment("2019-02-25T11:08:36Z"),
	MaxIdleExpiration: moment("2019-02-25T11:38:36Z"), MaxSessionExpiration: moment("2019-02-25T12:45:10Z"), Properties: map[string]any{},
}}

const demoAnswer = `{  "username": "demo",   "universalId": "` + demoID + `",   "realm": "/",   "latestAccessTime": "2019-02-25T11:08:36Z", ` +
	`  "maxIdleExpirationTime": "2019-02-25T11:38:36Z",   "maxSessionExpirationTime": "2019-02-25T12:45:10Z",   "properties": {} }`

func minutes(n int) *int { return &n }

func infoOf(token string) func(context.Context, *rest.Client) (any, error) {
	return func(ctx context.Context, c *rest.Client) (any, error) { return c.SessionInfo(ctx, token) }
}

func refreshOf(token string) func(context.Context, *rest.Client) (any, error) {
	return func(ctx context.Context, c *rest.Client) (any, error) { return c.Refresh(ctx, token) }
}

func propertiesOf(token string) func(context.Context, *rest.Client) (any, error) {
	return func(ctx context.Context, c *rest.Client) (any, error) { return c.SessionProperties(ctx, token) }
}

func updateOf(token, name, value string) func(context.Context, *rest.Client) (any, error) {
	return func(ctx context.Context, c *rest.Client) (any, error) {
		return c.UpdateSessionProperties(ctx, token, map[string]string{name: value})
	}
}

func logoutOf(token string) func(context.Context, *rest.Client) (any, error) {
	return func(ctx context.Context, c *rest.Client) (any, error) { return c.Logout(ctx, "", token) }
}

var examples = []example{
	{
		source: cloudDocument + ", Get information about sessions", api: "4.0", bearer: true, call: infoOf("session-token"),
		method: "POST", path: rootSessions, version: "4.0", query: map[string]string{"_action": "getSessionInfo"}, body: `{"tokenId":"session-token"}`,
		answer: cloudAnswer("2024-01-12T13:49:25Z", "2024-01-12T14:19:25Z", "2024-01-12T15:49:24Z"),
		want:   cloudInfo("2024-01-12T13:49:25Z", "2024-01-12T14:19:25Z", "2024-01-12T15:49:24Z"),
	},
	{
		source: cloudDocument + ", getSessionInfoAndResetIdleTime", api: "4.0", bearer: true,
		call: func(ctx context.Context, c *rest.Client) (any, error) {
			return c.SessionInfoAndResetIdleTime(ctx, "session-token")
		},
		method: "POST", path: rootSessions, version: "4.0", query: map[string]string{"_action": "getSessionInfoAndResetIdleTime"}, body: `{"tokenId":"session-token"}`,
		answer: cloudAnswer("2024-01-12T14:18:24Z", "2024-01-12T14:48:24Z", "2024-01-12T15:49:23Z"),
		want:   cloudInfo("2024-01-12T14:18:24Z", "2024-01-12T14:48:24Z", "2024-01-12T15:49:23Z"),
	},
	{
		source: cloudDocument + ", Validate sessions, without resetting the idle time", api: "4.0", bearer: true,
		call:   func(ctx context.Context, c *rest.Client) (any, error) { return c.Validate(ctx, "session-token") },
		method: "POST", path: rootSessions, version: "4.0", query: map[string]string{"_action": "validate", "refresh": "false"}, body: `{"tokenId":"session-token"}`,
		answer: `{"valid":true,"sessionUid":"b9275f8c-fa83-4455-bdac-d27e8d538a8f-245866","uid":"` + uuid + `","realm":"/alpha"}`,
		want:   &rest.Validation{Valid: true, SessionUID: "b9275f8c-fa83-4455-bdac-d27e8d538a8f-245866", Username: uuid, Realm: "/alpha"},
	},
	{
		source: cloudDocument + ", Refresh server-side sessions", api: "4.0", bearer: true, call: refreshOf("session-token"),
		method: "POST", path: rootSessions, version: "4.0", query: map[string]string{"_action": "refresh"}, body: `{"tokenId":"session-token"}`,
		answer: `{"uid":"` + uuid + `","realm":"/alpha","idletime":0,"maxidletime":30,"maxsessiontime":120,"maxtime":6826}`,
		want:   &rest.Timeouts{Username: uuid, Realm: "/alpha", MaxIdleMinutes: 30, MaxMinutes: 120, LeftSeconds: 6826},
	},
	{
		source: cloudDocument + ", Invalidate sessions", api: "4.0", bearer: true, call: logoutOf("session-token"),
		method: "POST", path: rootSessions, version: "4.0", query: map[string]string{"_action": "logout"}, body: `{"tokenId":"session-token"}`,
		answer: `{"result": "Successfully logged out"}`, want: true,
	},
	{
		source: cloudDocument + ", Invalidate sessions, of an invalid token", api: "4.0", bearer: true, call: logoutOf("session-token"),
		method: "POST", path: rootSessions, version: "4.0", query: map[string]string{"_action": "logout"}, body: `{"tokenId":"session-token"}`,
		answer: `{"result": "Token has expired"}`, want: false,
	},
	{
		source: cloudDocument + ", Invalidate specific sessions, the list", api: "4.0", bearer: true,
		call: func(ctx context.Context, c *rest.Client) (any, error) {
			var all []*rest.Session
			for s, err := range c.Sessions(ctx, rest.SessionQuery{Realm: "/alpha", Username: uuid}) {
				if err != nil {
					return nil, err
				}
				all = append(all, s)
			}
			return all, nil
		},
		method: "GET", path: alphaSessions, version: "4.0",
		query: map[string]string{"_queryFilter": `realm eq "/alpha" and username eq "` + uuid + `"`}, // in the documentation, the terms are in reverse order
		answer: `{"result":[` +
			`{"_rev":"647523949","username":"` + uuid + `","universalId":"` + universalUUID + `","realm":"/alpha","sessionHandle":"shandle:flz3sdj5Ts…",` +
			`"latestAccessTime":"2024-01-15T07:42:42.544Z","maxIdleExpirationTime":"2024-01-15T08:12:42Z","maxSessionExpirationTime":"2024-01-15T09:31:22Z"},` +
			`{"_rev":"1074537861","username":"` + uuid + `","universalId":"` + universalUUID + `","realm":"/alpha","sessionHandle":"shandle:SZtTnGMwnG…",` +
			`"latestAccessTime":"2024-01-15T07:44:00.670Z","maxIdleExpirationTime":"2024-01-15T08:14:00Z","maxSessionExpirationTime":"2024-01-15T09:44:00Z"}]}`,
		want: []*rest.Session{
			cloudRow("shandle:flz3sdj5Ts…", "2024-01-15T07:42:42.544Z", "2024-01-15T08:12:42Z", "2024-01-15T09:31:22Z"),
			cloudRow("shandle:SZtTnGMwnG…", "2024-01-15T07:44:00.670Z", "2024-01-15T08:14:00Z", "2024-01-15T09:44:00Z"),
		},
	},
	{
		source: cloudDocument + ", Invalidate specific sessions; PingAM 8.1 Amster reference, Sessions, logoutByHandle", api: "4.0", bearer: true,
		call: func(ctx context.Context, c *rest.Client) (any, error) {
			return c.LogoutByHandle(ctx, "", []string{"shandle:flz3sdj5Ts…", "shandle:SZtTnGMwnG…"})
		},
		method: "POST", path: rootSessions, version: "4.0", query: map[string]string{"_action": "logoutByHandle"},
		body:   `{"sessionHandles":["shandle:flz3sdj5Ts…","shandle:SZtTnGMwnG…"]}`,
		answer: `{"result":{"shandle:flz3sdj5Ts…":true,"shandle:SZtTnGMwnG…":true}}`,
		want:   map[string]bool{"shandle:flz3sdj5Ts…": true, "shandle:SZtTnGMwnG…": true},
	},
	{
		source: cloudDocument + ", Invalidate all sessions for a user; PingAM 8.1 Amster reference, Sessions 5.1, logoutByUser", api: "4.0", bearer: true,
		call:   func(ctx context.Context, c *rest.Client) (any, error) { return c.LogoutByUser(ctx, "/alpha", uuid) },
		method: "POST", path: alphaSessions, version: "5.1", query: map[string]string{"_action": "logoutByUser"}, body: `{"username":"` + uuid + `"}`,
		answer: `{"result": true}`, want: true,
	},
	{
		source: cloudDocument + ", Get and set session properties", api: "4.0", bearer: true, call: propertiesOf("session-token"),
		method: "POST", path: rootSessions, version: "3.1", query: map[string]string{"_action": "getSessionProperties"}, body: `{"tokenId":"session-token"}`,
		answer: `{"LoginLocation": ""}`, want: map[string]string{"LoginLocation": ""},
	},
	{
		source: cloudDocument + ", Get and set session properties, the update", api: "4.0", bearer: true, call: updateOf("session-token", "LoginLocation", "40.748440, -73.984559"),
		method: "POST", path: rootSessions, version: "3.1", query: map[string]string{"_action": "updateSessionProperties"},
		body:   `{"tokenId":"session-token","LoginLocation":"40.748440, -73.984559"}`,
		answer: `{"LoginLocation": "40.748440, -73.984559"}`, want: map[string]string{"LoginLocation": "40.748440, -73.984559"},
	},
	{
		source: cloudDocument + ", Get and set session properties, an internal one", api: "4.0", bearer: true, call: updateOf("session-token", "AuthLevel", "5"),
		method: "POST", path: rootSessions, version: "3.1", query: map[string]string{"_action": "updateSessionProperties"},
		body:   `{"tokenId":"session-token","AuthLevel":"5"}`,
		status: http.StatusForbidden, answer: `{"code": 403, "reason": "Forbidden", "message": "Forbidden"}`, forbids: true,
	},
	{
		source: amDocument + ", AM 5.5 and later, getSessionInfo", api: "3.0", call: infoOf(tokenOfAM),
		method: "POST", path: rootSessions, version: "3.0", query: map[string]string{"_action": "getSessionInfo"}, body: `{"tokenId":"` + tokenOfAM + `"}`,
		answer: demoAnswer, want: demoInfo,
	},
	{
		source: amDocument + ", AM 5 and 5.1, getSessionInfo", api: "2.0", call: infoOf(tokenOfAM),
		method: "POST", path: rootSessions, version: "2.0", query: map[string]string{"_action": "getSessionInfo", "tokenId": tokenOfAM}, body: `{}`,
		answer: demoAnswer, want: demoInfo,
	},
	{
		source: amDocument + ", a session that is not active", api: "3.0", call: infoOf(tokenOfAM),
		method: "POST", path: rootSessions, version: "3.0", query: map[string]string{"_action": "getSessionInfo"}, body: `{"tokenId":"` + tokenOfAM + `"}`,
		answer: `{ "valid": false }`, want: &rest.SessionInfo{},
	},
	{
		source: amDocument + ", the caller's own session", api: "3.0", call: infoOf(""),
		method: "POST", path: rootSessions, version: "3.0", query: map[string]string{"_action": "getSessionInfo"}, body: `{}`,
		answer: demoAnswer, want: demoInfo,
	},
	{
		source: amDocument + ", AM 5.5 and later, refresh", api: "3.0", call: refreshOf(tokenOfAM),
		method: "POST", path: rootSessions, version: "3.0", query: map[string]string{"_action": "refresh"}, body: `{"tokenId":"` + tokenOfAM + `"}`,
		answer: `{ "uid": "demo",   "realm": "/",   "idletime": 21,   "maxidletime": 30,   "maxsessiontime": 120,   "maxtime": 6973 }`,
		want:   &rest.Timeouts{Username: "demo", Realm: "/", IdleSeconds: 21, MaxIdleMinutes: 30, MaxMinutes: 120, LeftSeconds: 6973},
	},
	{
		source: amDocument + ", AM 5 and 5.1, refresh", api: "2.0", call: refreshOf(tokenOfAM),
		method: "POST", path: rootSessions, version: "2.0", query: map[string]string{"_action": "refresh", "tokenId": tokenOfAM}, body: `{}`,
		answer: `{ "uid": "demo",   "realm": "/",   "idletime": 21,   "maxidletime": 30,   "maxsessiontime": 120,   "maxtime": 6973 }`,
		want:   &rest.Timeouts{Username: "demo", Realm: "/", IdleSeconds: 21, MaxIdleMinutes: 30, MaxMinutes: 120, LeftSeconds: 6973},
	},
	{
		source: amDocument + ", Checking session details configured in a specific realm", api: "3.0",
		call:   func(ctx context.Context, c *rest.Client) (any, error) { return c.SessionService(ctx, "/myRealm") },
		method: "GET", path: "/json/realms/root/realms/myRealm/realm-config/services/session", version: "1.0",
		answer: `{  "_id": "",   "_rev": "-548141562",   "dynamic": {     "maxSessionTime": 120,     "maxIdleTime": 30,     "quotaLimit": 5,     "maxCachingTime": 3   },` +
			`   "_type": {     "_id": "session",     "name": "Session",     "collection": false   } }`,
		want: &rest.SessionService{MaxSessionMinutes: minutes(120), MaxIdleMinutes: minutes(30), QuotaLimit: minutes(5), MaxCachingMinutes: minutes(3)},
	},
	{
		source: amDocument + ", the same where the service has not been added", api: "3.0",
		call:   func(ctx context.Context, c *rest.Client) (any, error) { return c.SessionService(ctx, "/myRealm") },
		method: "GET", path: "/json/realms/root/realms/myRealm/realm-config/services/session", version: "1.0",
		status: http.StatusNotFound, answer: `{"code":404,"reason":"Not Found","message":"Not Found"}`, want: (*rest.SessionService)(nil),
	},
	{
		source: "OpenAM 16.0.5, the authentication settings of a realm", api: "2.0",
		call:   func(ctx context.Context, c *rest.Client) (any, error) { return c.ClientSideSessions(ctx, "/bravo") },
		method: "GET", path: "/json/realms/root/realms/bravo/realm-config/authentication", version: "1.0",
		answer: `{"general":{"locale":"en_US","statelessSessionsEnabled":true,"identityType":["agent","user"]},"_id":"","_type":{"_id":"EMPTY","name":"Core","collection":false}}`,
		want:   new(true),
	},
	{
		source: "the same without the setting", api: "2.0",
		call:   func(ctx context.Context, c *rest.Client) (any, error) { return c.ClientSideSessions(ctx, "/bravo") },
		method: "GET", path: "/json/realms/root/realms/bravo/realm-config/authentication", version: "1.0",
		answer: `{"general":{}}`, want: (*bool)(nil),
	},
	{
		source: amDocument + ", AM 5.5 and later, the authentication level", api: "3.0", call: propertiesOf(tokenOfAM),
		method: "POST", path: rootSessions, version: "3.0", query: map[string]string{"_action": "getSessionProperties"}, body: `{"tokenId":"` + tokenOfAM + `"}`,
		answer: `{"AuthLevel":"0"}`, want: map[string]string{"AuthLevel": "0"},
	},
	{
		source: amDocument + ", AM 5 and 5.1, the authentication level", api: "2.0", call: propertiesOf(tokenOfAM),
		method: "POST", path: rootSessions, version: "2.0", query: map[string]string{"_action": "getSessionProperties", "tokenId": tokenOfAM}, body: `{}`,
		answer: `{"AuthLevel":"0"}`, want: map[string]string{"AuthLevel": "0"},
	},
}

func TestTheDocumentsExamplesAreSpoken(t *testing.T) {
	for _, e := range examples {
		t.Run(e.source, func(t *testing.T) {
			var asked *seen
			server := can(t, func(w http.ResponseWriter, s *seen) {
				if s.Method == e.method && s.URL.Path == "/am"+e.path {
					asked = s
					reply(w, max(e.status, http.StatusOK), e.answer)
					return
				}
				well(w, s)
			})
			credentials := rest.Credentials(rest.Password{Username: "amadmin", Password: "cangetinam"})
			if e.bearer {
				credentials = rest.AccessToken("access-token")
			}
			got, err := e.call(t.Context(), server.client(t, rest.Config{API: e.api, Credentials: credentials}))
			switch {
			case e.forbids:
				if !rest.IsForbidden(err) {
					t.Errorf("got %v, %v; want a 403", got, err)
				}
			case err != nil || !reflect.DeepEqual(got, e.want):
				t.Errorf("got %+v, %v\nwant %+v", got, err, e.want)
			}
			e.compare(t, asked)
		})
	}
}

// compare compares the request with that of the documentation.
func (e *example) compare(t *testing.T, asked *seen) {
	t.Helper()
	if asked == nil {
		t.Fatalf("nobody asked %s %s", e.method, e.path)
	}
	if got, want := asked.Header.Get("Accept-API-Version"), "protocol=1.0,resource="+e.version; got != want {
		t.Errorf("Accept-API-Version is %q, want %q", got, want)
	}
	query := map[string]string{}
	for name, values := range asked.URL.Query() {
		query[name] = strings.Join(values, "|")
	}
	if !maps.Equal(query, e.query) {
		t.Errorf("the parameters are %q, want %q", query, e.query)
	}
	if !sameJSON(asked.body, e.body) {
		t.Errorf("the body is %s, want %s", asked.body, e.body)
	}
	header, value := "iPlanetDirectoryPro", newToken
	if e.bearer {
		header, value = "Authorization", "Bearer access-token"
	}
	if got := asked.Header.Get(header); got != value {
		t.Errorf("%s is %q, want %q", header, got, value)
	}
	if cookie := asked.Header.Get("Cookie"); cookie != "" {
		t.Errorf("there is a cookie: %q", cookie)
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	errX, errY := json.Unmarshal([]byte(a), &x), json.Unmarshal([]byte(b), &y)
	return a == b || errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func TestTheDocumentsSignIn(t *testing.T) {
	var asked *seen
	server := can(t, func(w http.ResponseWriter, s *seen) {
		if s.action() == "authenticate" {
			asked = s
			reply(w, 200, `{ "tokenId": "AQIC5wM2LY4SfcxsuvGEjcsppDSFR8H8DYBSouTtz3m64PI.*AAJTSQACMDIAAlNLABQtNTQwMTU3NzgxODI0NzE3OTIwNAEwNDU2NjE0*", "successUrl": "/openam/console", "realm": "/" }`)
			return
		}
		well(w, s)
	})
	client := server.client(t, rest.Config{API: "3.0", Credentials: rest.Password{Username: "amadmin", Password: "cangetinam", Service: "adminconsoleservice"}})
	if _, err := client.SessionInfo(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	chain := url.Values{"authIndexType": {"service"}, "authIndexValue": {"adminconsoleservice"}}
	if asked.Method != "POST" || asked.URL.Path != "/am/json/realms/root/authenticate" || asked.Header.Get("X-OpenAM-Username") != "amadmin" ||
		asked.Header.Get("X-OpenAM-Password") != "cangetinam" || asked.Header.Get("Accept-API-Version") != "protocol=1.0,resource=2.0" ||
		asked.URL.Query().Encode() != chain.Encode() {
		t.Errorf("the sign-in is %s %s %v", asked.Method, asked.URL, asked.Header)
	}
	if got := server.last().Header.Get("iPlanetDirectoryPro"); !strings.HasPrefix(got, "AQIC5wM2LY4Sfcxsuv") {
		t.Errorf("the session header is %q", got)
	}
}

// The examples contain every action in the Amster reference of PingAM 8.1, and no other.
func TestEveryActionOfTheReferenceHasAnExample(t *testing.T) {
	for _, action := range []string{
		"getSessionInfo", "getSessionInfoAndResetIdleTime", "getSessionProperties", "logout", "logoutByHandle", "logoutByUser", "refresh", "updateSessionProperties", "validate",
	} {
		if !slices.ContainsFunc(examples, func(e example) bool { return e.query["_action"] == action }) {
			t.Errorf("%s has no example", action)
		}
	}
}

func TestASignInThatAsksForTheSameAgainFails(t *testing.T) {
	server := can(t, func(w http.ResponseWriter, s *seen) {
		if s.action() == "authenticate" {
			reply(w, 200, `{"authId":"eyJ","stage":"DataStore1","callbacks":[{"type":"NameCallback"},{"type":"PasswordCallback"}]}`)
			return
		}
		well(w, s)
	})
	client := server.client(t, rest.Config{API: "4.0", Credentials: rest.Password{Username: "amadmin", Password: "cangetinam"}})
	_, err := client.ServerVersion(t.Context())
	if err == nil || !strings.Contains(err.Error(), "NameCallback") || !strings.Contains(err.Error(), "AM_PASSWORD") {
		t.Errorf("got %v, want an error that names what AM asks for", err)
	}
	if server.times("version") != 0 {
		t.Error("the request went out without a session")
	}
}
