package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// world is what each case of the contract has to itself: a realm, our client signed in as the administrator, and plain
// REST calls to set up the case and to check the result.
type world struct {
	*testing.T
	*rest.Client
	admin  *openamtest.Admin
	realm  string // exists, and belongs to this case only
	prefix string // of the names of users, which OpenAM's realms share

	address, user, password string
}

const userPassword = "changeit"

func newWorld(t *testing.T, number int, address, user, password string) *world {
	t.Helper()
	w := &world{
		T: t, address: address, user: user, password: password,
		realm: fmt.Sprintf("/case%02d", number), prefix: fmt.Sprintf("u%02d", number),
		admin: openamtest.ConnectTo(t, address, user, password),
	}
	w.must(w.admin.CreateRealm(t.Context(), w.realm))
	w.Client = w.client(rest.Config{Credentials: rest.Password{Username: user, Password: password}})
	return w
}

// client returns a client of the same server, which is closed when the test ends.
func (w *world) client(config rest.Config) *rest.Client {
	w.Helper()
	config.BaseURL = w.address
	c, err := rest.New(config)
	w.must(err)
	w.Cleanup(func() { w.closes(c) })
	return c
}

func (w *world) closes(c *rest.Client) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.Context()), 10*time.Second)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		w.Errorf("close: %v", err)
	}
}

// as returns a client that signs in as a user of the case's realm.
func (w *world) as(user string) *rest.Client {
	return w.client(rest.Config{Realm: w.realm, Credentials: rest.Password{Username: user, Password: userPassword}})
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// logins creates users in a realm and logs them in one after the other. Their sessions end with the test.
func (w *world) logins(realm string, users ...string) []string {
	w.Helper()
	known := map[string]bool{}
	tokens := make([]string, len(users))
	for i, user := range users {
		if !known[user] {
			w.must(w.admin.CreateUser(w.Context(), realm, user, userPassword))
			known[user] = true
		}
		token, err := w.admin.Login(w.Context(), realm, user, userPassword)
		w.must(err)
		tokens[i] = token
	}
	w.Cleanup(func() {
		if err := w.admin.LogoutMany(context.WithoutCancel(w.Context()), tokens...); err != nil {
			w.Error(err)
		}
	})
	return tokens
}

func (w *world) login(user string) string { return w.logins(w.realm, user)[0] }

// sessions returns the rows of a query by our client.
func (w *world) sessions(q rest.SessionQuery) []*rest.Session {
	w.Helper()
	return collect(w, w.Sessions(w.Context(), q))
}

// names returns the users of the case's sessions, sorted.
func (w *world) names() []string {
	var names []string
	for _, s := range w.sessions(rest.SessionQuery{Realm: w.realm}) {
		names = append(names, s.Username)
	}
	slices.Sort(names)
	return names
}

// handle returns the handle of a token's session.
func (w *world) handle(token string) string {
	w.Helper()
	info, err := w.SessionInfo(w.Context(), token)
	w.must(err)
	if info.Handle == "" {
		w.Fatalf("the session has no handle: %+v", info)
	}
	return info.Handle
}

// alive reports whether a token is valid, according to the answer to a request that it makes.
func (w *world) alive(token string) bool {
	w.Helper()
	status, _ := w.raw(http.MethodPost, "sessions?_action=getSessionInfo", "protocol=1.0,resource=2.0", token, nil)
	return status == http.StatusOK
}

func (w *world) expectAlive(token string, want bool) {
	w.Helper()
	if got := w.alive(token); got != want {
		w.Errorf("the session lives: %v, want %v", got, want)
	}
}

// status returns the answer to a request of the administrator, whatever it is.
func (w *world) status(method, path, version string) (status int, text string) {
	w.Helper()
	response := w.exchange(method, path, version, w.admin.Token, nil)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	w.must(err)
	return response.StatusCode, string(body)
}

// raw sends a request without our client.
func (w *world) raw(method, path, version, token string, body any) (status int, reply map[string]any) {
	w.Helper()
	response := w.exchange(method, path, version, token, body)
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&reply); err != nil {
		w.Fatalf("%s %s answered %s: %v", method, path, response.Status, err)
	}
	return response.StatusCode, reply
}

func (w *world) exchange(method, path, version, token string, body any) *http.Response {
	w.Helper()
	var payload []byte
	if body != nil {
		var err error
		payload, err = json.Marshal(body)
		w.must(err)
	}
	request, err := http.NewRequestWithContext(context.WithoutCancel(w.Context()), method, w.address+"/json/"+path, bytes.NewReader(payload))
	w.must(err)
	for name, value := range map[string]string{"Accept-API-Version": version, "Content-Type": "application/json", w.admin.CookieName: token} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	w.must(err)
	return response
}

// change sends a request of the administrator, which must succeed.
func (w *world) change(method, path, version string, body any) {
	w.Helper()
	if status, reply := w.raw(method, path, version, w.admin.Token, body); status/100 != 2 {
		w.Fatalf("%s %s answered %d: %v", method, path, status, reply)
	}
}

// realmPath returns the path of the case's realm in URLs, to which a resource is appended.
func (w *world) realmPath() string {
	return "realms/root/realms/" + strings.TrimPrefix(w.realm, "/") + "/"
}

func collect[T any](t testing.TB, rows iter.Seq2[*T, error]) []*T {
	t.Helper()
	var all []*T
	for row, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	return all
}

// firstError returns the error that ends a sequence, and the number of rows before it.
func firstError[T any](rows iter.Seq2[*T, error]) (n int, err error) {
	for _, err := range rows {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// expectStatus expects an error of AM with this status and a message that contains the text.
func expectStatus(t testing.TB, err error, status int, text string) {
	t.Helper()
	var e *rest.Error
	if !errors.As(err, &e) || e.Status != status || !strings.Contains(e.Error(), text) {
		t.Errorf("got %v, want an answer %d with %q", err, status, text)
	}
}

func expectUnsupported(t testing.TB, err error, version, workaround string) {
	t.Helper()
	var e *rest.UnsupportedError
	if !errors.As(err, &e) || e.Version != version || !strings.Contains(e.Workaround, workaround) || !rest.IsUnsupported(err) {
		t.Errorf("got %v, want an *UnsupportedError of version %s that names %s", err, version, workaround)
	}
}

// await waits until a change takes effect in OpenAM, a moment after its answer.
func (w *world) await(what string, holds func() bool) {
	w.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("%s: not in time", what)
		}
	}
}

// near reports whether two times differ by only a few seconds, because tests may run on machines under load.
func near(a, b time.Time) bool { return a.Sub(b).Abs() < 10*time.Second }
