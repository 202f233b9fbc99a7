package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"
)

// Credentials are what a client signs in with. Each kind is a type in a file of its own (credentials_*.go): Password,
// SSOToken, AccessToken, ServiceAccount. The next kind is one more type with these methods.
type Credentials interface {
	// given reports whether any part is set, so that OneOf can choose.
	given() bool
	// check reports what is wrong with credentials that are given. The error holds no secret.
	check() error
	// account names the account for messages. It holds no secret.
	account() string
	// bearer reports whether requests carry an access token, which has no session of its own.
	bearer() bool
	// signIn gets what requests carry. Credentials that are a token already are not tried.
	signIn(ctx context.Context, c *Client) (*credential, error)
}

// ErrNoCredentials means that a configuration has nothing to sign in with.
var ErrNoCredentials = errors.New("no credentials: set username and password (AM_USERNAME, AM_PASSWORD), sso_token, " +
	"access_token, or service_account_id and service_account_jwk; see docs/index.md#credentials")

// OneOf returns the one kind of credentials that is given.
func OneOf(kinds ...Credentials) (Credentials, error) {
	given := slices.DeleteFunc(slices.Clone(kinds), func(c Credentials) bool { return !c.given() })
	switch len(given) {
	case 0:
		return nil, ErrNoCredentials
	case 1:
		return given[0], nil
	}
	return nil, errors.New("more than one kind of credentials: keep one of username and password, sso_token, access_token, service account")
}

func checkCredentials(c Credentials) error {
	if c == nil || !c.given() {
		return ErrNoCredentials
	}
	return c.check()
}

// checkToken reports a token that was copied with more than itself.
func checkToken(token string) error {
	if strings.ContainsAny(token, " \t\r\n") {
		return errors.New("the token contains white space: it must be only the token, on one line")
	}
	return nil
}

// credential is what a request carries.
type credential struct {
	header, value string
	cookie        bool      // goes as a cookie of that name, not as a header
	session       bool      // a session that the client began and must end
	given         bool      // a token of the configuration, not one that the client got
	expires       time.Time // zero: when the server says so
}

const authorization = "Authorization"

// bearerToken is the credential of an access token.
func bearerToken(token string) *credential {
	return &credential{header: authorization, value: "Bearer " + token}
}

// isToken reports whether the credential is a session's token, whose header has the session cookie's name.
func (k *credential) isToken() bool { return k.header != authorization }

// credentialCache holds the credential in use. Who holds mu may be signing in.
type credentialCache struct {
	mu      *semaphore.Weighted
	source  Credentials // what the last sign-in was made with; nil before the first
	current *credential
	began   time.Time // when current was got
	lost    int       // sessions in a row that AM ended soon after they began
	counted *credential
}

// signInGrace is how long a sign-in may go on that nobody waits for any more. AM may have begun the session already,
// and what is not known cannot be ended. A client that gives the server less time than that has a third of it to spare.
const signInGrace = 2 * time.Second

func (c *Client) signInGrace() time.Duration {
	return min(signInGrace, c.config.Transport.timeout()/3)
}

// credential returns the credential to use: the current one, or a new one if there is none, if it has expired or if
// it is the refused one.
func (c *Client) credential(ctx context.Context, refused *credential) (*credential, error) {
	if err := c.credentials.mu.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	k := c.credentials.current
	if k != nil && k != refused && (k.expires.IsZero() || time.Now().Before(k.expires)) {
		c.credentials.mu.Release(1)
		return k, nil
	}
	if err := c.countLost(refused); err != nil {
		c.credentials.mu.Release(1)
		return nil, err
	}
	var err error
	done := make(chan struct{})
	go func() { // Close waits for mu
		defer close(done)
		defer c.credentials.mu.Release(1)
		lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(ctx, func() { time.AfterFunc(c.signInGrace(), cancel) })()
		if k, err = c.signIn(lasting); err == nil {
			c.credentials.current, c.credentials.began = k, time.Now()
			c.signIns.Add(1)
		}
	}()
	select {
	case <-done:
		return k, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A session that AM ends within shortLife of its beginning was ended by somebody, as idle times are minutes. With a quota of one
// session a user, two runs by the same account would end each other's for ever: after maxLost of them one gives up.
const (
	shortLife = time.Minute
	maxLost   = 3
)

// countLost is an error if sessions are lost as fast as they begin. Its caller holds mu.
func (c *Client) countLost(refused *credential) error {
	k := c.credentials.current
	if k == nil || k != refused || !k.session || !c.carrier.arrived.Load() || time.Since(c.credentials.began) > shortLife {
		c.credentials.lost = 0
		return nil
	}
	if c.credentials.counted != k {
		c.credentials.lost, c.credentials.counted = c.credentials.lost+1, k
	}
	if c.credentials.lost < maxLost {
		return nil
	}
	return &Error{
		What: fmt.Sprintf("the sign-in of %q in realm %s", c.Account(), realmName(c.config.Realm)), Method: http.MethodPost, URL: c.base + realmPath(c.config.Realm) + "/authenticate",
		Err:  fmt.Errorf("AM ended %d sessions of this run less than a minute after they began", maxLost),
		Hint: "another run uses the same account, and AM allows it no more sessions (the quota may be 1): use a separate account for each run, or raise the quota",
	}
}

// SignIn signs in if the client has not done so yet. A token that somebody else got is taken as it is, unasked.
func (c *Client) SignIn(ctx context.Context) error {
	_, err := c.credential(ctx, nil)
	return err
}

// SignIns is how many times the client has signed in so far: if it has not changed, the client's session is the same.
func (c *Client) SignIns() int64 { return c.signIns.Load() }

// signIn gets a credential. A sign-in after the first is one because AM no longer takes the last credential, or because
// the client was closed: the secret may have been rotated since, and the server upgraded.
func (c *Client) signIn(ctx context.Context) (*credential, error) {
	if c.credentials.source == nil {
		c.credentials.source = c.config.Credentials
	} else {
		c.credentials.source = c.readAgain(c.credentials.source)
		c.api.forget()
		c.cookieName.forget()
		c.directories.forget()
	}
	return c.credentials.source.signIn(ctx, c)
}

// readAgain reads the credentials again, or returns those known if that cannot be done: the file may be a pipe, or
// not be there while it is replaced.
func (c *Client) readAgain(known Credentials) Credentials {
	if c.config.ReadCredentials == nil {
		return known
	}
	fresh, err := c.config.ReadCredentials()
	if err == nil {
		err = checkCredentials(fresh)
	}
	if err != nil {
		c.log.Warn("credentials cannot be read again, so the known ones are used", "error", err)
		return known
	}
	return fresh
}

// CookieName is the name of AM's session cookie, which as a header carries a token, too: configured, or asked of
// serverinfo, which answers without a login.
func (c *Client) CookieName(ctx context.Context) (string, error) {
	return c.cookieName.get(ctx, func() (string, error) {
		if c.config.CookieName != "" {
			return c.config.CookieName, nil
		}
		info, err := c.ServerInfo(ctx)
		if err != nil {
			return "", err
		}
		if info.CookieName == "" {
			return "", fmt.Errorf("%s/json/serverinfo/* does not name the session cookie: set cookie_name", c.base)
		}
		return info.CookieName, nil
	})
}

// Close ends the session that the client began, if any. A client that is used again signs in again.
func (c *Client) Close(ctx context.Context) error {
	defer c.retrying.HTTPClient.CloseIdleConnections()
	if err := c.credentials.mu.Acquire(ctx, 1); err != nil {
		return err
	}
	k := c.credentials.current
	c.credentials.current = nil
	c.credentials.mu.Release(1)
	if k == nil || !k.session {
		return nil
	}
	return c.endOwnSession(ctx, k)
}

// endOwnSession names no token, so that every version takes it for the caller's: the version need not be known.
func (c *Client) endOwnSession(ctx context.Context, k *credential) error {
	candidates := apis
	if configured, err := apiOf(c.config.API); err == nil { // goes first, and may be wrong
		candidates = append(slices.Clone(apis), configured)
	}
	var err error
	for _, a := range slices.Backward(candidates) {
		var done *answer
		done, err = c.carry(ctx, call{
			what: "the sign-out", method: http.MethodPost, path: sessionsPath("/"), query: param("_action", "logout"), version: a.version,
		}, []byte("{}"), "application/json", k)
		if err == nil {
			done.Close()
		}
		if !IsNotFound(err) {
			break
		}
	}
	if !IsUnauthorized(err) {
		return err
	}
	if name := c.otherCookieName(ctx, k); name != "" {
		return c.endOwnSession(ctx, &credential{header: name, value: k.value})
	}
	return nil // it has ended by itself
}

// otherCookieName is what the server calls its session cookie, if cookie_name has another name and no token has arrived by
// it; else "".
func (c *Client) otherCookieName(ctx context.Context, k *credential) string {
	if c.config.CookieName == "" || !k.isToken() || c.carrier.arrived.Load() {
		return ""
	}
	info, err := c.ServerInfo(ctx)
	if err != nil || strings.EqualFold(info.CookieName, k.header) {
		return ""
	}
	return info.CookieName
}

// misnamed is the error of a token that did not arrive because cookie_name is wrong. A session that the client began is ended.
func (c *Client) misnamed(ctx context.Context, err error, k *credential, name string) error {
	if e, ok := asError(err); ok {
		e.Hint = wrongCookieName(name)
	}
	if !k.session {
		return err
	}
	return errors.Join(err, c.endOwnSession(ctx, &credential{header: name, value: k.value}))
}

func wrongCookieName(name string) string {
	return fmt.Sprintf("set cookie_name to %q, or leave it out", name)
}
