package rest

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
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
	token, err := p.authenticate(ctx, c)
	return &credential{header: cookie, value: token, session: true}, err
}

// authenticate begins a session with name and password in headers ("zero page login").
//
// Source: PingAM 8, Authenticate over REST. OpenAM decodes MIME words in the headers and takes no raw UTF-8 (measured).
func (p Password) authenticate(ctx context.Context, c *Client) (string, error) {
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
	if err := c.send(ctx, r, &reply); err != nil {
		return "", err
	}
	if reply.TokenID == "" {
		asked := make([]string, len(reply.Callbacks))
		for i, callback := range reply.Callbacks {
			asked[i] = callback.Type
		}
		return "", &Error{
			What: r.what, Method: r.method, URL: c.target(r.path),
			Err: fmt.Errorf("AM took no name and password from the headers and asks for %s",
				strings.Join(append(asked, "something else")[:max(1, len(asked))], ", ")),
			Hint: "name a tree or chain that takes them (login_service; in a tree, a Zero Page Login Collector)",
		}
	}
	c.log.Debug("signed in", "account", p.Username, "realm", realmName(c.config.Realm))
	return reply.TokenID, nil
}
