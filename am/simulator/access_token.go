package simulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A serviceAccount is a service account of the cloud, with the scopes that it may request.
type serviceAccount struct {
	id     string
	key    *rsa.PrivateKey
	scopes []string
}

// A bearer is an access token that has been issued.
type bearer struct {
	scopes  scopes
	expires int64
}

type bearers struct {
	sync.Mutex
	made   uint64
	tokens map[string]bearer
}

type scopes []string

func (s scopes) has(scope string) bool { return slices.Contains(s, scope) }

const (
	tokenSeconds = 899 // whatever the assertion says (Authenticate to REST API with access token)
	grantType    = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	clientID     = "service-account"
	keyBits      = 2048
)

func (s *Server) installServiceAccount() error {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return fmt.Errorf("simulator: service account: %w", err)
	}
	s.account = &serviceAccount{id: s.uuid("service account"), key: key, scopes: []string{"fr:am:*", "fr:idm:*"}}
	return nil
}

// ServiceAccount returns the ID of the cloud's service account and its private key as a JWK. Other profiles have none.
func (s *Server) ServiceAccount() (id string, jwk []byte) {
	if s.account == nil {
		return "", nil
	}
	k := s.account.key
	n := func(v *big.Int) string { return base64.RawURLEncoding.EncodeToString(v.Bytes()) }
	return s.account.id, appendObject(nil, object{
		{"kty", "RSA"}, {"kid", s.uuid("key")}, {"alg", "RS256"}, {"use", "sig"},
		{"n", n(k.N)}, {"e", n(big.NewInt(int64(k.E)))}, {"d", n(k.D)}, {"p", n(k.Primes[0])}, {"q", n(k.Primes[1])},
		{"dp", n(k.Precomputed.Dp)}, {"dq", n(k.Precomputed.Dq)}, {"qi", n(k.Precomputed.Qinv)},
	})
}

// accessToken answers at /oauth2/access_token. It issues access tokens to service accounts with a JWT bearer assertion.
func (x *exchange) accessToken() {
	if x.r.Method != http.MethodPost {
		x.refuse(http.StatusMethodNotAllowed, "method_not_allowed", "Required Method: POST found: "+x.r.Method)
		return
	}
	if err := x.r.ParseForm(); err != nil {
		x.refuse(http.StatusBadRequest, "invalid_request", "Malformed request body")
		return
	}
	form := x.r.PostForm
	if refusal := x.checkAssertion(form.Get("client_id"), form.Get("grant_type"), form.Get("assertion")); refusal.code != "" {
		x.refuse(refusal.status, refusal.code, refusal.text)
		return
	}
	wanted := strings.Fields(form.Get("scope"))
	unsupported := slices.DeleteFunc(slices.Clone(wanted), func(s string) bool { return slices.Contains(x.account.scopes, s) })
	if len(unsupported) > 0 || len(wanted) == 0 {
		x.refuse(http.StatusBadRequest, "invalid_scope", "Unsupported scope for service account: "+strings.Join(unsupported, ","))
		return
	}
	x.reply(http.StatusOK, object{
		{"access_token", x.newBearer(wanted)}, {"scope", strings.Join(wanted, " ")}, {"token_type", "Bearer"}, {"expires_in", tokenSeconds},
	})
}

func (x *exchange) refuse(status int, code, text string) {
	x.reply(status, object{{"error_description", text}, {"error", code}})
}

type oauthError struct {
	status     int
	code, text string
}

func invalidGrant(text string) oauthError {
	return oauthError{http.StatusBadRequest, "invalid_grant", text}
}

// checkAssertion checks an assertion: signature (RS256), issuer, subject, audience with the port, expiry.
func (x *exchange) checkAssertion(client, grant, assertion string) oauthError {
	switch {
	case client != clientID:
		return oauthError{http.StatusUnauthorized, "invalid_client", "Client authentication failed"}
	case grant != grantType:
		return oauthError{http.StatusBadRequest, "unsupported_grant_type", "Grant type is not supported: " + grant}
	}
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return invalidGrant("JWT is malformed")
	}
	var header struct{ Alg string }
	var claims struct {
		Iss, Sub, Jti string
		Aud           any
		Exp           json.Number
	}
	if !decodePart(parts[0], &header) || !decodePart(parts[1], &claims) || header.Alg != "RS256" {
		return invalidGrant("JWT is malformed or not signed with RS256")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || rsa.VerifyPKCS1v15(&x.account.key.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return invalidGrant("JWT signature is invalid")
	}
	expires, err := strconv.ParseFloat(claims.Exp.String(), 64)
	switch {
	case claims.Iss != x.account.id || claims.Sub != x.account.id:
		return invalidGrant("JWT issuer is not a service account")
	case !x.isAudience(claims.Aud):
		return invalidGrant("JWT audience is invalid")
	case err != nil || int64(expires*1000) <= x.now:
		return invalidGrant("JWT has expired")
	}
	return oauthError{}
}

func decodePart(part string, into any) bool {
	text, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(text, into) == nil
}

// isAudience reports whether the claim is this endpoint's URL with an explicit port.
func (x *exchange) isAudience(claim any) bool {
	host := x.r.Host
	if !strings.Contains(host[strings.LastIndexByte(host, ']')+1:], ":") {
		host += map[bool]string{true: ":443", false: ":80"}[x.r.TLS != nil]
	}
	if x.tenant != "" {
		host = x.tenant + ":443"
	}
	here := "://" + host + x.profile.context + "/oauth2/access_token"
	one := func(v any) bool { return v == "https"+here || v == "http"+here }
	if list, ok := claim.([]any); ok {
		return slices.ContainsFunc(list, one)
	}
	return one(claim)
}

func (x *exchange) newBearer(granted []string) string {
	b := &x.bearers
	b.Lock()
	defer b.Unlock()
	b.made++
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], mix(x.secret^b.made))
	binary.BigEndian.PutUint64(id[8:], mix(mix(x.secret^b.made)))
	token := x.sign(object{{"typ", "JWT"}, {"kid", x.uuid("kid")}, {"alg", "HS256"}}, object{
		{"sub", x.account.id}, {"cts", "OAUTH2_STATELESS_GRANT"}, {"iss", x.origin() + x.profile.context + "/oauth2"}, {"tokenName", "access_token"},
		{"token_type", "Bearer"}, {"aud", clientID}, {"exp", x.now/1000 + tokenSeconds}, {"scope", granted}, {"expires_in", tokenSeconds}, {"jti", base64.RawURLEncoding.EncodeToString(id[:])},
	})
	if b.tokens == nil {
		b.tokens = map[string]bearer{}
	}
	for old, t := range b.tokens {
		if t.expires <= x.now {
			delete(b.tokens, old)
		}
	}
	b.tokens[token] = bearer{scopes: granted, expires: x.now + tokenSeconds*1000}
	return token
}

// find returns the scopes of an access token that has not expired.
func (b *bearers) find(token string, now int64) (scopes, bool) {
	b.Lock()
	defer b.Unlock()
	t, ok := b.tokens[token]
	return t.scopes, ok && now < t.expires
}
