package openamtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// atOnce is how many logins or logouts run concurrently: enough to reach the server's maximum rate on two cores.
const atOnce = 8

// Admin sets up an AM over REST and reads its sessions, as an administrator. NewAdmin and Connect create one.
type Admin struct {
	URL        string // the deployment, such as http://localhost:8080/am
	CookieName string // name of the session cookie; NewAdmin sets the default of OpenAM and AM
	Token      string // the administrator's token, after SignIn

	http *http.Client
}

// NewAdmin returns an Admin of the deployment at the address, not signed in yet.
func NewAdmin(address string) *Admin {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = atOnce
	return &Admin{
		URL:        strings.TrimSuffix(address, "/"),
		CookieName: "iPlanetDirectoryPro",
		http:       &http.Client{Timeout: 30 * time.Second, Transport: transport},
	}
}

// SignIn signs the administrator in to the root realm.
func (a *Admin) SignIn(ctx context.Context, user, password string) (err error) {
	a.Token, err = a.Login(ctx, "/", user, password)
	return err
}

// SignOut ends the administrator's own session and closes idle connections.
func (a *Admin) SignOut(ctx context.Context) error {
	defer a.http.CloseIdleConnections()
	return a.Logout(ctx, a.Token)
}

// Login returns the token of a new session.
func (a *Admin) Login(ctx context.Context, realm, user, password string) (token string, err error) {
	return a.login(ctx, realm, user, password, nil)
}

// LoginAgent returns the token of a new session of an agent, with the module for agents.
func (a *Admin) LoginAgent(ctx context.Context, realm, name, password string) (token string, err error) {
	return a.login(ctx, realm, name, password, url.Values{"authIndexType": {"module"}, "authIndexValue": {"Application"}})
}

func (a *Admin) login(ctx context.Context, realm, user, password string, by url.Values) (token string, err error) {
	var reply struct{ TokenID string }
	err = a.do(ctx, request{
		method: http.MethodPost,
		path:   realmPath(realm) + "/authenticate",
		query:  by,
		header: map[string]string{
			"Accept-API-Version": "protocol=1.0,resource=2.1",
			"X-OpenAM-Username":  headerText(user),
			"X-OpenAM-Password":  headerText(password),
		},
	}, &reply)
	if err == nil && reply.TokenID == "" {
		err = fmt.Errorf("login of %q in %s: no token in the answer", user, realm)
	}
	return reply.TokenID, err
}

// LoginMany logs users in, several concurrently, and returns their tokens in the same order. For many sessions of one
// user, pass slices.Repeat([]string{user}, n).
func (a *Admin) LoginMany(ctx context.Context, realm, password string, users ...string) ([]string, error) {
	tokens := make([]string, len(users))
	err := each(ctx, len(users), func(ctx context.Context, i int) (err error) {
		tokens[i], err = a.Login(ctx, realm, users[i], password)
		return err
	})
	return tokens, err
}

// Logout ends the session of the token as its own user: that needs no administrator.
func (a *Admin) Logout(ctx context.Context, token string) error {
	return a.do(ctx, request{
		method: http.MethodPost,
		path:   "sessions",
		query:  url.Values{"_action": {"logout"}},
		header: map[string]string{"Accept-API-Version": sessionsAPI, a.CookieName: token},
	}, nil)
}

// LogoutMany ends the sessions of the tokens, several concurrently. A refusal because a session has already ended is
// not an error.
func (a *Admin) LogoutMany(ctx context.Context, tokens ...string) error {
	return each(ctx, len(tokens), func(ctx context.Context, i int) error {
		err := a.Logout(ctx, tokens[i])
		if hasStatus(err, http.StatusUnauthorized) {
			return nil
		}
		return err
	})
}

// request is a request below /json.
type request struct {
	method string
	path   string // escaped
	query  url.Values
	header map[string]string
	body   any
}

// do sends the request and decodes a successful answer into reply, unless that is nil.
func (a *Admin) do(ctx context.Context, r request, reply any) error {
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	address := a.URL + "/json/" + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	call, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return err
	}
	call.Header.Set("Content-Type", "application/json")
	for name, value := range r.header {
		call.Header.Set(name, value)
	}
	answer, err := a.http.Do(call)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.method, call.URL, err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return &StatusError{Method: r.method, URL: call.URL.String(), Status: answer.StatusCode, Body: string(text)}
	}
	if reply == nil {
		return nil
	}
	if err := json.Unmarshal(text, reply); err != nil {
		return fmt.Errorf("%s %s: %w", r.method, call.URL, err)
	}
	return nil
}

// StatusError is an answer other than success.
type StatusError struct {
	Method, URL string
	Status      int
	Body        string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, strings.TrimSpace(e.Body))
}

// unlessThere ignores the error of creating something that already exists.
func unlessThere(err error) error {
	if hasStatus(err, http.StatusConflict) {
		return nil
	}
	return err
}

func hasStatus(err error, status int) bool {
	var e *StatusError
	return errors.As(err, &e) && e.Status == status
}

// realmPath returns a realm's path in AM's URLs: for /alpha/nested, realms/root/realms/alpha/realms/nested.
func realmPath(realm string) string {
	path := "realms/root"
	for name := range strings.SplitSeq(realm, "/") {
		if name != "" {
			path += "/realms/" + url.PathEscape(name)
		}
	}
	return path
}

// headerText encodes non-ASCII text as MIME words, the only encoding that AM decodes in its credential headers.
func headerText(s string) string { return mime.BEncoding.Encode("UTF-8", s) }

// each calls do for 0 to n-1, atOnce at a time, and stops early at the first error.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	turns := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	for i := range n {
		turns <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		running.Go(func() {
			defer func() { <-turns }()
			if err := do(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	running.Wait()
	return cause(ctx)
}
