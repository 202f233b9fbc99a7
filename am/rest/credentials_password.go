package rest

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/redact"
)

// Password is the user name and password of an account. The client begins a session with them, begins another when AM
// no longer accepts it, and ends it.
type Password struct {
	Username, Password string
	Service            string // the tree or chain that signs in; by default that of the realm
	OTP                string // a one-time password, as a second factor
	TOTPSecret         string // the secret that one-time passwords are generated from (RFC 6238), in base32
}

func (p Password) given() bool     { return p.Username != "" || p.Password != "" }
func (p Password) account() string { return p.Username }
func (p Password) bearer() bool    { return false }

func (p Password) check() error {
	if p.Username == "" || p.Password == "" {
		return errors.New("username and password go together, and one of them is empty (AM_USERNAME, AM_PASSWORD)")
	}
	if p.OTP != "" && p.TOTPSecret != "" {
		return errors.New("otp and totp_secret exclude each other: keep one (AM_OTP, AM_TOTP_SECRET)")
	}
	if p.TOTPSecret != "" {
		_, err := p.oneTimePassword(time.Now())
		return err
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

// authenticate begins a session. It sends the name and password in headers ("zero page login"), and also answers AM's
// questions: a tree without a Zero Page Login Collector node ignores the headers, and others ask for a second factor.
// If session cookies are HttpOnly, the token is only in the cookie.
//
// Source: PingAM 8, Authenticate over REST; HttpOnly session cookies. OpenAM decodes MIME words in the headers and does
// not accept raw UTF-8 (measured).
func (p Password) authenticate(ctx context.Context, c *Client, cookieName string) (string, error) {
	r := call{
		what: fmt.Sprintf("the sign-in of %q in realm %s", p.Username, realmName(c.config.Realm)), method: http.MethodPost,
		path: realmPath(c.config.Realm) + "/authenticate", version: "2.0", body: struct{}{}, anonymous: true,
		header: http.Header{
			"X-Openam-Username": {headerText(p.Username)},
			"X-Openam-Password": {headerText(p.Password)},
		},
		secrets: []string{p.Password, p.OTP, p.TOTPSecret, headerText(p.Password)},
		hints: map[int]string{
			http.StatusUnauthorized: p.ifRefused(),
			http.StatusNotFound:     "check base_url (it must end with AM's context path, /openam or /am) and login_realm",
		},
	}
	if p.Service != "" {
		r.query = append(param("authIndexType", "service"), param("authIndexValue", p.Service)...)
	}
	j := &journey{Password: p, client: c, asked: map[string]string{}, secrets: r.secrets}
	if c.config.Ask != nil {
		j.ask = func(question string) (string, error) { return c.config.Ask(ctx, question) }
	}
	last, cookies, err := j.run(ctx, r)
	if err != nil {
		return "", err
	}
	token := cmp.Or(last.TokenID, cookieOf(cookies, cookieName))
	if token == "" {
		return "", c.noToken(ctx, r, cookies, cookieName)
	}
	c.log.Debug("signed in", "account", p.Username, "realm", realmName(c.config.Realm))
	return token, nil
}

// headerText encodes a name or password for a header: non-ASCII characters as MIME words, and also spaces at the ends,
// which HTTP would drop.
func headerText(s string) string {
	if strings.Trim(s, " \t") != s {
		return "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
	}
	return mime.BEncoding.Encode("utf-8", s)
}

// ifRefused returns what to do if AM does not accept the account. The client sends leading and trailing spaces as well,
// because they may be part of the password.
func (p Password) ifRefused() string {
	for _, part := range []struct{ name, value string }{{"password", p.Password}, {"username", p.Username}} {
		if strings.TrimSpace(part.value) != part.value {
			return fmt.Sprintf("%s begins or ends with a space, which was sent, too: remove it unless it is part of the password", part.name)
		}
	}
	return "check username and password (AM_USERNAME, AM_PASSWORD) and the realm of the account (login_realm)"
}

// cookieOf returns the value of a cookie that an answer sets, but not of one that it deletes. Like AM, it ignores the
// case of the name.
func cookieOf(cookies []*http.Cookie, name string) string {
	for _, cookie := range cookies {
		if strings.EqualFold(cookie.Name, name) && cookie.MaxAge >= 0 && cookie.Value != "" {
			return cookie.Value
		}
	}
	return ""
}

// noToken returns the error of a sign-in that succeeded but returned no token. If AM set the token as a cookie with a
// name other than cookie_name, it ends that session, because nobody else knows of it.
func (c *Client) noToken(ctx context.Context, r call, cookies []*http.Cookie, cookieName string) error {
	failure := &Error{What: r.what, Method: r.method, URL: c.target(r.path), Hint: "check cookie_name, and whether the tree or chain begins a session (login_service)"}
	var names []string
	for _, cookie := range cookies {
		if cookieOf(cookies, cookie.Name) != "" {
			names = append(names, cookie.Name)
		}
	}
	failure.Err = fmt.Errorf("AM accepted the account and returned no session token, neither in the answer nor in a cookie named %q; its cookies: %s",
		cookieName, redact.Values(cmp.Or(strings.Join(names, ", "), "none"), r.secrets...))
	info, err := c.ServerInfo(ctx)
	if err != nil {
		return failure
	}
	if token := cookieOf(cookies, info.CookieName); token != "" {
		failure.Hint = wrongCookieName(info.CookieName)
		if err := c.endOwnSession(ctx, &credential{header: info.CookieName, value: token}); err != nil {
			return errors.Join(failure, err)
		}
	}
	return failure
}
