package simulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

func TestAnIdentityStoreWithoutALimitOfItsOwnListsAHundred(t *testing.T) {
	for _, c := range []struct {
		userCap, want int
	}{{0, 100}, {7, 7}} {
		sim := start(t, Options{Users: 300, Realms: 1, UserCap: c.userCap, Deployments: []string{"user-list-100"}}).asAdmin()
		r := sim.do("GET", "/users?realm=/alpha&_queryFilter=true", "", "Accept-API-Version", "protocol=2.0,resource=3.0")
		if rows := r.rows(t); r.status != 200 || len(rows) != c.want {
			t.Errorf("cap %d: status %d, %d users are listed, want %d", c.userCap, r.status, len(rows), c.want)
		}
		last := sim.do("GET", "/users?realm=/alpha&_queryFilter=uid+eq+%22"+lastUser(sim)+"%22", "", "Accept-API-Version", "resource=3.0")
		if rows := last.rows(t); len(rows) != 1 {
			t.Errorf("cap %d: a user behind the limit is found %d times by name, want once", c.userCap, len(rows))
		}
	}
}

func lastUser(c *client) string {
	users := c.sim.directory.users("/alpha", -1, func(*user) bool { return true })
	return users[len(users)-1].id
}

func TestATokenStoreMayStopBelowAMsCapWithoutASign(t *testing.T) {
	for _, c := range []struct {
		listCap, want int
	}{{5000, 1000}, {1200, 1000}, {50, 50}} {
		sim := start(t, Options{Users: 30, Realms: 1, Sessions: 1600, ListCap: c.listCap, Deployments: []string{"store-limit-1000"}}).asAdmin()
		r := sim.query(`realm eq "/alpha"`)
		if rows := r.rows(t); r.status != 200 || len(rows) != c.want {
			t.Errorf("cap %d: status %d, %d sessions are listed, want %d", c.listCap, r.status, len(rows), c.want)
		}
		config := sim.do("GET", "/global-config/services/session", "", "Accept-API-Version", "resource=1.0").doc(t)
		if got := config["search"].(map[string]any)["maxSessionListSize"]; got != float64(c.listCap) {
			t.Errorf("AM reports a cap of %v, want %d", got, c.listCap)
		}
	}
}

// As measured on OpenAM 16.0.5, sessions of agents are in the list of the realm. They are not found by name, nor by
// their universal identifier, which is taken for that of a user with the name.
func TestSessionsOfAgentsAreListedAndFoundByNoName(t *testing.T) {
	for _, profile := range []string{"openam", "pingam-8.1", "aic"} {
		sim := start(t, Options{Profile: profile, Realms: 1, Deployments: []string{"agents"}}).asAdmin()
		suffix := sim.sim.profile.suffix
		user, err := sim.sim.Login("/", demoName)
		if err != nil || sim.sim.AddUser("/alpha", "WebAgent3", userPassword) != nil {
			t.Fatal(err)
		}
		if user, err = sim.sim.LoginAgent("/alpha", "webagent3"); err != nil || !strings.Contains(user.UniversalID, ",ou=user,") {
			t.Errorf("%s: an agent with a user's name has the session %+v, %v", profile, user, err)
		}
		users := 0
		for _, row := range sim.query(`realm eq "/alpha"`).rows(t) {
			if row["username"] == "webagent1" && row["universalId"] != "id=webagent1,ou=agent,o=alpha,ou=services,"+suffix {
				t.Errorf("%s: %v", profile, row)
			}
			if strings.Contains(row["universalId"].(string), ",ou=user,") {
				users++
			}
		}
		if n := len(sim.query(`realm eq "/alpha"`).rows(t)); n != agentsOfARealm*sessionsOfAnAgent+1 || users != 1 {
			t.Errorf("%s: %d sessions are listed, %d of users", profile, n, users)
		}
		for name, want := range map[string]int{
			"WebAgent1": 0, "webagent1": 0, "id=webagent1,ou=agent,o=alpha,ou=services," + suffix: 0, "id=webagent1,ou=user,o=alpha,ou=services," + suffix: 0,
		} {
			if rows := sim.query(`realm eq "/alpha" and username eq "` + name + `"`).rows(t); len(rows) != want {
				t.Errorf("%s: %q finds %d sessions, want %d", profile, name, len(rows), want)
			}
		}
		id := strings.Replace(strings.ToLower(user.UniversalID), ",ou=user,", ",ou=agent,", 1)
		if rows := sim.query(`realm eq "/alpha" and username eq "` + id + `"`).rows(t); profile != "aic" && len(rows) != 1 {
			t.Errorf("%s: %q finds %d sessions, want that of the user", profile, id, len(rows))
		}
	}
}

// Before AM 7, no list of users contains both names.
func TestTheRootHasNoUsersOfIDM(t *testing.T) {
	for profile, other := range map[string]bool{"openam": false, "am-5.5": false, "am-7": true, "pingam-8.1": true, "aic": true} {
		sim, err := New(Options{Profile: profile, Realms: 1, Deployments: []string{"idm"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, realm := range []string{"/alpha", "/"} {
			if err := sim.AddUser(realm, "anna", userPassword); err != nil && !sim.profile.sharedUsers {
				t.Fatal(err)
			}
			s, err := sim.Login(realm, "anna")
			if err != nil || (s.Username != "anna") != (other && realm != "/") {
				t.Errorf("%s: in realm %s, anna's session has the name %q, %v", profile, realm, s.Username, err)
			}
		}
	}
}

func TestTheTokenOfAnHttpOnlyCookieIsInNoAnswer(t *testing.T) {
	for profile, body := range map[string]string{
		"openam":     `{"successUrl":"/openam/console","realm":"/"}`,
		"pingam-8.1": `{"tokenId":"","successUrl":"/am/console","realm":"/"}`,
	} {
		sim := start(t, Options{Profile: profile, Deployments: []string{"httponly"}})
		r := sim.do("POST", "/authenticate", "{}", "X-OpenAM-Username", adminName, "X-OpenAM-Password", adminPassword)
		if r.status != 200 || r.body != body {
			t.Errorf("%s: %d %s, want %s", profile, r.status, r.body, body)
		}
		for _, cookie := range (&http.Response{Header: r.header}).Cookies() {
			if cookie.Name == sim.sim.CookieName() {
				if !cookie.HttpOnly {
					t.Errorf("%s: the cookie is not HttpOnly", profile)
				}
				sim.token = cookie.Value
			}
		}
		if info := sim.action("getSessionInfo", "", "{}"); info.status != 200 || info.doc(t)["username"] != adminName {
			t.Errorf("%s: the cookie's token is returned %d %s", profile, info.status, info.body)
		}
	}
}

func TestATreeWithoutAZeroPageLoginAsksForNamePasswordAndCode(t *testing.T) {
	clock := newClock()
	sim := start(t, clock.in(Options{Deployments: []string{"no-zero-page", "otp"}}))
	signIn := func(code string) response {
		asked := sim.do("POST", "/authenticate", "{}", "X-OpenAM-Username", adminName, "X-OpenAM-Password", adminPassword).doc(t)
		fill(t, asked, adminName, adminPassword)
		asked = sim.do("POST", "/authenticate", encode(t, asked)).doc(t)
		fill(t, asked, code, float64(0))
		return sim.do("POST", "/authenticate", encode(t, asked))
	}
	code, err := totp.GenerateCode(otpSecret, clock.at)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, code string
		after      time.Duration
		want       int
	}{
		{"a wrong code", "x", 0, 401},
		{"the code", code, 0, 200},
		{"the code for the second time", code, 0, 401},
		{"an old code", code, 2 * time.Minute, 401},
	} {
		clock.add(c.after)
		if r := signIn(c.code); r.status != c.want {
			t.Errorf("%s: %d %s, want %d", c.what, r.status, r.body, c.want)
		}
	}
}

// fill answers callbacks in order.
func fill(t *testing.T, asked map[string]any, values ...any) {
	t.Helper()
	callbacks, _ := asked["callbacks"].([]any)
	if len(callbacks) != len(values) {
		t.Fatalf("%v has %d callbacks, want %d", asked, len(callbacks), len(values))
	}
	for i, value := range values {
		callbacks[i].(map[string]any)["input"].([]any)[0].(map[string]any)["value"] = value
	}
}

func encode(t *testing.T, doc any) string {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func deploymentNames() (names []string) {
	for _, d := range Deployments() {
		names = append(names, d.Name)
	}
	return names
}

func TestDeploymentsCombine(t *testing.T) {
	for _, d := range Deployments() {
		if d.Name == "" || d.Description == "" {
			t.Errorf("%+v has no name or no description", d)
		}
	}
	sim, err := New(Options{ListCap: 5000, Deployments: deploymentNames()})
	if err != nil {
		t.Fatal(err)
	}
	if sim.userCap.Load() != 100 || sim.listCap() != 1000 {
		t.Errorf("%d users and %d sessions are listed, want 100 and 1000", sim.userCap.Load(), sim.listCap())
	}
}

func TestAnUnknownDeploymentIsRefusedWithTheNames(t *testing.T) {
	_, err := New(Options{Deployments: []string{"user-list-100", "cloudy"}})
	if want := `Deployments: invalid "cloudy": must be one of ` + strings.Join(deploymentNames(), ", "); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestAFrontDropsRefusesAndBalances(t *testing.T) {
	cookieOnly := []string{"Cookie", "corpSSO_prod=" + "TOKEN", "Accept-API-Version", "resource=2.0"}
	for name, c := range map[string]struct {
		deployment, method, path string
		headers                  []string
		host                     string
		status                   int
		says                     string
	}{
		"a header with an underscore is dropped": {"nginx", "POST", "/sessions?_action=getSessionInfo", []string{"corpSSO_prod", "TOKEN"}, "", 401, "Access Denied"},
		"a cookie with an underscore arrives":    {"nginx", "POST", "/sessions?_action=getSessionInfo", cookieOnly, "", 200, adminName},
		"a page for the configuration":           {"proxy-404", "GET", "/global-config/realms?_queryFilter=true", nil, "", 404, "<center>nginx</center>"},
		"a page for users":                       {"proxy-403", "GET", "/realms/root/users?_queryFilter=true", nil, "", 403, "<center>nginx</center>"},
		"nothing for sessions":                   {"proxy-407", "POST", "/sessions?_action=getSessionInfo", []string{"iPlanetDirectoryPro", "TOKEN"}, "", 200, adminName},
		"another server without the cookie":      {"sticky", "POST", "/sessions?_action=getSessionInfo", []string{"iPlanetDirectoryPro", "TOKEN"}, "", 401, "Access Denied"},
		"the same server with it":                {"sticky", "POST", "/sessions?_action=getSessionInfo", []string{"iPlanetDirectoryPro", "TOKEN", "Cookie", "AWSALB=one"}, "", 200, adminName},
		"another host name":                      {"host-name", "GET", "/serverinfo/*", nil, "10.0.0.7:8080", 400, "FQDN &quot;10.0.0.7&quot; is not valid."},
		"another host name in a realm's path":    {"host-name", "POST", "/realms/root/authenticate", nil, "10.0.0.7", 400, "Realm &quot;10.0.0.7&quot; not found"},
		"the host name":                          {"host-name", "GET", "/serverinfo/*", []string{"Accept-API-Version", "resource=1.1"}, "am.example.com", 200, "cookieName"},
	} {
		sim := start(t, Options{Deployments: []string{c.deployment}})
		s, err := sim.sim.Login("/", adminName)
		if err != nil {
			t.Fatal(err)
		}
		for i, h := range c.headers {
			c.headers[i] = strings.ReplaceAll(h, "TOKEN", s.Token)
		}
		sim.host = c.host
		r := sim.do(c.method, c.path, "{}", c.headers...)
		if r.status != c.status || !strings.Contains(r.body, c.says) {
			t.Errorf("%s: %d %s, want %d with %s", name, r.status, r.body, c.status, c.says)
		}
	}
}

func TestASecondSessionEndsTheFirstWhereTheQuotaIsOne(t *testing.T) {
	sim := start(t, Options{Deployments: []string{"quota-1"}})
	var tokens []string
	for range 2 {
		s, err := sim.sim.Login("/", adminName)
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, s.Token)
	}
	for i, want := range []int{401, 200} {
		sim.token = tokens[i]
		if r := sim.action("getSessionInfo", "", "{}"); r.status != want {
			t.Errorf("session %d: %d %s, want %d", i+1, r.status, r.body, want)
		}
	}
}

func TestAnOldServerHasSessions12Alone(t *testing.T) {
	sim := start(t, Options{Deployments: []string{"sessions-1.2"}}).asAdmin()
	for version, want := range map[string]int{"1.2": 501, "2.0": 404} {
		if r := sim.do("POST", "/sessions?_action=getSessionInfo", "{}", "Accept-API-Version", "resource="+version); r.status != want {
			t.Errorf("%s: %d %s, want %d", version, r.status, r.body, want)
		}
	}
	if other := start(t, Options{}).asAdmin().query(`realm eq "/"`); other.status != 200 {
		t.Errorf("a server without the deployment: %d %s", other.status, other.body)
	}
}

func TestEndlessSessionsEndInTheYear292278994(t *testing.T) {
	sim := start(t, Options{Realms: 1, Users: 10, Sessions: 30, Deployments: []string{"endless"}}).asAdmin()
	body := sim.query(`realm eq "/alpha"`).body
	if n := strings.Count(body, `"maxSessionExpirationTime":"+292278994-08-17T07:12:55Z"`); n == 0 || n == 30 {
		t.Errorf("%d of 30 sessions are endless, want some", n)
	}
}
