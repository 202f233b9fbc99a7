package rest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Credentials are one of: user name and password, an SSO token, an access token, a service account. All are secrets
// but Username, Service and ServiceAccountID.
type Credentials struct {
	Username, Password string
	Service            string // the tree or chain that takes them; the realm's default by default

	SSOToken    string // a session's token, not ended by the client
	AccessToken string // an OAuth 2.0 bearer token

	ServiceAccountID  string // of Advanced Identity Cloud
	ServiceAccountJWK string // its private key, a JWK
}

// ErrNoCredentials means that a configuration has nothing to sign in with.
var ErrNoCredentials = errors.New("no credentials: set username and password (AM_USERNAME, AM_PASSWORD), sso_token, " +
	"access_token, or service_account_id and service_account_jwk; see docs/index.md#credentials")

func (c Credentials) check() error {
	kinds := 0
	for _, set := range []bool{c.Username != "" || c.Password != "", c.SSOToken != "", c.AccessToken != "", c.ServiceAccountID != "" || c.ServiceAccountJWK != ""} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		return ErrNoCredentials
	case kinds > 1:
		return errors.New("more than one kind of credentials: keep one of username and password, sso_token, access_token, service account")
	case (c.Username == "") != (c.Password == ""):
		return errors.New("username and password go together, and one of them is empty (AM_USERNAME, AM_PASSWORD)")
	case (c.ServiceAccountID == "") != (c.ServiceAccountJWK == ""):
		return errors.New("service_account_id and service_account_jwk go together, and one of them is empty")
	case strings.ContainsAny(c.SSOToken+c.AccessToken, " \t\r\n"):
		return errors.New("the token has white space in it: it must be the token alone, on one line")
	}
	return nil
}

func (c Credentials) account() string {
	switch {
	case c.Username != "":
		return c.Username
	case c.ServiceAccountID != "":
		return "service account " + c.ServiceAccountID
	case c.SSOToken != "":
		return "the account of the SSO token"
	default:
		return "the account of the access token"
	}
}

// renewable reports whether the client can get a new credential by itself.
func (c Credentials) renewable() bool { return c.Username != "" || c.ServiceAccountID != "" }

// bearer reports whether requests carry an access token, which has no session of its own.
func (c Credentials) bearer() bool { return c.AccessToken != "" || c.ServiceAccountID != "" }

// credential is what a request carries.
type credential struct {
	header, value string
	session       bool      // a session that the client began and must end
	expires       time.Time // zero: when the server says so
}

// keyring holds the credential in use. Who holds its lock may be signing in.
type keyring struct {
	lock
	current *credential
}

// signInGrace is how long a sign-in may go on that nobody waits for any more. AM may have begun the session already,
// and what is not known cannot be ended.
const signInGrace = 2 * time.Second

// key returns the credential to use: the current one, or a new one where there is none, where it has expired, or where
// it is the refused one.
func (c *Client) key(ctx context.Context, refused *credential) (*credential, error) {
	if err := c.keys.acquire(ctx); err != nil {
		return nil, err
	}
	k := c.keys.current
	if k != nil && k != refused && (k.expires.IsZero() || time.Now().Before(k.expires)) {
		c.keys.release()
		return k, nil
	}
	var err error
	done := make(chan struct{})
	go func() { // Close waits for the lock
		defer close(done)
		defer c.keys.release()
		lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(ctx, func() { time.AfterFunc(signInGrace, cancel) })()
		if k, err = c.signIn(lasting); err == nil {
			c.keys.current = k
		}
	}()
	select {
	case <-done:
		return k, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// SignIn signs in where the client has not done so yet. A token that somebody else got is taken as it is, unasked.
func (c *Client) SignIn(ctx context.Context) error {
	_, err := c.key(ctx, nil)
	return err
}

func (c *Client) signIn(ctx context.Context) (*credential, error) {
	cr := c.config.Credentials
	switch {
	case cr.AccessToken != "":
		return &credential{header: "Authorization", value: "Bearer " + cr.AccessToken}, nil
	case cr.ServiceAccountID != "":
		return c.fetchAccessToken(ctx)
	}
	cookie, err := c.CookieName(ctx)
	if err != nil {
		return nil, err
	}
	if cr.SSOToken != "" {
		return &credential{header: cookie, value: cr.SSOToken}, nil
	}
	token, err := c.authenticate(ctx)
	return &credential{header: cookie, value: token, session: true}, err
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
			return "", fmt.Errorf("%s/json/serverinfo/* names no session cookie: set cookie_name", c.base)
		}
		return info.CookieName, nil
	})
}

// authenticate begins a session with name and password in headers ("zero page login").
//
// Source: PingAM 8, Authenticate over REST. OpenAM decodes MIME words in the headers and takes no raw UTF-8 (measured).
func (c *Client) authenticate(ctx context.Context) (string, error) {
	cr := c.config.Credentials
	r := call{
		what: fmt.Sprintf("the sign-in of %q in realm %s", cr.Username, realmName(c.config.Realm)), method: http.MethodPost,
		path: realmPath(c.config.Realm) + "/authenticate", version: "2.0", body: struct{}{}, anonymous: true,
		header: http.Header{
			"X-Openam-Username": {mime.BEncoding.Encode("utf-8", cr.Username)},
			"X-Openam-Password": {mime.BEncoding.Encode("utf-8", cr.Password)},
		},
		secrets: []string{cr.Password},
		hints: map[int]string{
			http.StatusUnauthorized: "check username and password (AM_USERNAME, AM_PASSWORD) and the realm that the account lives in (login_realm)",
			http.StatusNotFound:     "check base_url (it ends in AM's context path, /openam or /am) and login_realm",
		},
	}
	if cr.Service != "" {
		r.query = append(param("authIndexType", "service"), param("authIndexValue", cr.Service)...)
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
	c.log.Debug("signed in", "account", cr.Username, "realm", realmName(c.config.Realm))
	return reply.TokenID, nil
}

// Close ends the session that the client began, if any. Nothing else may be asked of the client afterwards.
func (c *Client) Close(ctx context.Context) error {
	defer c.repeating.HTTPClient.CloseIdleConnections()
	if err := c.keys.acquire(ctx); err != nil {
		return err
	}
	k := c.keys.current
	c.keys.current = nil
	c.keys.release()
	if k == nil || !k.session {
		return nil
	}
	return c.endOwnSession(ctx, k)
}

// endOwnSession names no token, so that every version takes it for the caller's: the version need not be known.
func (c *Client) endOwnSession(ctx context.Context, k *credential) error {
	candidates := apis
	if settled, ok := c.api.peek(); ok { // one that is configured may be wrong
		candidates = append(slices.Clone(apis), settled)
	}
	var err error
	for _, a := range slices.Backward(candidates) {
		var done *answer
		done, err = c.attempt(ctx, call{
			what: "the sign-out", method: http.MethodPost, path: sessionsPath("/"), query: param("_action", "logout"), version: a.version,
		}, []byte("{}"), "application/json", k)
		if err == nil {
			done.Close()
		}
		if !IsNotFound(err) {
			break
		}
	}
	if IsUnauthorized(err) { // it has ended by itself
		return nil
	}
	return err
}

// The token endpoint of Advanced Identity Cloud gives tokens for 899 seconds whatever is asked (Authenticate to the
// REST API with an access token).
const (
	assertionLife = 3 * time.Minute
	renewEarly    = 30 * time.Second
)

// serviceScopes are what a service account may be given, most first: some may have no access to identities (IDM).
var serviceScopes = []string{"fr:am:* fr:idm:*", "fr:am:*"}

func (c *Client) fetchAccessToken(ctx context.Context) (*credential, error) {
	var err error
	for _, scope := range serviceScopes {
		var k *credential
		if k, err = c.requestAccessToken(ctx, scope); err == nil {
			return k, nil
		}
		if e, ok := asError(err); !ok || !strings.Contains(e.Reason+e.Message, "invalid_scope") {
			break
		}
		c.log.Debug("scope not granted", "scope", scope)
	}
	return nil, err
}

func (c *Client) requestAccessToken(ctx context.Context, scope string) (*credential, error) {
	assertion, err := c.assertion()
	if err != nil {
		return nil, err
	}
	var reply struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"` // seconds
	}
	err = c.send(ctx, call{
		what:   "the sign-in of service account " + c.config.Credentials.ServiceAccountID,
		method: http.MethodPost, path: "/oauth2/access_token", anonymous: true,
		body: url.Values{
			"client_id": {"service-account"}, "grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
			"assertion": {assertion}, "scope": {scope},
		},
		secrets: []string{assertion},
		hints: map[int]string{
			http.StatusBadRequest:   "check service_account_id and service_account_jwk, the account's scopes (fr:am:*) and this machine's clock",
			http.StatusUnauthorized: "check service_account_id and service_account_jwk, the account's scopes (fr:am:*) and this machine's clock",
		},
	}, &reply)
	if err != nil {
		return nil, err
	}
	if reply.AccessToken == "" {
		return nil, fmt.Errorf("the token endpoint of %s answered without an access token", c.base)
	}
	k := &credential{header: "Authorization", value: "Bearer " + reply.AccessToken}
	if reply.ExpiresIn > 0 {
		k.expires = time.Now().Add(time.Duration(reply.ExpiresIn)*time.Second - renewEarly)
	}
	return k, nil
}

// assertion is the JWT that stands for the service account. Its audience has the port, even the default one.
func (c *Client) assertion() (string, error) {
	var key jose.JSONWebKey
	if err := json.Unmarshal([]byte(c.config.Credentials.ServiceAccountJWK), &key); err != nil {
		return "", errors.New("service_account_jwk is not a private key in JWK form, as Advanced Identity Cloud hands it out")
	}
	if key.IsPublic() || !key.Valid() {
		return "", errors.New("service_account_jwk holds no private key")
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key.Key}, nil)
	if err != nil {
		return "", fmt.Errorf("service_account_jwk is no RSA key: %w", err)
	}
	audience, err := url.Parse(c.base + "/oauth2/access_token")
	if err != nil {
		return "", err
	}
	if audience.Port() == "" {
		audience.Host += map[string]string{"http": ":80", "https": ":443"}[audience.Scheme]
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	claims, err := json.Marshal(map[string]any{
		"iss": c.config.Credentials.ServiceAccountID, "sub": c.config.Credentials.ServiceAccountID,
		"aud": audience.String(), "exp": c.Now().Add(assertionLife).Unix(), "jti": base64.StdEncoding.EncodeToString(id),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", fmt.Errorf("signing the assertion: %w", err)
	}
	return signed.CompactSerialize()
}
