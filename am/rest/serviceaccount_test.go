package rest_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// tokenEndpoint is that of Advanced Identity Cloud: it accepts assertions signed with the account's key, each of them
// once, and grants the scopes that the account has.
type tokenEndpoint struct {
	t       *testing.T
	granted []string
	life    int // in seconds

	mu     sync.Mutex
	host   string
	known  map[string]bool // by jti
	tokens int
}

const accountID = "c3f1e1a6-0f5b-4d1c-8d0e-0a1b2c3d4e5f"

func (e *tokenEndpoint) serve(w http.ResponseWriter, s *seen) {
	e.mu.Lock()
	defer e.mu.Unlock()
	form, err := url.ParseQuery(s.body)
	if err != nil || s.Method != "POST" || s.Header.Get("Content-Type") != "application/x-www-form-urlencoded" ||
		form.Get("client_id") != "service-account" || form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		e.t.Errorf("the token request is %s %v %v", s.Method, s.Header, form)
	}
	e.verify(form.Get("assertion"))
	var missing []string
	for _, scope := range strings.Fields(form.Get("scope")) {
		if !slices.Contains(e.granted, scope) {
			missing = append(missing, scope)
		}
	}
	if len(missing) > 0 {
		reply(w, 400, fmt.Sprintf(`{"error":"invalid_scope","error_description":"Unsupported scope for service account: %s"}`, strings.Join(missing, ",")))
		return
	}
	e.tokens++
	reply(w, 200, fmt.Sprintf(`{"access_token":"access-%d","scope":"fr:am:*","token_type":"Bearer","expires_in":%d}`, e.tokens, e.life))
}

func (e *tokenEndpoint) verify(assertion string) {
	key, _ := newKey()
	signed, err := jose.ParseSignedCompact(assertion, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		e.t.Errorf("the assertion: %v", err)
		return
	}
	payload, err := signed.Verify(&key.PublicKey)
	if err != nil {
		e.t.Errorf("the assertion's signature: %v", err)
		return
	}
	var claims struct {
		Iss, Sub, Aud, JTI string
		Exp                int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		e.t.Errorf("the assertion's claims: %v", err)
	}
	left := time.Until(time.Unix(claims.Exp, 0))
	if claims.Iss != accountID || claims.Sub != accountID || claims.Aud != "http://"+e.host+"/am/oauth2/access_token" ||
		left < time.Minute || left > 899*time.Second {
		e.t.Errorf("the claims are %+v, for %s", claims, left)
	}
	if claims.JTI == "" || e.known[claims.JTI] {
		e.t.Errorf("the assertion's id %q is not new", claims.JTI)
	}
	e.known[claims.JTI] = true
}

// cloud returns a server that accepts only access tokens, except those that the test adds to refused.
func cloud(t *testing.T, life int, granted ...string) (server *canned, endpoint *tokenEndpoint, refused *sync.Map) {
	endpoint, refused = &tokenEndpoint{t: t, granted: granted, life: life, known: map[string]bool{}}, new(sync.Map)
	server = can(t, func(w http.ResponseWriter, s *seen) {
		if s.action() == "access_token" {
			endpoint.serve(w, s)
			return
		}
		token, bearer := strings.CutPrefix(s.Header.Get("Authorization"), "Bearer access-")
		if _, no := refused.Load(token); no || !bearer {
			reply(w, http.StatusUnauthorized, `{"code":401,"reason":"Unauthorized","message":"Access Denied"}`)
			return
		}
		well(w, s)
	})
	endpoint.host = server.Listener.Addr().String()
	return server, endpoint, refused
}

func accountOf(t *testing.T, server *canned) *rest.Client {
	_, jwk := newKey()
	return server.client(t, rest.Config{API: "4.0", Credentials: rest.ServiceAccount{ID: accountID, JWK: jwk}})
}

func ask(t *testing.T, c *rest.Client) {
	t.Helper()
	if info, err := c.SessionInfo(t.Context(), targetToken); err != nil || !info.Valid {
		t.Errorf("getSessionInfo: %+v, %v", info, err)
	}
}

func TestAServiceAccountSignsInOnce(t *testing.T) {
	server, endpoint, _ := cloud(t, 899, "fr:am:*", "fr:idm:*")
	client := accountOf(t, server)
	var running sync.WaitGroup
	for range 20 {
		running.Go(func() { ask(t, client) })
	}
	running.Wait()
	if endpoint.tokens != 1 {
		t.Errorf("%d access tokens were fetched, want 1", endpoint.tokens)
	}
	if err := client.Close(t.Context()); err != nil || server.times("logout") != 0 {
		t.Errorf("closing: %v, %d logouts; want neither", err, server.times("logout"))
	}
	if own, err := client.OwnSession(t.Context()); own != nil || err != nil {
		t.Errorf("a bearer token's session is %+v, %v; want none", own, err)
	}
}

func TestAnAccessTokenIsRenewedBeforeItExpires(t *testing.T) {
	for life, want := range map[int]int{899: 1, 31: 1, 30: 2, 5: 2} { // renewed half a minute before the end
		server, endpoint, _ := cloud(t, life, "fr:am:*", "fr:idm:*")
		client := accountOf(t, server)
		ask(t, client)
		ask(t, client)
		if endpoint.tokens != want || server.times("getSessionInfo") != 2 {
			t.Errorf("with a life of %d s %d tokens were fetched for %d requests, want %d for 2", life, endpoint.tokens, server.times("getSessionInfo"), want)
		}
	}
}

func TestARefusedAccessTokenIsRenewed(t *testing.T) {
	server, endpoint, refused := cloud(t, 899, "fr:am:*", "fr:idm:*")
	client := accountOf(t, server)
	ask(t, client)
	refused.Store("1", true)
	ask(t, client)
	if endpoint.tokens != 2 {
		t.Errorf("%d access tokens were fetched, want 2", endpoint.tokens)
	}
	refused.Store("2", true)
	refused.Store("3", true)
	if _, err := client.SessionInfo(t.Context(), targetToken); !rest.IsUnauthorized(err) {
		t.Errorf("with every token refused: %v, want a 401", err)
	}
	if endpoint.tokens != 3 {
		t.Errorf("%d access tokens were fetched, want 3", endpoint.tokens)
	}
}

func TestAScopeThatIsNotGrantedIsDoneWithout(t *testing.T) {
	server, endpoint, _ := cloud(t, 899, "fr:am:*")
	ask(t, accountOf(t, server))
	if endpoint.tokens != 1 || server.times("access_token") != 2 {
		t.Errorf("%d tokens of %d requests, want one of two", endpoint.tokens, server.times("access_token"))
	}
	server, _, _ = cloud(t, 899, "fr:idm:*")
	_, err := accountOf(t, server).SessionInfo(t.Context(), targetToken)
	expectStatus(t, err, http.StatusBadRequest, "fr:am:*")
}

func TestAKeyThatCannotSignIsSaidBeforeAnythingIsSent(t *testing.T) {
	key, jwk := newKey()
	var public map[string]any
	if err := json.Unmarshal([]byte(jwk), &public); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		delete(public, secret)
	}
	publicKey, _ := json.Marshal(public)
	publicPEM, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	check(t, err)
	for name, c := range map[string]struct{ jwk, says string }{
		"no JSON":               {"not a key", "is not a private key in JWK form"},
		"a path":                {"/run/secrets/key.jwk", "; file:PATH reads it from a file"},
		"no key":                {`{"kty":"nothing"}`, "is not a private key in JWK form"},
		"public":                {string(publicKey), "contains no private key"},
		"elliptic":              {`{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}`, "is not an RSA key"},
		"a set of public keys":  {`{"keys":[` + string(publicKey) + `]}`, "contains no private key"},
		"an empty set":          {`{"keys":[]}`, "contains no private key"},
		"a set of two":          {`{"keys":[` + jwk + `,` + jwk + `]}`, "is a set of 2 private keys"},
		"a public key in PEM":   {pemOf("PUBLIC KEY", publicPEM), "contains a public key in PEM"},
		"an encrypted key":      {pemOf("ENCRYPTED PRIVATE KEY", []byte("x")), "is encrypted with a passphrase"},
		"half of a file in PEM": {"-----BEGIN PRIVATE KEY-----\nMII", "it must be the complete file"},
	} {
		_, err := rest.New(rest.Config{BaseURL: "https://tenant.example.com/am", Credentials: rest.ServiceAccount{ID: accountID, JWK: c.jwk}})
		if err == nil || !strings.HasPrefix(err.Error(), "service_account_jwk ") || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "MII") {
			t.Errorf("%s: %v, want an error that says %q", name, err, c.says)
		}
	}
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestAKeySignsInTheFormsThatPeopleHaveItIn(t *testing.T) {
	key, jwk := newKey()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	for name, text := range map[string]string{
		"a set of one":      `{"keys":[` + jwk + `]}`,
		"PEM":               pemOf("PRIVATE KEY", pkcs8),
		"PEM of OpenSSL":    "\n" + pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
		"blanks at the end": jwk + " \t\n",
	} {
		server, endpoint, _ := cloud(t, 899, "fr:am:*", "fr:idm:*")
		ask(t, server.client(t, rest.Config{API: "4.0", Credentials: rest.ServiceAccount{ID: accountID, JWK: text}}))
		if endpoint.tokens != 1 {
			t.Errorf("%s: %d tokens, want 1", name, endpoint.tokens)
		}
	}
}

func TestACustomDomainIsSaidWhereAdvancedIdentityCloudRefusesIt(t *testing.T) {
	server, err := simulator.New(simulator.Options{Profile: "aic", Deployments: []string{"custom-domain"}})
	check(t, err)
	id, jwk := server.ServiceAccount()
	client := clientOf(t, server, rest.Config{Credentials: rest.ServiceAccount{ID: id, JWK: string(jwk)}})
	if err := client.SignIn(t.Context()); err == nil || !strings.Contains(err.Error(), "base_url must be the tenant's own address") {
		t.Errorf("%v, want an error that names the tenant's own address", err)
	}
}
