package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/redact"
)

// Password is the user name and password of an account. The client begins a session with them, renews it where AM no
// longer accepts it, and ends it.
type Password struct {
	Username, Password string
	Service            string // the tree or chain that takes them; the realm's default by default
}

func (p Password) given() bool     { return p.Username != "" || p.Password != "" }
func (p Password) account() string { return p.Username }
func (p Password) bearer() bool    { return false }

func (p Password) check() error {
	if p.Username == "" || p.Password == "" {
		return errors.New("username and password go together, and one of them is empty (AM_USERNAME, AM_PASSWORD)")
	}
	return nil
}

func (p Password) signIn(ctx context.Context, c *Client) (*credential, error) {
	cookie, err := c.CookieName(ctx)
	if err != nil {
		return nil, err
	}
	token, err := p.authenticate(ctx, c, cookie)
	return &credential{header: cookie, value: token, session: true}, err
}

// authenticate begins a session with name and password in headers ("zero page login"). Where session cookies are HttpOnly,
// the token is in the cookie alone.
//
// Source: PingAM 8, Authenticate over REST; HttpOnly session cookies. OpenAM decodes MIME words in the headers and takes
// no raw UTF-8 (measured).
func (p Password) authenticate(ctx context.Context, c *Client, cookieName string) (string, error) {
	r := call{
		what: fmt.Sprintf("the sign-in of %q in realm %s", p.Username, realmName(c.config.Realm)), method: http.MethodPost,
		path: realmPath(c.config.Realm) + "/authenticate", version: "2.0", body: struct{}{}, anonymous: true,
		header: http.Header{
			"X-Openam-Username": {mime.BEncoding.Encode("utf-8", p.Username)},
			"X-Openam-Password": {mime.BEncoding.Encode("utf-8", p.Password)},
		},
		secrets: []string{p.Password, mime.BEncoding.Encode("utf-8", p.Password)},
		hints: map[int]string{
			http.StatusUnauthorized: "check username and password (AM_USERNAME, AM_PASSWORD) and the realm that the account lives in (login_realm)",
			http.StatusNotFound:     "check base_url (it ends in AM's context path, /openam or /am) and login_realm",
		},
	}
	if p.Service != "" {
		r.query = append(param("authIndexType", "service"), param("authIndexValue", p.Service)...)
	}
	var reply struct {
		TokenID   string `json:"tokenId"`
		Stage     string `json:"stage"`
		Callbacks []struct {
			Type string `json:"type"`
		} `json:"callbacks"`
	}
	answer, err := c.exchange(ctx, r)
	if err != nil {
		return "", err
	}
	defer answer.Close()
	if err := json.NewDecoder(answer).Decode(&reply); err != nil {
		return "", answer.broken(err)
	}
	if len(reply.Callbacks) > 0 {
		asked := make([]string, len(reply.Callbacks))
		for i, callback := range reply.Callbacks {
			asked[i] = callback.Type
		}
		return "", &Error{
			What: r.what, Method: r.method, URL: c.target(r.path),
			Err: fmt.Errorf("AM took no name and password from the headers and asks for %s",
				strings.Join(asked, ", ")),
			Hint: "name a tree or chain that takes them (login_service; in a tree, a Zero Page Login Collector)",
		}
	}
	token := cmp.Or(reply.TokenID, cookieOf(answer.status, cookieName))
	if token == "" {
		return "", c.noToken(ctx, r, answer.status, cookieName)
	}
	c.log.Debug("signed in", "account", p.Username, "realm", realmName(c.config.Realm))
	return token, nil
}

// cookieOf is the value of a cookie that an answer sets, and not of one that it takes back. AM matches the name without
// regard to case.
func cookieOf(response *http.Response, name string) string {
	for _, cookie := range response.Cookies() {
		if strings.EqualFold(cookie.Name, name) && cookie.MaxAge >= 0 {
			return cookie.Value
		}
	}
	return ""
}

// noToken is the error of a sign-in that succeeded without a token. Where AM set it as a cookie of another name than
// the configured one, the session is ended: nobody else knows of it.
func (c *Client) noToken(ctx context.Context, r call, response *http.Response, cookieName string) error {
	failure := &Error{What: r.what, Method: r.method, URL: c.target(r.path), Hint: "check cookie_name, and whether the tree or chain begins a session (login_service)"}
	var names []string
	for _, cookie := range response.Cookies() {
		if cookieOf(response, cookie.Name) != "" {
			names = append(names, cookie.Name)
		}
	}
	failure.Err = fmt.Errorf("AM accepted the account and returned no session token, neither in the answer nor in a cookie named %q; its cookies: %s",
		cookieName, redact.Values(cmp.Or(strings.Join(names, ", "), "none"), r.secrets...))
	info, err := c.ServerInfo(ctx)
	if err != nil {
		return failure
	}
	if token := cookieOf(response, info.CookieName); token != "" {
		failure.Hint = fmt.Sprintf("set cookie_name to %q, or leave it out", info.CookieName)
		if err := c.endOwnSession(ctx, &credential{header: info.CookieName, value: token}); err != nil {
			return errors.Join(failure, err)
		}
	}
	return failure
}
