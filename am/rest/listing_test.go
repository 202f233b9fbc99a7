package rest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

var testKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func testJWK(t *testing.T) string {
	t.Helper()
	key, err := testKey()
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return string(jwk)
}

// pager lists users in one of the servers' ways.
type pager struct {
	users int
	page  func(p *pager, r *http.Request) (from, to int, cookie string)
	sent  int
}

func byOffset(p *pager, r *http.Request) (from, to int, cookie string) {
	from, _ = strconv.Atoi(r.FormValue("_pagedResultsOffset"))
	size, _ := strconv.Atoi(r.FormValue("_pageSize"))
	from = min(from, p.users)
	return from, min(p.users, from+size), ""
}

// byCookie returns short pages, with a cookie that leads to an empty last one.
func byCookie(p *pager, r *http.Request) (from, to int, cookie string) {
	from, _ = strconv.Atoi(strings.TrimPrefix(r.FormValue("_pagedResultsCookie"), "at=:"))
	to = min(p.users, from+250)
	if from < p.users {
		cookie = fmt.Sprintf("at=:%d", to)
	}
	return from, to, cookie
}

func (p *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if strings.Contains(r.FormValue("_queryFilter"), "amsql-probe") {
		_, _ = io.WriteString(w, `{"result":[],"resultCount":0}`)
		return
	}
	p.sent++
	if p.sent > 100 {
		http.Error(w, "enough", http.StatusTeapot)
		return
	}
	from, to, cookie := p.page(p, r)
	rows := []map[string]any{}
	for i := from; i < to; i++ {
		rows = append(rows, map[string]any{"_id": fmt.Sprint("u", i), "username": []string{fmt.Sprint("name", i)}, "inetUserStatus": []string{"Active"}})
	}
	reply := map[string]any{"result": rows, "resultCount": len(rows), "pagedResultsCookie": nil}
	if cookie != "" {
		reply["pagedResultsCookie"] = cookie
	}
	_ = json.NewEncoder(w).Encode(reply) // the client may have disconnected
}

func (p *pager) list(t *testing.T) (users []string, err error) {
	t.Helper()
	server := httptest.NewServer(p)
	defer server.Close()
	c := newClient(t, server.URL+"/am", SSOToken("token"))
	c.config.CookieName = "cookie"
	for user, err := range c.Users(t.Context(), UserQuery{Realm: "/alpha", Status: true}) {
		if err != nil {
			return users, err
		}
		if user.Login != strings.Replace(user.ID, "u", "name", 1) || user.Status != "Active" {
			t.Errorf("a user is %+v", user)
		}
		users = append(users, user.ID)
	}
	return users, nil
}

func TestUsersAreListedPageByPage(t *testing.T) {
	for way, page := range map[string]func(*pager, *http.Request) (int, int, string){"by offset": byOffset, "by cookie": byCookie} {
		for _, n := range []int{0, 1, 249, 250, 251, 999, 1000, 1001, 2000, 2501} {
			users, err := (&pager{users: n, page: page}).list(t)
			if err != nil || len(users) != n {
				t.Errorf("%s: %d users of %d, %v", way, len(users), n, err)
			}
			if slices.Sort(users); len(slices.Compact(users)) != n {
				t.Errorf("%s: %d users, not all of them different", way, n)
			}
		}
	}
}

func TestAServerThatDoesNotPageIsNotAskedForEver(t *testing.T) {
	for way, page := range map[string]func(*pager, *http.Request) (int, int, string){
		"it ignores the offset":      func(p *pager, _ *http.Request) (int, int, string) { return 0, 1000, "" },
		"it ignores size and offset": func(p *pager, _ *http.Request) (int, int, string) { return 0, 1500, "" },
		"it repeats a cookie":        func(p *pager, _ *http.Request) (int, int, string) { return 0, 10, "again" },
		"it repeats an empty page":   func(p *pager, _ *http.Request) (int, int, string) { return 0, 0, "again" },
		"it goes round with cookies": func(p *pager, _ *http.Request) (int, int, string) {
			return p.sent % 3 * 10, p.sent%3*10 + 10, fmt.Sprint(p.sent)
		},
	} {
		p := &pager{page: page}
		users, err := p.list(t)
		if err == nil || !strings.Contains(err.Error(), "instead of continuing") || p.sent > 5 {
			t.Errorf("%s: %d users, %v after %d requests; want an error soon", way, len(users), err, p.sent)
		}
		if slices.Sort(users); len(slices.Compact(slices.Clone(users))) != len(users) {
			t.Errorf("%s: users come twice", way)
		}
	}
}

func TestConnectionsServeAgain(t *testing.T) {
	var mu sync.Mutex
	made := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"result":[{"username":"a"}],"resultCount":1`)
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, `}`)
		w.(http.Flusher).Flush() // the last chunk is sent automatically
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			mu.Lock()
			made++
			mu.Unlock()
		}
	}
	server.Start()
	defer server.Close()
	c := newClient(t, server.URL+"/am", AccessToken("token"))
	for range 50 {
		for _, err := range c.Sessions(t.Context(), SessionQuery{Realm: "/alpha"}) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if made != 1 {
		t.Errorf("%d connections for 50 queries, want 1", made)
	}
}

// answerOf returns an answer that the stream can read.
func answerOf(t testing.TB, body string) *answer {
	c, err := New(Config{BaseURL: "http://localhost/am", Credentials: SSOToken("token")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	return &answer{ctx: ctx, cancel: cancel, client: c, failure: &Error{What: "the query"}, status: &http.Response{Body: io.NopCloser(strings.NewReader(body))}}
}

func FuzzStreamResult(f *testing.F) {
	for _, body := range []string{
		`{"result":[],"resultCount":0}`,
		`{"result":[{"username":"a","latestAccessTime":"2026-11-22T03:16:30Z"},{"username":"b"}],"resultCount":2,"pagedResultsCookie":"c"}`,
		`{"resultCount":1,"result":[{"sessionHandle":"h","properties":{"a":1}}],"pagedResultsCookie":null}`,
		`{"result":[{}],"result":[{}],"resultCount":1}`,
		`{"result":[{"username":"a"}`, `{"result":null}`, `{}`, ``, `[]`, "\xff", `{"result":[1]}`, `{"resultCount":1e3,"result":[]} `,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		rows, failures := 0, 0
		streamResult(answerOf(t, body), func(s *Session, err error) bool {
			switch {
			case failures > 0:
				t.Fatalf("%q: something comes after the error", body)
			case err != nil:
				failures++
			case s == nil:
				t.Fatalf("%q: a row that is none", body)
			default:
				rows++
			}
			return true
		})
		if failures > 0 {
			return
		}
		// What the client accepts as complete must also be complete for another decoder.
		var whole map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &whole); err != nil || whole["result"] == nil {
			t.Fatalf("%q is taken for an answer: %v", body, err)
		}
		var announced *int
		if count := whole["resultCount"]; count != nil {
			if err := json.Unmarshal(count, &announced); err != nil {
				t.Fatalf("%q: the count: %v", body, err)
			}
		}
		if announced != nil && *announced != rows {
			t.Fatalf("%q: %d rows, announced %d", body, rows, *announced)
		}
	})
}
