package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"
)

// Credentials are what a client signs in with. Each kind is a type in its own file (credentials_*.go): Password,
// SSOToken, AccessToken, ServiceAccount. To add a kind, add a type with these methods.
type Credentials interface {
	// given reports whether any part of the credentials is set. OneOf needs it.
	given() bool
	// check returns an error if the credentials are incomplete or malformed. The error contains no secret.
	check() error
	// account returns the name of the account, for messages. It contains no secret.
	account() string
	// bearer reports whether requests carry an access token, which has no session.
	bearer() bool
	// signIn obtains what requests carry. It does not test credentials that already are a token.
	signIn(ctx context.Context, c *Client) (*credential, error)
}

// ErrNoCredentials means that the configuration contains no credentials.
var ErrNoCredentials = errors.New("no credentials: set username and password (AM_USERNAME, AM_PASSWORD), sso_token, " +
	"access_token, or service_account_id and service_account_jwk; see docs/index.md#credentials")

// OneOf returns the kind of credentials that is set.
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

// checkToken returns an error if more than the token was copied.
func checkToken(token string) error {
	if strings.ContainsAny(token, " \t\r\n") {
		return errors.New("the token contains white space: it must be only the token, on one line")
	}
	if strings.HasPrefix(token, "{") || namesCookie.MatchString(token) {
		return errors.New("the token contains more than a token: it must be the value of tokenId or of the session cookie, and nothing else")
	}
	if strings.HasPrefix(token, "shandle:") {
		return errors.New("the token is a session handle, which cannot be used to sign in")
	}
	return nil
}

// namesCookie matches the name of a cookie and its value.
var namesCookie = regexp.MustCompile(`^[A-Za-z0-9_-]+=[^=#]`)

// credential is what a request carries.
type credential struct {
	header, value string
	cookie        bool      // sent as a cookie of that name rather than as a header
	session       bool      // a session that the client began and must end
	given         bool      // a token from the configuration, which the client did not obtain itself
	expires       time.Time // if zero, it is valid until the server refuses it
}

const authorization = "Authorization"

// bearerToken returns the credential of an access token.
func bearerToken(token string) *credential {
	return &credential{header: authorization, value: "Bearer " + token}
}

// isToken reports whether the credential is the token of a session, which is sent in a header with the name of the
// session cookie.
func (k *credential) isToken() bool { return k.header != authorization }

// credentialCache holds the current credential. A caller may hold mu for the duration of a sign-in.
type credentialCache struct {
	mu      *semaphore.Weighted
	source  Credentials // the credentials of the last sign-in; nil before the first
	current *credential
	began   time.Time // when current was obtained
	lost    int       // number of consecutive sessions that AM ended soon after they began
	counted *credential
}

// signInGrace is how long a sign-in may continue after its caller has given up. AM may already have begun the session,
// and the client can end it only if it learns its token. If the timeout is shorter, the grace is a third of the
// timeout.
const signInGrace = 2 * time.Second

func (c *Client) signInGrace() time.Duration {
	return min(signInGrace, c.config.Transport.timeout()/3)
}

// credential returns the credential to use: the current one, or a new one if there is none, or if it has expired or was
// refused.
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

// If a session ends within shortLife of its beginning, somebody ended it, because idle times are minutes. If the quota
// is one session per user, two runs with the same account would end each other's sessions forever: after maxLost of
// them, a run gives up.
const (
	shortLife = time.Minute
	maxLost   = 3
)

// countLost returns an error if sessions are lost as soon as they begin. The caller holds mu.
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

// SignIn signs in if the client has not done so yet. If the credentials are a token, it sends nothing.
func (c *Client) SignIn(ctx context.Context) error {
	_, err := c.credential(ctx, nil)
	return err
}

// SignIns returns how many times the client has signed in. As long as the number does not change, the session is the
// same.
func (c *Client) SignIns() int64 { return c.signIns.Load() }

// signIn obtains a credential. After the first sign-in, another one is needed only if AM no longer accepts the
// credential or if the client was closed. In both cases the secret may have been rotated and the server upgraded.
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

// readAgain reads the credentials again. If that fails, it returns the known ones: the file may be a pipe, or may be
// missing while it is replaced.
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

// CookieName returns the name of AM's session cookie, which is also the name of the header for the token. It is
// configured, or read from serverinfo, which needs no login.
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

// Close ends the session that the client began, if any. A client can be used again after that, and then signs in again.
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

// endOwnSession ends the client's own session. It names no token, which every version understands as the caller's, so
// the version need not be known.
func (c *Client) endOwnSession(ctx context.Context, k *credential) error {
	candidates := apis
	if configured, err := apiOf(c.config.API); err == nil { // tried first, and may be wrong
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
	return nil // the session has already ended
}

// otherCookieName returns the server's name for its session cookie if cookie_name differs from it and no token has been
// accepted under cookie_name; otherwise "".
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

// misnamed returns the error of a token that AM did not receive because cookie_name is wrong. It ends the session if
// the client began it.
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
