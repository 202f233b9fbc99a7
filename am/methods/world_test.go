package methods_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A world is a simulated AM, a handler in front of it, and what ends its sessions.
type world struct {
	*methods.Terminator
	server  *simulator.Server
	tamper  func(w http.ResponseWriter, r *http.Request, body []byte) (done bool)
	notices []string
}

func newWorld(t *testing.T, options simulator.Options) *world {
	t.Helper()
	server, err := simulator.New(options)
	must(t, err)
	w := &world{server: server}
	web := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if w.tamper != nil && w.tamper(response, r, body) {
			return
		}
		w.pass(response, r, body)
	}))
	t.Cleanup(web.Close)
	user, password := server.Admin()
	credentials := rest.Password{Username: user, Password: password}
	client, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), Credentials: credentials})
	must(t, err)
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	w.Terminator = &methods.Terminator{
		Client: client, Inventory: inventory.New(client, inventory.Options{}), Max: 10_000, Connection: "am", Who: "tester", Reason: "INC-1",
		Notify: func(notice string) { w.notices = append(w.notices, notice) },
	}
	return w
}

// pass forwards a request to the simulated AM.
func (w *world) pass(response http.ResponseWriter, r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	w.server.ServeHTTP(response, r)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sessions returns the live sessions of users in the realm.
func (w *world) sessions(realm string) (sessions []methods.Session) {
	for _, s := range w.server.Sessions() {
		if s.Realm == realm && s.Token != "" {
			sessions = append(sessions, methods.Session{Handle: s.Handle})
		}
	}
	return sessions
}

// changing returns the actions of requests that could have changed a session.
func (w *world) changing() (actions []string) {
	for _, r := range w.server.Requests() {
		if strings.HasPrefix(strings.ToLower(r.Action), "logout") || r.Action == "refresh" || strings.HasPrefix(r.Action, "update") {
			actions = append(actions, r.Action)
		}
	}
	return actions
}

func states(outcomes []methods.Outcome) map[methods.State]int {
	counts := map[methods.State]int{}
	for _, o := range outcomes {
		counts[o.State]++
	}
	return counts
}

func isLogout(r *http.Request) bool { return r.URL.Query().Get("_action") == "logoutByHandle" }

func answer(response http.ResponseWriter, status int) {
	response.Header().Set("Content-Type", "application/json")
	response.WriteHeader(status)
	fmt.Fprintf(response, `{"code":%d,"reason":"%s","message":"spoilt"}`, status, http.StatusText(status))
}

// saying returns a handler that gives this answer for each handle to end, without ending anything.
func saying(t *testing.T, ended bool) func(http.ResponseWriter, *http.Request, []byte) bool {
	return func(response http.ResponseWriter, r *http.Request, body []byte) bool {
		if !isLogout(r) {
			return false
		}
		var list struct{ SessionHandles []string }
		must(t, json.Unmarshal(body, &list))
		answers := map[string]bool{}
		for _, handle := range list.SessionHandles {
			answers[handle] = ended
		}
		response.Header().Set("Content-Type", "application/json")
		must(t, json.NewEncoder(response).Encode(map[string]any{"result": answers}))
		return true
	}
}

// oneByOne makes a client with a token that cannot be renewed, which sends one request at a time.
func (w *world) oneByOne(t *testing.T, token string) {
	client, err := rest.New(rest.Config{BaseURL: w.Client.BaseURL(), Credentials: rest.SSOToken(token), MaxConcurrency: 1})
	must(t, err)
	w.Client, w.Inventory = client, inventory.New(client, inventory.Options{})
}

// setter configures the server over HTTP.
type setter struct {
	t     *testing.T
	url   string
	token string
}

func adminOf(t *testing.T, w *world, user, password string) *setter {
	s := &setter{t: t, url: w.Client.BaseURL() + "/json"}
	s.token = s.login("/", user, password)
	return s
}

func (s *setter) login(realm, user, password string) string {
	path := "/realms/root"
	if realm != "/" {
		path += "/realms" + realm
	}
	var reply struct{ TokenID string }
	s.do("POST", path+"/authenticate", "{}", &reply, "X-OpenAM-Username", user, "X-OpenAM-Password", password)
	return reply.TokenID
}

func (s *setter) put(path, body string) {
	s.do("PUT", path, body, nil, "iPlanetDirectoryPro", s.token, "Accept-API-Version", "resource=1.0")
}

func (s *setter) post(path, body string) {
	s.do("POST", path, body, nil, "iPlanetDirectoryPro", s.token, "Accept-API-Version", "resource=1.0")
}

func (s *setter) do(method, path, body string, reply any, header ...string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	must(s.t, err)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	must(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(s.t, err)
	if response.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %s %s", method, path, response.Status, text)
	}
	if reply != nil {
		must(s.t, json.Unmarshal(text, reply))
	}
}

// sessionsOf returns a realm's sessions, with their users.
func (w *world) sessionsOf(t *testing.T, realm string) (sessions []methods.Session) {
	t.Helper()
	for _, s := range w.server.Sessions() {
		if s.Realm == realm && s.Token != "" {
			sessions = append(sessions, methods.Session{Handle: s.Handle, Username: s.Username, Realm: realm})
		}
	}
	return sessions
}
