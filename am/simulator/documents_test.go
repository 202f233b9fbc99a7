package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A documented exchange is an example in a vendor's documentation. The answer must have the same keys in the same
// order, and values of the same types.
type documented struct {
	name    string
	method  string // POST if empty
	path    string // %s stands for the session token or the filter
	version string // if empty, there is no Accept-API-Version
	body    string
	status  int // 0 means 200
	answer  string
	exact   bool // whether the text must be equal
}

// PingOne Advanced Identity Cloud, Manage sessions over REST.
var cloudDocuments = []documented{
	{
		name: "getSessionInfo", path: "/realms/root/realms/alpha/sessions/?_action=getSessionInfo", version: "resource=4.0", body: `{ "tokenId": " TOKEN " }`,
		answer: `{"username":"b0f30dfb-4e01-457e-a567-c258a74e4fe2","universalId":"id=b0f30dfb-4e01-457e-a567-c258a74e4fe2,ou=user,o=alpha,ou=services,ou=am-config","realm":"/alpha","latestAccessTime":"2024-01-12T13:49:25Z","maxIdleExpirationTime":"2024-01-12T14:19:25Z","maxSessionExpirationTime":"2024-01-12T15:49:24Z","properties":{"AMCtxId":"b9275f8c-fa83-4455-bdac-d27e8d538a8f-215815","AuthType":""}}`,
	},
	{
		name: "getSessionInfoAndResetIdleTime", path: "/realms/root/realms/alpha/sessions/?_action=getSessionInfoAndResetIdleTime", version: "resource=4.0, protocol=1.0", body: `{ "tokenId": " TOKEN " }`,
		answer: `{"username":"b0f30dfb-4e01-457e-a567-c258a74e4fe2","universalId":"id=b0f30dfb-4e01-457e-a567-c258a74e4fe2,ou=user,o=alpha,ou=services,ou=am-config","realm":"/alpha","latestAccessTime":"2024-01-12T14:18:24Z","maxIdleExpirationTime":"2024-01-12T14:48:24Z","maxSessionExpirationTime":"2024-01-12T15:49:23Z","properties":{"AMCtxId":"b9275f8c-fa83-4455-bdac-d27e8d538a8f-215815","AuthType":""}}`,
	},
	{
		name: "validate", path: "/realms/root/realms/alpha/sessions/?_action=validate", version: "resource=4.0, protocol=1.0", body: `{ "tokenId": " TOKEN" }`,
		answer: `{"valid":true,"sessionUid":"b9275f8c-fa83-4455-bdac-d27e8d538a8f-245866","uid":"b0f30dfb-4e01-457e-a567-c258a74e4fe2","realm":"/alpha"}`,
	},
	{
		name: "refresh", path: "/realms/root/realms/alpha/sessions/?_action=refresh", version: "resource=4.0, protocol=1.0", body: `{ "tokenId": " TOKEN " }`,
		answer: `{"uid":"b0f30dfb-4e01-457e-a567-c258a74e4fe2","realm":"/alpha","idletime":0,"maxidletime":30,"maxsessiontime":120,"maxtime":6826}`,
	},
	{
		name: "query", method: "GET", path: "/realms/root/realms/alpha/sessions?_queryFilter=FILTER", version: "resource=4.0, protocol=1.0",
		answer: `{"result":[{"_rev":"647523949","username":"b0f30dfb-4e01-457e-a567-c258a74e4fe2","universalId":"id=b0f30dfb-4e01-457e-a567-c258a74e4fe2,ou=user,o=alpha,ou=services,ou=am-config","realm":"/alpha","sessionHandle":"shandle:flz3sdj5Ts","latestAccessTime":"2024-01-15T07:42:42.544Z","maxIdleExpirationTime":"2024-01-15T08:12:42Z","maxSessionExpirationTime":"2024-01-15T09:31:22Z"},{"_rev":"1074537861","username":"b0f30dfb-4e01-457e-a567-c258a74e4fe2","universalId":"id=b0f30dfb-4e01-457e-a567-c258a74e4fe2,ou=user,o=alpha,ou=services,ou=am-config","realm":"/alpha","sessionHandle":"shandle:SZtTnGMwnG","latestAccessTime":"2024-01-15T07:44:00.670Z","maxIdleExpirationTime":"2024-01-15T08:14:00Z","maxSessionExpirationTime":"2024-01-15T09:44:00Z"}],"resultCount":2,"pagedResultsCookie":null,"totalPagedResultsPolicy":"NONE","totalPagedResults":-1,"remainingPagedResults":-1}`,
	},
	{
		name: "getSessionProperties", path: "/realms/root/sessions/?_action=getSessionProperties", version: "resource=3.1, protocol=1.0", body: `{ "tokenId": "TOKEN" }`,
		answer: `{"AMCtxId":"b9275f8c-fa83-4455-bdac-d27e8d538a8f-215815","AuthType":"","LoginLocation":""}`,
	},
	{
		name: "updateSessionProperties", path: "/realms/root/sessions/?_action=updateSessionProperties", version: "resource=3.1, protocol=1.0", body: `{ "tokenId": "TOKEN", "LoginLocation":"40.748440, -73.984559"}`,
		answer: `{"AMCtxId":"b9275f8c-fa83-4455-bdac-d27e8d538a8f-215815","AuthType":"","LoginLocation":"40.748440, -73.984559"}`,
	},
	{
		name: "updateSessionProperties of an internal property", path: "/realms/root/sessions/?_action=updateSessionProperties", version: "resource=3.1, protocol=1.0", body: `{"AuthLevel":"5", "tokenId": "TOKEN"}`,
		status: 403, answer: `{"code":403,"reason":"Forbidden","message":"Forbidden"}`, exact: true,
	},
	{
		name: "logoutByHandle", path: "/realms/root/realms/alpha/sessions/?_action=logoutByHandle", version: "resource=4.0, protocol=1.0", body: `{"sessionHandles": ["HANDLE"]}`,
		answer: `{"result":{"HANDLE":true}}`, exact: true,
	},
	{
		name: "logout", path: "/realms/root/realms/alpha/sessions/?_action=logout", version: "resource=4.0, protocol=1.0", body: `{ "tokenId": "TOKEN" }`,
		answer: `{"result":"Successfully logged out"}`, exact: true,
	},
	{
		name: "logout of an invalid token", path: "/realms/root/realms/alpha/sessions/?_action=logout", version: "resource=4.0, protocol=1.0", body: `{ "tokenId": "TOKEN" }`,
		answer: `{"result":"Token has expired"}`, exact: true,
	},
	{
		name: "logoutByUser", path: "/realms/root/realms/alpha/sessions/?_action=logoutByUser", version: "resource=5.1, protocol=1.0", body: `{"username": "USER"}`,
		answer: `{"result":true}`, exact: true,
	},
}

func TestTheDocumentedExchangesOfTheCloud(t *testing.T) {
	c := start(t, newClock().in(Options{Profile: "aic"}))
	must(t, c.sim.AddUser("/alpha", "bjensen", "secret"))
	r := c.sim.directory.realm("/alpha")
	r.whitelist = &whitelist{names: []string{"AMCtxId", "AuthType"}}
	target := login(t, c.sim, "/alpha", "bjensen")
	other := login(t, c.sim, "/alpha", "bjensen")
	c.bearer("fr:am:*")
	for _, d := range cloudDocuments {
		if strings.Contains(d.name, "Properties") {
			r.whitelist = &whitelist{names: []string{"AMCtxId", "AuthType", "LoginLocation"}}
		}
		c.check(d, target, other.Handle)
	}
	if left := c.sim.Sessions(); len(left) != 0 {
		t.Errorf("logoutByUser left %v", left)
	}
}

// ForgeRock's knowledge base: how to validate session tokens and obtain session details, AM 5.5 and later, and AM 5.
var amDocuments = []documented{
	{
		name: "getSessionInfo, AM 5.5 and later", path: "/realms/root/sessions?_action=getSessionInfo", version: "resource=3", body: `{"tokenId" : "TOKEN"}`,
		answer: `{"username":"demo","universalId":"id=demo,ou=user,dc=openam,dc=forgerock,dc=org","realm":"/","latestAccessTime":"2019-02-25T11:08:36Z","maxIdleExpirationTime":"2019-02-25T11:38:36Z","maxSessionExpirationTime":"2019-02-25T12:45:10Z","properties":{}}`,
	},
	{
		name: "getSessionInfo, AM 5 (with the handle that the console reads)", path: "/realms/root/sessions?_action=getSessionInfo&tokenId=TOKEN", version: "resource=2",
		answer: `{"username":"demo","universalId":"id=demo,ou=user,dc=openam,dc=forgerock,dc=org","realm":"/","sessionHandle":"shandle:x","latestAccessTime":"2019-02-25T11:08:36Z","maxIdleExpirationTime":"2019-02-25T11:38:36Z","maxSessionExpirationTime":"2019-02-25T12:45:10Z","properties":{}}`,
	},
	{
		name: "refresh, AM 5.5 and later", path: "/realms/root/sessions?_action=refresh", version: "resource=3", body: `{"tokenId" : "TOKEN"}`,
		answer: `{"uid":"demo","realm":"/","idletime":21,"maxidletime":30,"maxsessiontime":120,"maxtime":7179}`, exact: true,
	},
	{
		name: "refresh, AM 5", path: "/realms/root/sessions?_action=refresh&tokenId=TOKEN", version: "resource=2",
		answer: `{"uid":"demo","realm":"/","idletime":21,"maxidletime":30,"maxsessiontime":120,"maxtime":7179}`, exact: true,
	},
	{
		name: "the session service of a realm", method: "GET", path: "/realms/root/realms/alpha/realm-config/services/session",
		answer: `{"_id":"","_rev":"-548141562","dynamic":{"maxSessionTime":120,"maxIdleTime":30,"quotaLimit":5,"maxCachingTime":3},"_type":{"_id":"session","name":"Session","collection":false}}`,
	},
	{
		name: "the session service of a realm that has none", method: "GET", path: "/realms/root/realm-config/services/session", status: 404,
		answer: `{"code":404,"reason":"Not Found","message":"Not Found"}`, exact: true,
	},
	{
		name: "AuthLevel, AM 5.5 and later", path: "/realms/root/sessions?_action=getSessionProperties", version: "resource=3", body: `{"tokenId" : "TOKEN"}`,
		answer: `{"AuthLevel":"0"}`, exact: true,
	},
	{
		name: "AuthLevel, AM 5", path: "/realms/root/sessions?_action=getSessionProperties&tokenId=TOKEN", version: "resource=2",
		answer: `{"AuthLevel":"0"}`, exact: true,
	},
	{
		name: "a session that is not active", path: "/realms/root/sessions?_action=getSessionInfo", version: "resource=3", body: `{"tokenId" : "BXCCqNX"}`,
		answer: `{"valid":false}`, exact: true,
	},
}

func TestTheDocumentedExchangesOfAM5(t *testing.T) {
	for _, profile := range []string{"am-5.5", "am-7"} {
		clock := newClock()
		c := start(t, clock.in(Options{Profile: profile, Realms: 1}))
		c.api = ""
		auth := c.do("POST", "/realms/root/authenticate?authIndexType=service&authIndexValue=adminconsoleservice", "", "X-OpenAM-Username", "amadmin", "X-OpenAM-Password", "ampassword", "Accept-API-Version", "resource=2.1")
		if shapeOf(auth.body) != shapeOf(`{"tokenId":"x","successUrl":"/openam/console","realm":"/"}`) {
			t.Fatalf("%s: %s", profile, auth.body)
		}
		c.token = auth.doc(t)["tokenId"].(string)
		target := login(t, c.sim, "/", "demo")
		root := c.sim.directory.realm("/")
		root.whitelist = &whitelist{}
		c.do("POST", "/realms/root/realms/alpha/realm-config/services/session?_action=create", `{"dynamic":{"maxSessionTime":120,"maxIdleTime":30,"quotaLimit":5,"maxCachingTime":3}}`)
		clock.add(21 * time.Second)
		for _, d := range amDocuments {
			if strings.Contains(d.name, "AuthLevel") {
				root.whitelist = &whitelist{names: []string{"AuthLevel"}}
			}
			c.check(d, target, "")
		}
	}
}

// PingAM 8.1, entity reference, Sessions: resource version 5.1, these actions, and a filter on username and realm or "true".
func TestTheEntityReferenceOfPingAM81(t *testing.T) {
	for _, action := range []string{
		"getSessionInfo", "getSessionInfoAndResetIdleTime", "getSessionProperties", "validate", "refresh", "updateSessionProperties", "logout",
	} {
		c := start(t, Options{Profile: "pingam-8.1", Realms: 1, Users: 2}).asAdmin()
		must(t, c.sim.AddUser("/alpha", "scarter", "secret"))
		c.sim.directory.realm("/alpha").whitelist = &whitelist{names: []string{"p"}}
		target := login(t, c.sim, "/alpha", "scarter")
		c.api = "resource=5.1"
		r := c.do("POST", "/realms/root/realms/alpha/sessions?_action="+action, `{"tokenId":"`+target.Token+`","p":"v"}`)
		if r.status != 200 || r.header.Get("Content-API-Version") != "resource=5.1" || strings.Contains(r.body, "amadmin") {
			t.Errorf("%s: %d %v %s", action, r.status, r.header, r.body)
		}
	}
	c := start(t, Options{Profile: "pingam-8.1", Realms: 2, Users: 20, Sessions: 60}).asAdmin()
	c.api = "resource=5.1"
	if rows := c.query("true").rows(t); len(rows) != len(c.sim.Sessions()) {
		t.Errorf("true lists %d of %d", len(rows), len(c.sim.Sessions()))
	}
	s := c.sim.Sessions()[10]
	if rows := c.query(`username eq "` + s.Username + `" and realm eq "` + s.Realm + `"`).rows(t); len(rows) == 0 || rows[0]["username"] != s.Username {
		t.Errorf("one user's sessions: %v", rows)
	}
	if r := c.do("POST", "/realms/root"+"/realms/alpha"+"/sessions?_action=logoutByUser", `{"username":"nobody"}`); r.body != `{"result":true}` {
		t.Errorf("logoutByUser: %s", r.body)
	}
}

func (c *client) check(d documented, target Session, handle string) {
	c.t.Helper()
	put := strings.NewReplacer("TOKEN", target.Token, "HANDLE", handle, "USER", target.Username,
		"FILTER", url.QueryEscape(`username eq "`+target.Username+`" and realm eq "`+target.Realm+`"`))
	method := d.method
	if method == "" {
		method = http.MethodPost
	}
	r := c.do(method, put.Replace(d.path), put.Replace(d.body), "Accept-API-Version", d.version)
	want := put.Replace(d.answer)
	status := orElse(d.status, 200)
	if r.status != status || d.exact && r.body != want || !d.exact && shapeOf(r.body) != shapeOf(want) {
		c.t.Errorf("%s: %s: %d %s\nwant like %d %s\n%s\n%s", c.sim.profile.name, d.name, r.status, r.body, status, want, shapeOf(r.body), shapeOf(want))
	}
}

// bearer gets an access token for the account's assertion.
func (c *client) bearer(scope string) {
	c.t.Helper()
	id, jwk := c.sim.ServiceAccount()
	r := c.tokenRequest(c.assertion(id, jwk, nil), scope)
	if r.status != 200 {
		c.t.Fatalf("access token: %d %s", r.status, r.body)
	}
	c.http.Transport = bearing{r.doc(c.t)["access_token"].(string), c.http.Transport}
}

// bearing adds a bearer token to requests.
type bearing struct {
	token string
	next  http.RoundTripper
}

func (b bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

var stringKinds = []struct {
	kind    string
	pattern *regexp.Regexp
}{
	{"time", regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)},
	{"time with milliseconds", regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)},
	{"uuid", regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)},
	{"uuid and number", regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-\d+$`)},
	{"universal id of a uuid", regexp.MustCompile(`^id=[0-9a-f-]{36},ou=user,o=alpha,ou=services,ou=am-config$`)},
	{"handle", regexp.MustCompile(`^shandle:`)},
	{"number in a string", regexp.MustCompile(`^-?\d+$`)},
	{"nothing", regexp.MustCompile(`^$`)},
}

// shapeOf returns a JSON text with types instead of values, and its keys in order.
func shapeOf(text string) string {
	dec := json.NewDecoder(strings.NewReader(text))
	var b strings.Builder
	var keys []bool // for each open bracket, whether it is an object's and a key comes next
	for {
		token, err := dec.Token()
		if err != nil {
			return b.String()
		}
		switch v := token.(type) {
		case json.Delim:
			b.WriteString(v.String())
			if v == '{' || v == '[' {
				keys = append(keys, v == '{')
				continue
			}
			keys = keys[:len(keys)-1]
			b.WriteByte(' ')
			continue
		case string:
			b.WriteString(kindOf(v, dec, text))
		case float64:
			b.WriteString("number ")
		default:
			fmt.Fprintf(&b, "%v ", v)
		}
	}
}

// kindOf returns the type of a string that is a value, or a key unchanged.
func kindOf(v string, dec *json.Decoder, text string) string {
	if rest := strings.TrimLeft(text[dec.InputOffset():], " \n"); strings.HasPrefix(rest, ":") {
		return v + ":"
	}
	for _, k := range stringKinds {
		if k.pattern.MatchString(v) {
			return "(" + k.kind + ") "
		}
	}
	return "(text) "
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func login(t *testing.T, sim *Server, realm, user string) Session {
	t.Helper()
	s, err := sim.Login(realm, user)
	must(t, err)
	return s
}
