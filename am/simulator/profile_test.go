package simulator

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestVersionsAnswerAsTheNewestOfTheirMajor(t *testing.T) {
	for _, c := range []struct{ profile, asked, want string }{ // an empty want means 404
		{"openam", "resource=1.0", "1.2"},
		{"openam", "resource=2", "2.0"},
		{"openam", "", "2.0"},
		{"openam", "resource=2.1", ""},
		{"openam", "resource=4.0", ""},
		{"am-5.5", "resource=3", "3.0"},
		{"am-5.5", "resource=3.1", ""},
		{"am-5.5", "resource=4.0", ""},
		{"am-7", "resource=2.0", "2.1"},
		{"am-7", "resource=3.0", "3.1"},
		{"am-7", "resource=5.1", ""},
		{"pingam-8.1", "", "5.1"},
		{"pingam-8.1", "resource=4.0", "4.0"},
		{"pingam-8.1", "resource=5.0", "5.1"},
		{"aic", "resource=9.0", ""},
	} {
		cl := start(t, Options{Profile: c.profile}).asAdmin()
		cl.api = c.asked
		r := cl.query(`realm eq "/nowhere"`)
		if got := strings.TrimPrefix(r.header.Get("Content-API-Version"), "resource="); got != c.want || (r.status == 404) != (c.want == "") {
			t.Errorf("%s, %s: %d %q, want %q", c.profile, c.asked, r.status, got, c.want)
		}
	}
}

// A tokenId in the wrong place is ignored, and the action applies to the caller's session, which is a trap for clients.
func TestTheTokensPlaceDependsOnTheVersion(t *testing.T) {
	for _, c := range []struct {
		profile, api   string
		inURL, inBody  bool
		withoutVersion bool
	}{
		{profile: "openam", api: "resource=2.0", inURL: true},
		{profile: "am-5.5", api: "resource=2.0", inURL: true},
		{profile: "am-5.5", api: "resource=3.0", inBody: true},
		{profile: "am-7", api: "resource=4.0", inBody: true},
		{profile: "pingam-8.1", api: "resource=2.1", inURL: true},
		{profile: "pingam-8.1", api: "resource=3.1", inBody: true},
		{profile: "pingam-8.1", api: "resource=5.1", inBody: true},
	} {
		cl := start(t, Options{Profile: c.profile}).asAdmin()
		cl.api = c.api
		target := login(t, cl.sim, "/", "demo")
		user := func(r response) bool { return r.doc(t)["username"] == "demo" }
		if got := user(cl.action("getSessionInfo", target.Token, "{}")); got != c.inURL {
			t.Errorf("%s, %s: the URL's token counts: %v", c.profile, c.api, got)
		}
		if got := user(cl.action("getSessionInfo", "", `{"tokenId":"`+target.Token+`"}`)); got != c.inBody {
			t.Errorf("%s, %s: the body's token counts: %v", c.profile, c.api, got)
		}
	}
}

func TestACookieAloneChangesNothingWhereTheRuleIs(t *testing.T) {
	for profile, refused := range map[string]bool{"openam": false, "am-5.5": false, "am-7": true, "pingam-8.1": true} {
		c := start(t, Options{Profile: profile}).asAdmin()
		cookie := c.sim.CookieName() + "=" + c.token
		c.token = ""
		for _, attempt := range []struct {
			method  string
			headers []string
			refused bool
		}{
			{"POST", nil, refused},
			{"POST", []string{"X-Requested-With", "amsql"}, false},
			{"POST", []string{"Accept-API-Version", "resource=2.0"}, false},
			{"GET", nil, false},
		} {
			path := "/sessions?_action=getSessionInfo"
			if attempt.method == "GET" {
				path = "/sessions?_queryFilter=" + url.QueryEscape(`realm eq "/"`)
			}
			r := c.do(attempt.method, path, "", append([]string{"Cookie", cookie, "Accept-API-Version", ""}, attempt.headers...)...)
			if (r.status == 403) != attempt.refused {
				t.Errorf("%s: %s with %v: %d %s", profile, attempt.method, attempt.headers, r.status, r.body)
			}
		}
	}
}

func TestProfilesDifferInTheirRowsAndWords(t *testing.T) {
	for _, c := range []struct {
		profile, accessTime, handlePattern, message string
		warns                                       bool
	}{
		{"openam", `^[^.]+Z$`, `^shandle:AQIC5wM2LY4Sfc.{34}\*AAJTSQACMDEAAlNLAB`, "Resource &#39;nosuch&#39; not found", false},
		{"am-5.5", `\.\d{3}Z$`, `^shandle:AQIC5wM2LY4Sfc`, "Resource 'nosuch' not found", false},
		{"am-7", `\.\d{3}Z$`, `^shandle:[^*]{27}\.\*AAJTSQACMDEAAlNLABw.*AAR0eXBlAANDVFMAAlMx`, "Resource 'nosuch' not found", true},
		{"pingam-8.1", `\.\d{3}Z$`, `^shandle:[^*]{27}\.\*AAJTSQACMDEAAlNLABw`, "Resource 'nosuch' not found", true},
	} {
		cl := start(t, newClock().in(Options{Profile: c.profile})).asAdmin()
		cl.api = ""
		r := cl.query(`username eq "amadmin" and realm eq "/"`)
		row := r.rows(t)[0]
		for pattern, value := range map[string]any{c.accessTime: row["latestAccessTime"], c.handlePattern: row["sessionHandle"]} {
			if !regexp.MustCompile(pattern).MatchString(value.(string)) {
				t.Errorf("%s: %v is not like %s", c.profile, value, pattern)
			}
		}
		if got := r.header.Get("Warning") != ""; got != c.warns {
			t.Errorf("%s: Warning %q", c.profile, r.header.Get("Warning"))
		}
		if got := cl.do("GET", "/nosuch", "").doc(t)["message"]; got != c.message {
			t.Errorf("%s: %v", c.profile, got)
		}
	}
}

func TestRowsCarryTheWhitelistedQueryProperties(t *testing.T) {
	c := start(t, Options{Profile: "pingam-8.1", Realms: 1, Users: 1}).asAdmin()
	must(t, c.sim.AddUser("/alpha", "scarter", "secret"))
	s := login(t, c.sim, "/alpha", "scarter")
	c.do("POST", "/realms/root/realms/alpha/realm-config/services/amSessionPropertyWhitelist?_action=create", `{"sessionPropertyWhitelist":["p"],"whitelistedQueryProperties":["p"]}`, "Accept-API-Version", "resource=1.0")
	c.api = "resource=4.0"
	c.action("updateSessionProperties", "", `{"tokenId":"`+s.Token+`","p":"v"}`)
	rows := c.query(`realm eq "/alpha"`).rows(t)
	if len(rows) != 1 || fmt.Sprint(rows[0]["properties"]) != "map[p:v]" {
		t.Errorf("%v", rows)
	}
}

func TestUsersComeInPagesFrom40(t *testing.T) {
	c := start(t, Options{Profile: "pingam-8.1", Realms: 1, Users: 35}).asAdmin()
	c.api = "protocol=2.1,resource=4.0"
	seen := map[string]bool{}
	pages, cookie := 0, ""
	for {
		r := c.do("GET", "/realms/root/realms/alpha/users?_queryFilter=true&_pageSize=10&_pagedResultsCookie="+cookie, "")
		for _, row := range r.rows(t) {
			seen[row["_id"].(string)] = true
		}
		pages++
		next, more := r.doc(t)["pagedResultsCookie"].(string)
		if !more {
			break
		}
		cookie = next
	}
	if len(seen) != 35 || pages != 4 {
		t.Errorf("%d users on %d pages", len(seen), pages)
	}
	r := c.do("GET", "/realms/root/realms/alpha/users?_queryFilter=true&_pageSize=0&_totalPagedResultsPolicy=EXACT", "")
	if r.doc(t)["totalPagedResults"] != 35.0 || r.header.Get("Content-API-Version") != "protocol=2.1,resource=4.1" {
		t.Errorf("%v %v", r.doc(t)["totalPagedResults"], r.header)
	}
}

func TestRefreshIsObeyedOnceAMinuteByAM(t *testing.T) {
	for profile, idle := range map[string]float64{"openam": 0, "am-7": 21} {
		clock := newClock()
		c := start(t, clock.in(Options{Profile: profile})).asAdmin()
		c.api = "resource=2.0"
		s := login(t, c.sim, "/", "demo")
		clock.add(21 * time.Second)
		if got := c.action("refresh", s.Token, "{}").doc(t)["idletime"]; got != idle {
			t.Errorf("%s after 21 s: idletime %v", profile, got)
		}
		clock.add(60 * time.Second)
		if got := c.action("refresh", s.Token, "{}").doc(t)["idletime"]; got != 0.0 {
			t.Errorf("%s after 81 s: idletime %v", profile, got)
		}
	}
}

// Whatever characters a name contains, a filter that quotes it finds only its user.
func TestAQuotedNameFindsItsUser(t *testing.T) {
	c := start(t, Options{Realms: 1, Users: 3}).asAdmin()
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	alphabet := []rune(`abc XYZ'"\/%+,=;<>#@.-_~^{}[]|éü日本ß`)
	rng := rand.New(rand.NewPCG(1, 2))
	names := map[string]bool{}
	for range 300 {
		var b strings.Builder
		for range 1 + rng.IntN(12) {
			b.WriteRune(alphabet[rng.IntN(len(alphabet))])
		}
		name := strings.TrimSpace(b.String())
		if name == "" || names[strings.ToLower(name)] || c.sim.AddUser("/alpha", name, "changeit") != nil {
			continue
		}
		names[strings.ToLower(name)] = true
		s := login(t, c.sim, "/alpha", name)
		for _, by := range []string{name, s.UniversalID} {
			rows := c.query(`username eq "` + quote.Replace(by) + `" and realm eq "/alpha"`).rows(t)
			if len(rows) != 1 || rows[0]["sessionHandle"] != s.Handle {
				t.Fatalf("%q: %v", by, rows)
			}
		}
	}
}

func FuzzFiltersAreReadOrRefused(f *testing.F) {
	for _, text := range []string{`realm eq "/alpha"`, `(a eq 'b' and !(c pr)) or true`, "realm\teq", `a eq "\`, "((((", "!true"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseFilter(text)
		if (parsed == nil) == (err == nil) {
			t.Fatalf("%q: %v, %v", text, parsed, err)
		}
		if err == nil && len(filterText(parsed)) == 0 {
			t.Errorf("%q has no text", text)
		}
	})
}

// A user may refresh their own session, except on OpenAM (measured), and no other session.
func TestAUserRefreshesTheirOwnSession(t *testing.T) {
	for profile, want := range map[string]int{"openam": 403, "am-5.5": 200, "pingam-8.1": 200, "aic": 200} {
		c := start(t, Options{Profile: profile, Realms: 1})
		sessions := map[string]Session{}
		for _, name := range []string{"anna", "bert"} {
			if err := c.sim.AddUser("/alpha", name, userPassword); err != nil {
				t.Fatal(err)
			}
			session, err := c.sim.Login("/alpha", name)
			if err != nil {
				t.Fatal(err)
			}
			sessions[name] = session
		}
		c.token = sessions["anna"].Token
		if r := c.action("refresh", "", "{}"); r.status != want {
			t.Errorf("%s: the caller's own session: %d %s, want %d", profile, r.status, r.body, want)
		}
		if r := c.action("refresh", sessions["bert"].Token, "{}"); r.status != 403 {
			t.Errorf("%s: another's session: %d %s, want 403", profile, r.status, r.body)
		}
	}
}
