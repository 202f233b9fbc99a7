package rest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// canned is a server whose answers a test sets, by path and action or for all requests.
type canned struct {
	*httptest.Server
	answer func(http.ResponseWriter, *seen)

	mu   sync.Mutex
	seen []*seen
}

// seen is a request that the server received.
type seen struct {
	*http.Request
	body string
	nth  int // number among the requests of its action, from 1
}

// action returns the parameter _action, "query" for a list, or else the last element of the path.
func (s *seen) action() string {
	query := s.URL.Query()
	switch {
	case query.Get("_action") != "":
		return query.Get("_action")
	case query.Has("_queryFilter"):
		return "query"
	}
	return s.URL.Path[bytes.LastIndexByte([]byte(s.URL.Path), '/')+1:]
}

func (s *seen) field(name string) any {
	var body map[string]any
	if json.Unmarshal([]byte(s.body), &body) != nil {
		return nil
	}
	return body[name]
}

func can(t *testing.T, answer func(http.ResponseWriter, *seen)) *canned {
	t.Helper()
	c := &canned{answer: answer}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	c.Config.ErrorLog = log.New(io.Discard, "", 0) // it would log connections that tests break
	c.Start()
	t.Cleanup(c.Close)
	return c
}

func (c *canned) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s := &seen{Request: r, body: string(body)}
	c.mu.Lock()
	c.seen = append(c.seen, s)
	s.nth = c.count(s.action())
	c.mu.Unlock()
	c.answer(w, s)
}

func (c *canned) count(action string) (n int) {
	for _, s := range c.seen {
		if s.action() == action {
			n++
		}
	}
	return n
}

// times returns how many requests of an action there were.
func (c *canned) times(action string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count(action)
}

func (c *canned) last() *seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[len(c.seen)-1]
}

func (c *canned) requests() []*seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*seen(nil), c.seen...)
}

// client returns a client of the server. Unless configured, its version is fixed, and its timeout is suitable for
// tests.
func (c *canned) client(t *testing.T, config rest.Config) *rest.Client {
	t.Helper()
	config.BaseURL = c.URL + "/am"
	if config.Transport.Timeout == 0 {
		config.Transport.Timeout = 20 * time.Second // tests may run on machines under load
	}
	client, err := rest.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client may have disconnected
}

const oneRow = `{"result":[{"username":"bjensen","universalId":"id=bjensen,ou=user,o=alpha,ou=services,ou=am-config","realm":"/alpha",` +
	`"sessionHandle":"shandle:one","latestAccessTime":"2026-11-22T03:16:30.123Z","maxIdleExpirationTime":"2026-11-22T03:46:30Z",` +
	`"maxSessionExpirationTime":"2026-11-22T05:16:30Z"}],"resultCount":1,"pagedResultsCookie":null,"totalPagedResultsPolicy":"NONE",` +
	`"totalPagedResults":-1,"remainingPagedResults":-1}`

// wellAnswers contains a healthy server's answer to each action.
var wellAnswers = map[string]string{
	"authenticate":                   `{"tokenId":"` + newToken + `","successUrl":"/am/console","realm":"/"}`,
	"*":                              `{"cookieName":"iPlanetDirectoryPro","secureCookie":true,"realm":"/"}`,
	"access_token":                   `{"access_token":"` + newToken + `","scope":"fr:am:*","token_type":"Bearer","expires_in":899}`,
	"query":                          oneRow,
	"getSessionInfo":                 `{"username":"bjensen","realm":"/alpha"}`,
	"getSessionInfoAndResetIdleTime": `{"username":"bjensen","realm":"/alpha"}`,
	"validate":                       `{"valid":true,"sessionUid":"u-1","uid":"bjensen","realm":"/alpha"}`,
	"refresh":                        `{"uid":"bjensen","realm":"/alpha","idletime":0,"maxidletime":30,"maxsessiontime":120,"maxtime":7000}`,
	"logout":                         `{"result":"Successfully logged out"}`,
	"logoutByHandle":                 `{"result":{"shandle:one":true}}`,
	"logoutByUser":                   `{"result":true}`,
	"getSessionProperties":           `{"p1":"v1"}`,
	"updateSessionProperties":        `{"p1":"v1"}`,
	"session":                        `{"search":{"maxSessionListSize":120},"dynamic":{"maxIdleTime":30}}`,
	"version":                        `{"version":"8.1.0"}`,
}

// The tokens and passwords of these tests, which must not be shown anywhere.
const (
	newToken      = "AQIC5wM2LY4SfcNEW-TOKEN-secret.*AAJTSQACMDEAAlNL*"
	targetToken   = "AQIC5wM2LY4SfcTARGET-TOKEN-secret.*AAJTSQACMDEAAlNL*"
	fixedToken    = "AQIC5wM2LY4SfcFIXED-TOKEN-secret.*AAJTSQACMDEAAlNL*"
	fixedCode     = "CODE-424242-secret"
	adminPassword = `pass"word <secret> & more`
	longPassword  = "a password of the longer kind, which a header carries in pieces: ελληνικά και 日本語"
)

func well(w http.ResponseWriter, s *seen) {
	body, ok := wellAnswers[s.action()]
	if !ok {
		reply(w, http.StatusNotFound, `{"code":404,"reason":"Not Found","message":"no `+s.action()+`"}`)
		return
	}
	reply(w, http.StatusOK, body)
}
