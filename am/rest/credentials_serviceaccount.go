package rest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ServiceAccount is one of Advanced Identity Cloud, with its private key, a JWK. The client gets access tokens with it.
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
	return nil
}

// The token endpoint of Advanced Identity Cloud gives tokens for 899 seconds whatever is asked (Authenticate to the
// REST API with an access token).
const (
	assertionLife = 3 * time.Minute
	renewEarly    = 30 * time.Second
)

// serviceScopes are what a service account may be given, most first: some may have no access to identities (IDM).
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
	k := bearerToken(reply.AccessToken)
	if reply.ExpiresIn > 0 {
		k.expires = time.Now().Add(time.Duration(reply.ExpiresIn)*time.Second - renewEarly)
	}
	return k, nil
}

// assertion is the JWT that stands for the service account. Its audience has the port, even the default one.
func (a ServiceAccount) assertion(c *Client) (string, error) {
	var key jose.JSONWebKey
	if err := json.Unmarshal([]byte(a.JWK), &key); err != nil {
		return "", errors.New("service_account_jwk is not a private key in JWK form, as Advanced Identity Cloud hands it out")
	}
	if key.IsPublic() || !key.Valid() {
		return "", errors.New("service_account_jwk holds no private key")
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key.Key}, nil)
	if err != nil {
		return "", fmt.Errorf("service_account_jwk is not an RSA key: %w", err)
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
