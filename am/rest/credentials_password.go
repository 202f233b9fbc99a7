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

// Password is the user name and password of an account. The client begins a session with them, renews it when AM no
// longer accepts it, and ends it.
type Password struct {
	Username, Password string
	Service            string // the tree or chain that takes them; the realm's default by default
	OTP                string // a one-time password, for a second factor
	TOTPSecret         string // what one-time passwords are made from (RFC 6238), in base32
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

// authenticate begins a session with name and password in headers ("zero page login"), and answers what AM asks for all
// the same: a tree without a Zero Page Login Collector node takes no headers, and others want a second factor. If session
// cookies are HttpOnly, the token is in the cookie alone.
//
// Source: PingAM 8, Authenticate over REST; HttpOnly session cookies. OpenAM decodes MIME words in the headers and takes
// no raw UTF-8 (measured).
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

// headerText makes a header of a name or password: of what is not ASCII MIME words, and of blanks at its ends, which HTTP drops.
func headerText(s string) string {
	if strings.Trim(s, " \t") != s {
		return "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
	}
	return mime.BEncoding.Encode("utf-8", s)
}

// ifRefused is what to do if AM does not take the account. A blank at an end is sent along, since it may belong there.
func (p Password) ifRefused() string {
	for _, part := range []struct{ name, value string }{{"password", p.Password}, {"username", p.Username}} {
		if strings.TrimSpace(part.value) != part.value {
			return fmt.Sprintf("%s begins or ends with a space, which was sent, too: remove it unless it is part of the password", part.name)
		}
	}
	return "check username and password (AM_USERNAME, AM_PASSWORD) and the realm of the account (login_realm)"
}

// cookieOf is the value of a cookie among those that an answer sets, and not of one that it takes back. AM matches the name
// without regard to case.
func cookieOf(cookies []*http.Cookie, name string) string {
	for _, cookie := range cookies {
		if strings.EqualFold(cookie.Name, name) && cookie.MaxAge >= 0 && cookie.Value != "" {
			return cookie.Value
		}
	}
	return ""
}

// noToken is the error of a sign-in that succeeded without a token. If AM set it as a cookie of another name than
// the configured one, the session is ended: nobody else knows of it.
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
