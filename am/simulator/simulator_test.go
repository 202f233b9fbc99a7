package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A client talks to a simulator over HTTP.
type client struct {
	t     *testing.T
	sim   *Server
	base  string
	http  *http.Client
	token string
	api   string
	host  string // host name in requests; empty: that of base
}

// fakeClock is a clock that tests set.
type fakeClock struct{ at time.Time }

func (c *fakeClock) now() time.Time       { return c.at }
func (c *fakeClock) add(d time.Duration)  { c.at = c.at.Add(d) }
func newClock() *fakeClock                { return &fakeClock{time.Date(2026, 11, 22, 3, 16, 30, 250e6, time.UTC)} }
func (c *fakeClock) in(o Options) Options { o.Clock = c.now; return o }

func start(t *testing.T, o Options) *client {
	t.Helper()
	sim, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(sim)
	t.Cleanup(srv.Close)
	c := &client{t: t, sim: sim, base: srv.URL + sim.ContextPath() + "/json", http: srv.Client(), api: "protocol=1.0,resource=2.0"}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// asAdmin signs the client in as the administrator.
func (c *client) asAdmin() *client {
	c.t.Helper()
	x, err := c.sim.Login("/", adminName)
	if err != nil {
		c.t.Fatal(err)
	}
	c.token = x.Token
	return c
}

type response struct {
	status int
	header http.Header
	body   string
}

func (c *client) do(method, path, body string, header ...string) response {
	c.t.Helper()
	req, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.host != "" {
		req.Host = c.host
	}
	req.Header.Set("Content-Type", "application/json")
	if c.api != "" {
		req.Header.Set("Accept-API-Version", c.api)
	}
	if c.token != "" {
		req.Header.Set(c.sim.CookieName(), c.token)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i+1] == "" {
			req.Header.Del(header[i])
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response{res.StatusCode, res.Header, string(data)}
}

func (c *client) query(filter string) response {
	c.t.Helper()
	return c.do("GET", "/sessions?_queryFilter="+url.QueryEscape(filter), "")
}

func (c *client) action(name, token, body string) response {
	c.t.Helper()
	path := "/sessions?_action=" + name
	if token != "" {
		path += "&tokenId=" + url.QueryEscape(token)
	}
	return c.do("POST", path, body)
}

// rows returns the rows of a list.
func (r response) rows(t *testing.T) []map[string]any {
	t.Helper()
	var doc struct {
		Result      []map[string]any
		ResultCount int
	}
	if err := json.Unmarshal([]byte(r.body), &doc); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	if doc.ResultCount != len(doc.Result) {
		t.Errorf("resultCount %d for %d rows", doc.ResultCount, len(doc.Result))
	}
	return doc.Result
}

func (r response) doc(t *testing.T) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(r.body), &doc); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return doc
}

func TestAFreshServerIsAsJustInstalled(t *testing.T) {
	c := start(t, Options{}).asAdmin()
	rows := c.query(`realm eq "/"`).rows(t)
	if len(rows) != 2 || rows[0]["username"] != "dsameuser" || rows[1]["username"] != "amadmin" {
		t.Errorf("the root realm lists %v", rows)
	}
	if !strings.HasPrefix(rows[0]["maxSessionExpirationTime"].(string), "2068-") && c.sim.options.Clock == nil {
		t.Logf("dsameuser until %v", rows[0]["maxSessionExpirationTime"])
	}
	login := c.do("POST", "/authenticate", "", "X-OpenAM-Username", "demo", "X-OpenAM-Password", "changeit")
	if login.status != 200 || !strings.HasPrefix(login.doc(t)["tokenId"].(string), "AQIC5wM2LY4Sfc") {
		t.Errorf("demo logs in: %d %s", login.status, login.body)
	}
}

func TestPopulationIsSpreadAndAlive(t *testing.T) {
	sim, err := New(Options{Realms: 3, Users: 200, Sessions: 1000})
	if err != nil {
		t.Fatal(err)
	}
	byRealm := map[string]int{}
	for _, s := range sim.Sessions() {
		byRealm[s.Realm]++
	}
	total := byRealm["/alpha"] + byRealm["/bravo"] + byRealm["/alpha/nested"]
	if total != 1000 || byRealm["/alpha"] == 0 || byRealm["/bravo"] == 0 || byRealm["/alpha/nested"] == 0 {
		t.Errorf("1000 sessions are spread as %v", byRealm)
	}
}
