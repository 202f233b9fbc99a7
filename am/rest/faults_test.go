package rest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// fault is something that goes wrong before an answer arrives. The result must then be the right answer, or an error
// that says what happened, but never a shorter answer.
type fault struct {
	name     string
	spoil    func(w http.ResponseWriter, s *seen)
	first    bool // only for the first request; otherwise always
	recovers outcome
	status   int    // status of the error
	says     string // text in the error
}

// outcome says which calls succeed: all, only those that may be sent twice, or none.
type outcome int

const (
	nobody outcome = iota
	repeatable
	everybody
)

var errorBody = `{"code":503,"reason":"Service Unavailable","message":"down for maintenance"}`

var faults = []fault{
	{name: "401 in the middle", first: true, recovers: everybody, spoil: func(w http.ResponseWriter, _ *seen) {
		reply(w, http.StatusUnauthorized, `{"code":401,"reason":"Unauthorized","message":"Access Denied"}`)
	}},
	{name: "401 for good", status: http.StatusUnauthorized, says: "check the account", spoil: func(w http.ResponseWriter, _ *seen) {
		reply(w, http.StatusUnauthorized, `{"code":401,"reason":"Unauthorized","message":"Access Denied"}`)
	}},
	{name: "429", first: true, recovers: everybody, spoil: func(w http.ResponseWriter, _ *seen) { reply(w, http.StatusTooManyRequests, `{}`) }},
	{name: "429 with an hour's Retry-After", status: http.StatusTooManyRequests, says: "max_concurrency", spoil: func(w http.ResponseWriter, _ *seen) {
		w.Header().Set("Retry-After", "3600")
		reply(w, http.StatusTooManyRequests, `{}`)
	}},
	{name: "503", first: true, recovers: repeatable, status: 503, says: "down for maintenance", spoil: func(w http.ResponseWriter, _ *seen) { reply(w, 503, errorBody) }},
	{name: "503 with a body that stalls", first: true, recovers: repeatable, status: 503, says: "try again later", spoil: func(w http.ResponseWriter, s *seen) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(503)
		stall(w, s)
	}},
	{name: "502 of a proxy", first: true, recovers: repeatable, status: 502, spoil: func(w http.ResponseWriter, _ *seen) { http.Error(w, "<html>", http.StatusBadGateway) }},
	{name: "500 without a body", status: 500, says: "[transaction amsql-", spoil: func(w http.ResponseWriter, _ *seen) { w.WriteHeader(500) }},
	{name: "a reset", first: true, recovers: repeatable, spoil: func(w http.ResponseWriter, _ *seen) { reset(w) }},
	{name: "a reset for good", says: "reset", spoil: func(w http.ResponseWriter, _ *seen) { reset(w) }},
	{name: "headers that stall", first: true, recovers: repeatable, says: "timeout", spoil: func(w http.ResponseWriter, s *seen) { <-s.Context().Done() }},
	{name: "a body that stalls", says: "sent nothing", spoil: func(w http.ResponseWriter, s *seen) {
		reply(w, 200, half(s))
		stall(w, s)
	}},
	{name: "a cut body", says: "unexpected EOF", spoil: func(w http.ResponseWriter, s *seen) {
		w.Header().Set("Content-Length", "5000")
		reply(w, 200, half(s))
	}},
	{name: "a body that ends too early", says: "unexpected EOF", spoil: func(w http.ResponseWriter, s *seen) { reply(w, 200, half(s)) }},
	{name: "no body", says: "unexpected EOF", spoil: func(w http.ResponseWriter, _ *seen) { reply(w, 200, "") }},
	{name: "an empty answer with no type", says: "unexpected EOF", spoil: func(w http.ResponseWriter, _ *seen) { w.WriteHeader(200) }},
	{name: "HTML instead of JSON", status: 200, says: "not AM's JSON): a proxy in front of AM does not pass that path", spoil: func(w http.ResponseWriter, _ *seen) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><form>Log in</form></html>")
	}},
	{name: "HTML that is called JSON", says: "invalid response body", spoil: func(w http.ResponseWriter, _ *seen) { reply(w, 200, "<html>") }},
	{name: "plain text of a proxy", status: 403, says: "403 Forbidden", spoil: func(w http.ResponseWriter, _ *seen) { http.Error(w, "Forbidden", http.StatusForbidden) }},
	{name: "a redirect elsewhere", status: 302, says: "it redirects to http://elsewhere.example/login,", spoil: func(w http.ResponseWriter, s *seen) {
		http.Redirect(w, s.Request, "http://elsewhere.example/login?goto=there", http.StatusFound)
	}},
	{name: "a redirect that keeps the method", status: 307, says: "it redirects to http", spoil: func(w http.ResponseWriter, s *seen) {
		http.Redirect(w, s.Request, "/am/json/realms/root/sessions?_action=logout", http.StatusTemporaryRedirect)
	}},
}

// half returns the first half of the right answer.
func half(s *seen) string {
	answer := wellAnswers[s.action()]
	return answer[:len(answer)/2]
}

// stall sends what there is, and then nothing until the client gives up.
func stall(w http.ResponseWriter, s *seen) {
	w.(http.Flusher).Flush()
	<-s.Context().Done()
}

// reset resets the connection, as a server that crashes does.
func reset(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_ = connection.(*net.TCPConn).SetLinger(0) // a reset instead of an orderly close
	_ = connection.Close()
}

func TestEveryFaultIsRecoveredFromOrSaid(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			var running sync.WaitGroup
			for i := range calls {
				running.Go(func() { checkFault(t, &f, i) })
			}
			running.Wait()
		})
	}
}

func checkFault(t *testing.T, f *fault, i int) {
	c := calls[i]
	server := can(t, func(w http.ResponseWriter, s *seen) {
		if s.action() == c.action && (s.nth == 1 || !f.first) {
			f.spoil(w, s)
			return
		}
		well(w, s)
	})
	retries := 1
	config := rest.Config{
		API: "4.0", Credentials: rest.Password{Username: "amadmin", Password: adminPassword}, Transport: rest.Transport{MaxRetries: &retries},
	}
	if strings.Contains(f.name, "stall") {
		config.Transport.Timeout = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // without it, an unlimited wait would only end with -timeout
	defer cancel()
	got, err := c.call(ctx, server.client(t, config))
	if f.recovers == everybody || f.recovers == repeatable && !c.once {
		if err != nil || got != c.well {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.well)
		}
		return
	}
	var e *rest.Error
	if !errors.As(err, &e) || e.Status != f.status || !strings.Contains(err.Error(), f.says) {
		t.Errorf("%s: %q, %v; want an error of status %d that says %q", c.name, got, err, f.status, f.says)
	}
	most := 1
	if f.status == http.StatusUnauthorized {
		most = 4 // in both forms of the token, and again with a new session
	}
	if sent := server.times(c.action); c.once && sent > most {
		t.Errorf("%s was sent %d times, want at most %d", c.name, sent, most)
	}
}

func TestAnEndedSessionIsRenewedOnceForAll(t *testing.T) {
	server := can(t, func(w http.ResponseWriter, s *seen) {
		if s.action() == "query" && s.Header.Get("iPlanetDirectoryPro") != newToken {
			reply(w, http.StatusUnauthorized, `{}`)
			return
		}
		if s.action() == "authenticate" && s.nth == 1 {
			reply(w, 200, `{"tokenId":"old"}`)
			return
		}
		well(w, s)
	})
	client := server.client(t, rest.Config{API: "4.0", Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
	const askers = 20
	failures := make(chan error, askers)
	for range askers {
		go func() {
			_, err := firstError(client.Sessions(t.Context(), rest.SessionQuery{Realm: "/alpha"}))
			failures <- err
		}()
	}
	for range askers {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	if n := server.times("authenticate"); n != 2 {
		t.Errorf("%d sign-ins, want 2", n)
	}
}

func TestATokenThatEndsIsSaidAndNotRenewed(t *testing.T) {
	for name, sent := range map[string]struct {
		credentials rest.Credentials
		times       int
	}{
		"sso_token":    {rest.SSOToken(fixedToken), 2}, // in a header and as a cookie
		"access_token": {rest.AccessToken(fixedToken), 1},
	} {
		for _, c := range calls {
			server := can(t, func(w http.ResponseWriter, s *seen) {
				if s.action() == c.action {
					reply(w, http.StatusUnauthorized, `{"code":401,"reason":"Unauthorized","message":"Access Denied"}`)
					return
				}
				well(w, s)
			})
			_, err := c.call(t.Context(), server.client(t, rest.Config{API: "4.0", Credentials: sent.credentials}))
			if !rest.IsUnauthorized(err) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s with an ended %s: %v, want a 401 that names it", c.name, name, err)
			}
			if n := server.times(c.action); n != sent.times && c.name != "Users" { // Users tries several endpoints
				t.Errorf("%s with an ended %s was sent %d times, want %d", c.name, name, n, sent.times)
			}
		}
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	var came []time.Time
	server := can(t, func(w http.ResponseWriter, s *seen) {
		if s.action() != "logout" {
			well(w, s)
			return
		}
		came = append(came, time.Now())
		if s.nth == 1 {
			w.Header().Set("Retry-After", "1")
			reply(w, http.StatusTooManyRequests, `{}`)
			return
		}
		well(w, s)
	})
	client := server.client(t, rest.Config{API: "4.0", Credentials: rest.SSOToken(fixedToken)})
	if ended, err := client.Logout(t.Context(), "", targetToken); err != nil || !ended {
		t.Fatalf("logout: %v, %v", ended, err)
	}
	if len(came) != 2 || came[1].Sub(came[0]) < time.Second {
		t.Errorf("the requests came at %v, want two, a second apart", came)
	}
	if skew := client.Skew().Abs(); skew > time.Second {
		t.Errorf("the wait is taken for a skew of %s", skew)
	}
}

func TestACountThatDoesNotMatchIsNoAnswer(t *testing.T) {
	for name, body := range map[string]string{
		"more announced":      strings.Replace(oneRow, `"resultCount":1`, `"resultCount":2`, 1),
		"fewer announced":     strings.Replace(oneRow, `"resultCount":1`, `"resultCount":0`, 1),
		"none but announced":  `{"result":[],"resultCount":120}`,
		"no result":           `{"resultCount":0}`,
		"an empty object":     `{}`,
		"null for a result":   `{"result":null,"resultCount":0}`,
		"two results":         `{"result":[{}],"result":[],"resultCount":0}`,
		"a count of no kind":  `{"result":[],"resultCount":"none"}`,
		"an array":            `[]`,
		"an error with a 200": `{"code":500,"reason":"Internal Server Error","message":"no"}`,
		"more behind the end": `{"result":[],"resultCount":0}{"result":[{}],"resultCount":1}`,
	} {
		for _, c := range calls {
			if c.action != "query" {
				continue
			}
			server := can(t, func(w http.ResponseWriter, s *seen) {
				if s.action() == "query" {
					reply(w, 200, body)
					return
				}
				well(w, s)
			})
			_, err := c.call(t.Context(), server.client(t, rest.Config{API: "4.0", Credentials: rest.SSOToken(fixedToken)}))
			var e *rest.Error
			if !errors.As(err, &e) || e.Status != 0 || !strings.Contains(err.Error(), "invalid response body") {
				t.Errorf("%s of %s: %v, want an error that calls the answer broken", c.name, name, err)
			}
		}
	}
}

func TestACancelledCallEndsAtOnceAndSaysWhy(t *testing.T) {
	reason := errors.New("nobody wants to know any more")
	for _, c := range calls {
		ctx, cancel := context.WithCancelCause(t.Context())
		server := can(t, func(w http.ResponseWriter, s *seen) {
			if s.action() == c.action {
				cancel(reason)
				<-s.Context().Done()
				return
			}
			well(w, s)
		})
		_, err := c.call(ctx, server.client(t, rest.Config{API: "4.0", Credentials: rest.SSOToken(fixedToken)}))
		if !errors.Is(err, reason) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want %v", c.name, err, reason)
		}
		if n := server.times(c.action); n != 1 {
			t.Errorf("%s was sent %d times, want once", c.name, n)
		}
	}
}

// If a proxy is down, the error says that it is the proxy, whether it would have forwarded TLS or terminated it.
func TestADeadProxyIsNamed(t *testing.T) {
	dead := can(t, well)
	proxy := dead.URL
	dead.Close()
	retries := 0
	for _, base := range []string{"http://am.example.com/am", "https://am.example.com/am"} {
		for address, want := range map[string]string{
			"http://me:s3cret@" + strings.TrimPrefix(proxy, "http://"): "cannot reach the proxy " + strings.TrimPrefix(proxy, "http://") + ": ",
			"http://me:s3cret@no-such-host.invalid:3128":               "cannot reach the proxy no-such-host.invalid:3128: ",
		} {
			client, err := rest.New(rest.Config{BaseURL: base, Credentials: rest.SSOToken(fixedToken), Transport: rest.Transport{MaxRetries: &retries, Proxy: address}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.ServerInfo(t.Context())
			var e *rest.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(e.Hint, "check proxy") || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s through %s: %v", base, address, err)
			}
		}
	}
}

func TestAConnectionThatCannotBeMadeIsExplained(t *testing.T) {
	server := can(t, well)
	address := server.URL
	server.Close()
	retries := 0
	for base, hint := range map[string]string{
		address + "/am":                                        "nothing listens there",
		"http://no-such-host.invalid/am":                       "check the host name",
		strings.Replace(address, "http:", "https:", 1) + "/am": "nothing listens there",
	} {
		client, err := rest.New(rest.Config{BaseURL: base, Credentials: rest.SSOToken(fixedToken), Transport: rest.Transport{MaxRetries: &retries}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.ServerInfo(t.Context())
		var e *rest.Error
		if !errors.As(err, &e) || e.Status != 0 || !strings.Contains(e.Hint, hint) {
			t.Errorf("%s: %v, want a hint %q", base, err, hint)
		}
	}
}
