package rest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ServiceAccount is a service account of Advanced Identity Cloud, with its private key as a JWK or in PEM. The client
// obtains access tokens with it.
type ServiceAccount struct {
	ID  string
	JWK string
}

func (a ServiceAccount) given() bool     { return a.ID != "" || a.JWK != "" }
func (a ServiceAccount) account() string { return "service account " + a.ID }
func (a ServiceAccount) bearer() bool    { return true }

func (a ServiceAccount) check() error {
	if a.ID == "" || a.JWK == "" {
		return errors.New("service_account_id and service_account_jwk go together, and one of them is empty")
	}
	_, err := a.key()
	return err
}

// The token endpoint of Advanced Identity Cloud issues tokens for 899 seconds, whatever the request says (Authenticate
// to the REST API with an access token).
const (
	assertionLife = 3 * time.Minute
	renewEarly    = 30 * time.Second
)

const (
	assertionRefused = "check service_account_id and service_account_jwk, the account's scopes (fr:am:*), this machine's clock, and that base_url is " +
		"the tenant's own address and not a custom domain"
	notTheTenant = "base_url must be the tenant's own address, such as https://openam-….forgeblocks.com/am: custom domains do not issue access tokens"
)

// serviceScopes are the scopes to request, widest first. Some service accounts have no access to identities (IDM).
var serviceScopes = []string{"fr:am:* fr:idm:*", "fr:am:*"}

func (a ServiceAccount) signIn(ctx context.Context, c *Client) (*credential, error) {
	var err error
	for _, scope := range serviceScopes {
		var k *credential
		if k, err = a.requestAccessToken(ctx, c, scope); err == nil {
			return k, nil
		}
		if e, ok := asError(err); !ok || !strings.Contains(e.Reason+e.Message, "invalid_scope") {
			break
		}
		c.log.Debug("scope not granted", "scope", scope)
	}
	return nil, err
}

func (a ServiceAccount) requestAccessToken(ctx context.Context, c *Client, scope string) (*credential, error) {
	assertion, err := a.assertion(c)
	if err != nil {
		return nil, err
	}
	var reply struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"` // seconds
	}
	err = c.send(ctx, call{
		what:   "the sign-in of " + a.account(),
		method: http.MethodPost, path: "/oauth2/access_token", anonymous: true,
		body: url.Values{
			"client_id": {"service-account"}, "grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
			"assertion": {assertion}, "scope": {scope},
		},
		secrets: []string{assertion},
		hints: map[int]string{
			http.StatusBadRequest:   assertionRefused,
			http.StatusUnauthorized: assertionRefused,
		},
	}, &reply)
	if e, ok := asError(err); ok && strings.Contains(strings.ToLower(e.Message), "audience") {
		e.Hint = notTheTenant
	}
	if err != nil {
		return nil, err
	}
	if reply.AccessToken == "" {
		return nil, fmt.Errorf("the token endpoint of %s answered without an access token", c.base)
	}
	k := bearerToken(reply.AccessToken)
	if reply.ExpiresIn > 0 {
		k.expires = time.Now().Add(time.Duration(reply.ExpiresIn)*time.Second - renewEarly)
	}
	return k, nil
}

// key returns the account's private key: a JWK, as Advanced Identity Cloud provides it, the only private key in a set
// of JWKs, or a key in PEM. Errors contain nothing of the key.
func (a ServiceAccount) key() (*rsa.PrivateKey, error) {
	text := []byte(strings.TrimSpace(a.JWK))
	var set jose.JSONWebKeySet
	switch {
	case bytes.HasPrefix(text, []byte("-----BEGIN ")):
		return keyOfPEM(text)
	case json.Unmarshal(text, &set) != nil || set.Keys == nil:
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) != nil {
			return nil, errors.New("service_account_jwk is not a private key in JWK form, as Advanced Identity Cloud provides it; file:PATH reads it from a file")
		}
		set.Keys = []jose.JSONWebKey{key}
	}
	private := slices.DeleteFunc(set.Keys, func(k jose.JSONWebKey) bool { return k.IsPublic() || !k.Valid() })
	switch len(private) {
	case 0:
		return nil, errors.New("service_account_jwk contains no private key: it must be the file that Advanced Identity Cloud provided when the account was created")
	case 1:
		return rsaKey(private[0].Key)
	}
	return nil, fmt.Errorf("service_account_jwk is a set of %d private keys: it must contain only the account's", len(private))
}

func keyOfPEM(text []byte) (*rsa.PrivateKey, error) {
	if isEncryptedPEM(text) {
		return nil, errors.New("service_account_jwk " + whatInsteadOfPEM(text, ""))
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("service_account_jwk begins like PEM but is not valid: it must be the complete file")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return rsaKey(key)
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("service_account_jwk contains a %s in PEM, not a private key", strings.ToLower(block.Type))
	}
	return key, nil
}

func rsaKey(key any) (*rsa.PrivateKey, error) {
	k, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("service_account_jwk is not an RSA key; Advanced Identity Cloud accepts only RSA keys")
	}
	return k, nil
}

// assertion returns the JWT that identifies the service account. Its audience contains the port, even if it is the
// default one.
func (a ServiceAccount) assertion(c *Client) (string, error) {
	key, err := a.key()
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		return "", fmt.Errorf("service_account_jwk: %w", err)
	}
	audience, err := url.Parse(c.base + "/oauth2/access_token")
	if err != nil {
		return "", err
	}
	audience.Host = cmp.Or(c.config.Host, audience.Host)
	if audience.Port() == "" {
		audience.Host += map[string]string{"http": ":80", "https": ":443"}[audience.Scheme]
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	claims, err := json.Marshal(map[string]any{
		"iss": a.ID, "sub": a.ID,
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
