package simulator

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// listed reports whether a list of the realm contains the handle.
func (c *client) listed(realm, handle string) bool {
	c.t.Helper()
	return slices.ContainsFunc(c.query(`realm eq "`+realm+`"`).rows(c.t), func(r map[string]any) bool { return r["sessionHandle"] == handle })
}

// As measured on OpenAM 16.0.5, with limits of one and two minutes.
func TestExpiredSessionsAreInvalidAtOnceAndListedAWhileLonger(t *testing.T) {
	clock := newClock()
	c := start(t, clock.in(Options{Realms: 1, Users: 3})).asAdmin()
	c.do("POST", "/realms/root/realms/alpha/realm-config/services/session?_action=create", `{"dynamic":{"maxSessionTime":2,"maxIdleTime":1}}`, "Accept-API-Version", "resource=1.0")
	idle := login(t, c.sim, "/alpha", "demo")
	busy := login(t, c.sim, "/alpha", "demo")
	for _, step := range []struct {
		at                     time.Duration
		idleValid, idleListed  bool
		busyValid, busyListed  bool
		keepBusy, keepListable bool
	}{
		{at: 0, idleValid: true, idleListed: true, busyValid: true, busyListed: true, keepBusy: true},
		{at: 59 * time.Second, idleValid: true, idleListed: true, busyValid: true, busyListed: true, keepBusy: true},
		{at: 61 * time.Second, idleListed: true, busyValid: true, busyListed: true, keepBusy: true},
		{at: 102 * time.Second, busyValid: true, busyListed: true, keepBusy: true},
		{at: 123 * time.Second, busyListed: true},
		{at: 164 * time.Second},
	} {
		clock.at = time.UnixMilli(c.sim.started).Add(step.at)
		if step.keepBusy {
			c.do("POST", "/sessions?_action=refresh&tokenId="+busy.Token, "{}")
		}
		for _, s := range []struct {
			name          string
			session       Session
			valid, listed bool
		}{{"idle", idle, step.idleValid, step.idleListed}, {"busy", busy, step.busyValid, step.busyListed}} {
			info := c.action("getSessionInfo", s.session.Token, "{}").body
			if valid := info != `{"valid":false}`; valid != s.valid {
				t.Errorf("at %v the %s session: %s", step.at, s.name, info)
			}
			if got := c.listed("/alpha", s.session.Handle); got != s.listed {
				t.Errorf("at %v the %s session is listed: %v", step.at, s.name, got)
			}
		}
	}
	c.token = idle.Token
	if r := c.action("getSessionInfo", "", "{}"); r.status != 401 {
		t.Errorf("an expired token as credentials: %d %s", r.status, r.body)
	}
}

func TestTheListedAccessLagsAMinuteBehind(t *testing.T) {
	clock := newClock()
	c := start(t, clock.in(Options{Realms: 1})).asAdmin()
	own := login(t, c.sim, "/alpha", "demo")
	row := func() (access, idleEnd any) {
		r := c.query(`realm eq "/alpha"`).rows(t)[0]
		return r["latestAccessTime"], r["maxIdleExpirationTime"]
	}
	admin, first := c.token, timeText(clock.at.UnixMilli())
	clock.add(30 * time.Second)
	c.token = own.Token
	info := c.action("getSessionInfo", "", "{}").doc(t)
	c.token = admin
	if info["latestAccessTime"] != "2026-11-22T03:17:00Z" || info["maxIdleExpirationTime"] != "2026-11-22T03:47:00Z" {
		t.Errorf("getSessionInfo: %v", info)
	}
	if access, _ := row(); access != first {
		t.Errorf("the row after 30 s: %v", access)
	}
	clock.add(30 * time.Second)
	c.token = own.Token
	c.action("getSessionInfo", "", "{}")
	c.token = admin
	if access, idleEnd := row(); access != "2026-11-22T03:17:30Z" || idleEnd != "2026-11-22T03:47:30Z" {
		t.Errorf("the row after 60 s: %v, %v", access, idleEnd)
	}
	clock.add(5 * time.Minute)
	c.action("getSessionInfo", own.Token, "{}")
	if idle := c.do("POST", "/sessions?_action=getIdle&tokenId="+own.Token, "", "Accept-API-Version", "resource=1.2"); idle.body != `{"idletime":300}` {
		t.Errorf("an administrator's look resets nothing: %s", idle.body)
	}
}

func TestTheListIsCutSilentlyAndKeepsTheOldest(t *testing.T) {
	for _, c := range []struct{ sessions, limit, rows int }{{119, 0, 119}, {120, 0, 120}, {136, 0, 120}, {136, 130, 130}, {136, 5000, 136}} {
		cl := start(t, Options{Sessions: c.sessions, ListCap: c.limit}).asAdmin()
		rows := cl.query(`username eq "demo" and realm eq "/"`).rows(t)
		if len(rows) != c.rows {
			t.Errorf("%d sessions, cap %d: %d rows", c.sessions, c.limit, len(rows))
		}
		for i, s := range cl.sim.Sessions()[:c.rows] {
			if rows[i]["sessionHandle"] != s.Handle {
				t.Errorf("%d sessions, cap %d: row %d is not the oldest left", c.sessions, c.limit, i)
				break
			}
		}
	}
	cl := start(t, Options{Sessions: 136}).asAdmin()
	put := cl.do("PUT", "/global-config/services/session", `{"search":{"maxSessionListSize":130}}`, "Accept-API-Version", "resource=1.0")
	if rows := cl.query(`username eq "demo" and realm eq "/"`).rows(t); put.status != 200 || len(rows) != 130 {
		t.Errorf("after a PUT of the cap (%d): %d rows", put.status, len(rows))
	}
	cl.sim.SetListCap(7)
	if rows := cl.query(`realm eq "/"`).rows(t); len(rows) != 7 {
		t.Errorf("after SetListCap: %d rows", len(rows))
	}
}

func TestListsAreInLowerCaseAndInfosAsTyped(t *testing.T) {
	c := start(t, Options{Realms: 1}).asAdmin()
	must(t, c.sim.AddUser("/alpha", "UpperCase", "changeit"))
	s := login(t, c.sim, "/alpha", "UpperCase")
	row := c.query(`username eq "uppercASE" and realm eq "/ALPHA"`).rows(t)[0]
	if row["username"] != "uppercase" || row["universalId"] != "id=uppercase,ou=user,o=alpha,ou=services,dc=openam,dc=example,dc=org" {
		t.Errorf("row: %v", row)
	}
	if info := c.action("getSessionInfo", s.Token, "{}").doc(t); info["username"] != "UpperCase" || info["sessionHandle"] != s.Handle {
		t.Errorf("info: %v", info)
	}
}

func TestSessionsOutliveTheirUserAndTheirRealm(t *testing.T) {
	c := start(t, Options{Realms: 2}).asAdmin()
	must(t, c.sim.AddUser("/bravo", "gone", "changeit"))
	s := login(t, c.sim, "/bravo", "gone")
	must(t, c.sim.DeleteUser("/bravo", "gone"))
	c.do("DELETE", "/global-config/realms/L2JyYXZv", "", "Accept-API-Version", "resource=1.0")
	if !c.listed("/bravo", s.Handle) || c.action("getSessionInfo", s.Token, "{}").doc(t)["username"] != "gone" {
		t.Error("the session is gone with its user and realm")
	}
	if _, err := c.sim.Login("/bravo", "gone"); err == nil {
		t.Error("a login to a deleted realm")
	}
}

func TestQuotasMakeRoomOrRefuse(t *testing.T) {
	const prefix = "org.forgerock.openam.session.service."
	for action, want := range map[string]struct {
		left    int
		refused bool
		oldest  bool // whether the oldest session survives
	}{
		"DestroyNextExpiringAction": {left: 5},
		"DestroyOldestAction":       {left: 5},
		"DestroyAllAction":          {left: 1},
		"DenyAccessAction":          {left: 5, refused: true, oldest: true},
	} {
		clock := newClock()
		c := start(t, clock.in(Options{Realms: 1})).asAdmin()
		c.do("PUT", "/global-config/services/session", `{"quotas":{"iplanet-am-session-enable-session-constraint":"ON","behaviourWhenQuotaExhausted":"`+prefix+action+`"}}`, "Accept-API-Version", "resource=1.0")
		var handles []string
		for range 5 {
			handles = append(handles, login(t, c.sim, "/alpha", "demo").Handle)
			clock.add(time.Second)
		}
		sixth := c.do("POST", "/alpha/authenticate", "", "X-OpenAM-Username", "demo", "X-OpenAM-Password", "changeit")
		if (sixth.status == 401) != want.refused || want.refused && sixth.doc(t)["message"] != "You have reached your session limit." {
			t.Errorf("%s: the sixth login: %d %s", action, sixth.status, sixth.body)
		}
		if rows := c.query(`realm eq "/alpha"`).rows(t); len(rows) != want.left || c.listed("/alpha", handles[0]) != want.oldest {
			t.Errorf("%s: %d sessions left, the oldest among them %v", action, len(rows), c.listed("/alpha", handles[0]))
		}
	}
}

func TestClientSideSessionsAreNowhereButInTheirToken(t *testing.T) {
	c := start(t, Options{Realms: 1}).asAdmin()
	c.do("PUT", "/realms/root/realms/alpha/realm-config/authentication", `{"general":{"statelessSessionsEnabled":true}}`, "Accept-API-Version", "resource=1.0")
	s := login(t, c.sim, "/alpha", "demo")
	if len(s.Token) != 2167 || !strings.HasPrefix(s.Token, "*AAJTSQACMDEAAlMxAAA.*eyJ") || s.Handle != "" || !s.ClientSide {
		t.Errorf("%d characters, handle %q", len(s.Token), s.Handle)
	}
	info := c.action("getSessionInfo", s.Token, "{}")
	if doc := info.doc(t); doc["username"] != "demo" || doc["sessionHandle"] != nil {
		t.Errorf("info: %s", info.body)
	}
	if rows := c.query(`realm eq "/alpha"`).rows(t); len(rows) != 0 {
		t.Errorf("listed: %v", rows)
	}
	c.action("logout", s.Token, "{}")
	if again := c.action("getSessionInfo", s.Token, "{}"); again.doc(t)["username"] != "demo" {
		t.Errorf("after logout: %s", again.body)
	}
}

func TestADisabledUserCannotLogInButKeepsItsSessions(t *testing.T) {
	c := start(t, Options{Realms: 1}).asAdmin()
	s := login(t, c.sim, "/alpha", "demo")
	must(t, c.sim.DisableUser("/alpha", "demo"))
	r := c.do("POST", "/alpha/authenticate", "", "X-OpenAM-Username", "demo", "X-OpenAM-Password", "changeit")
	if r.status != 401 || r.doc(t)["message"] != "Your account has been locked." || !c.listed("/alpha", s.Handle) {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestUserListsAreCutToo(t *testing.T) {
	c := start(t, Options{Users: 1200}).asAdmin()
	names := c.do("GET", "/users?_queryFilter=true", "", "Accept-API-Version", "resource=2.1").doc(t)["result"].([]any)
	if len(names) < 1000 || len(names) > 1000+len(rootUsers) {
		t.Errorf("%d names", len(names))
	}
	c.sim.SetUserCap(10)
	if rows := c.do("GET", "/users?_queryFilter=uid+sw+%22b%22", "", "Accept-API-Version", "resource=3.0").rows(t); len(rows) != 10 {
		t.Errorf("%d rows after SetUserCap", len(rows))
	}
}

func TestAServerIsTheSameForTheSameSeed(t *testing.T) {
	all := func(seed uint64) string {
		sim, err := New(newClock().in(Options{Realms: 4, Users: 50, Sessions: 200, Seed: seed}))
		must(t, err)
		return fmt.Sprint(sim.Sessions())
	}
	if one, again, other := all(1), all(1), all(2); one != again || one == other {
		t.Error("sessions depend on something else than the seed")
	}
}

func TestNewNamesTheOptionThatCannotBe(t *testing.T) {
	for want, o := range map[string]Options{
		"Profile":  {Profile: "am-99"},
		"Sessions": {Sessions: -1},
		"Realms":   {Profile: "aic", Realms: 3},
		"Faults":   {Faults: []string{"nonsense"}},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want+":") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestRealmNamesGoOnForever(t *testing.T) {
	paths := realmPaths(60)
	if !slices.Equal(paths[:5], []string{"/alpha", "/bravo", "/alpha/nested", "/charlie", "/delta"}) {
		t.Errorf("%v", paths[:5])
	}
	slices.Sort(paths)
	if len(slices.Compact(paths)) != 60 {
		t.Errorf("not 60 different ones: %v", paths)
	}
}

func TestRequestsAreLoggedInBounds(t *testing.T) {
	c := start(t, Options{}).asAdmin()
	c.query(`realm eq "/"`)
	c.action("logout", "", "{}")
	got := c.sim.Requests()
	if len(got) != 2 || got[0].Action != "query" || got[1].Action != "logout" || got[0].Version != c.api || got[1].Path != "/openam/json/sessions" {
		t.Errorf("%+v", got)
	}
	c.sim.ResetRequests()
	c.sim.LogRequests(false)
	c.query("true")
	if n := len(c.sim.Requests()); n != 0 {
		t.Errorf("%d logged while off", n)
	}
}

// All requests run concurrently, for the race detector.
func TestAServerIsSafeForConcurrentUse(t *testing.T) {
	c := start(t, Options{Realms: 3, Users: 30, Sessions: 300}).asAdmin()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				s, err := c.sim.Login("/alpha", "demo")
				if err != nil {
					t.Error(err)
					return
				}
				c.query(`realm eq "/alpha"`)
				c.action("updateSessionProperties", s.Token, `{"p":"v"}`)
				c.action("refresh", s.Token, "{}")
				c.do("GET", "/users?_queryFilter=true", "")
				_ = c.sim.AddRealm(fmt.Sprintf("/r%d", i))
				c.do("PUT", "/realms/root/realms/alpha/realm-config/services/amSessionPropertyWhitelist", `{"sessionPropertyWhitelist":["p"]}`)
				c.action("logoutByHandle", "", `{"sessionHandles":["`+s.Handle+`"]}`)
			}
		})
	}
	wg.Wait()
	if got := len(c.sim.Sessions()); got != 300+2 {
		t.Errorf("%d sessions are left", got)
	}
}
