package simulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"
)

// assertion signs the claims of a service account with its JWK. change may modify them before.
func (c *client) assertion(id string, jwk []byte, change func(header, claims map[string]any)) string {
	c.t.Helper()
	base := strings.TrimSuffix(c.base, "/json")
	header := map[string]any{"alg": "RS256", "typ": "JWT"}
	claims := map[string]any{"iss": id, "sub": id, "aud": base + "/oauth2/access_token", "exp": c.sim.clock().Unix() + 899, "jti": "one"}
	if change != nil {
		change(header, claims)
	}
	part := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(header) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, privateKey(c.t, jwk), crypto.SHA256, sum[:])
	must(c.t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func privateKey(t *testing.T, jwk []byte) *rsa.PrivateKey {
	t.Helper()
	var fields map[string]string
	must(t, json.Unmarshal(jwk, &fields))
	n := func(name string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(fields[name])
		must(t, err)
		return new(big.Int).SetBytes(b)
	}
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n("n"), E: int(n("e").Int64())}, D: n("d"), Primes: []*big.Int{n("p"), n("q")}}
	key.Precompute()
	must(t, key.Validate())
	return key
}

func (c *client) tokenRequest(assertion, scope string) response {
	c.t.Helper()
	form := url.Values{"client_id": {"service-account"}, "grant_type": {grantType}, "assertion": {assertion}, "scope": {scope}}
	base := c.base
	c.base = strings.TrimSuffix(base, "/json")
	defer func() { c.base = base }()
	return c.do("POST", "/oauth2/access_token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func TestAccessTokensAreForSoundAssertionsOnly(t *testing.T) {
	c := start(t, newClock().in(Options{Profile: "aic"}))
	id, jwk := c.sim.ServiceAccount()
	good := c.tokenRequest(c.assertion(id, jwk, nil), "fr:am:* fr:idm:*")
	if good.status != 200 || good.doc(t)["expires_in"] != 899.0 || good.doc(t)["token_type"] != "Bearer" || good.doc(t)["scope"] != "fr:am:* fr:idm:*" {
		t.Errorf("%d %s", good.status, good.body)
	}
	_, foreign := start(t, Options{Profile: "aic"}).sim.ServiceAccount()
	for name, assertion := range map[string]string{
		"a foreign key":          c.assertion(id, foreign, nil),
		"another issuer":         c.assertion(id, jwk, func(_, claims map[string]any) { claims["iss"] = "someone" }),
		"an audience, no port":   c.assertion(id, jwk, func(_, claims map[string]any) { claims["aud"] = "http://127.0.0.1/am/oauth2/access_token" }),
		"an expiry in the past":  c.assertion(id, jwk, func(_, claims map[string]any) { claims["exp"] = c.sim.clock().Unix() - 1 }),
		"no expiry":              c.assertion(id, jwk, func(_, claims map[string]any) { delete(claims, "exp") }),
		"another algorithm":      c.assertion(id, jwk, func(header, _ map[string]any) { header["alg"] = "none" }),
		"something that is none": "garbage",
	} {
		if r := c.tokenRequest(assertion, "fr:am:*"); r.status != 400 || r.doc(t)["error"] != "invalid_grant" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	bad := c.tokenRequest(c.assertion(id, jwk, nil), "fr:am:* fr:x:* fr:y:*")
	if bad.status != 400 || bad.doc(t)["error"] != "invalid_scope" || bad.doc(t)["error_description"] != "Unsupported scope for service account: fr:x:*,fr:y:*" {
		t.Errorf("wrong scopes: %d %s", bad.status, bad.body)
	}
}

func TestABearerTokenExpiresAndItsScopesCount(t *testing.T) {
	clock := newClock()
	c := start(t, clock.in(Options{Profile: "aic", Users: 5, Sessions: 20}))
	c.api = "resource=4.0"
	if r := c.query(`realm eq "/alpha"`); r.status != 401 {
		t.Errorf("without a token: %d %s", r.status, r.body)
	}
	plain := c.http.Transport
	c.bearer("fr:am:*")
	if rows := c.query(`realm eq "/alpha"`).rows(t); len(rows) == 0 {
		t.Error("no sessions in /alpha")
	}
	clock.add(899 * time.Second)
	if r := c.query(`realm eq "/alpha"`); r.status != 401 || r.doc(t)["message"] != "Access Denied" {
		t.Errorf("after 899 s: %d %s", r.status, r.body)
	}
	c.http.Transport = plain
	c.bearer("fr:idm:*")
	if r := c.query(`realm eq "/alpha"`); r.status != 403 {
		t.Errorf("with another scope: %d %s", r.status, r.body)
	}
}

func TestTheCloudShowsOnlyItsCustomersRealms(t *testing.T) {
	c := start(t, Options{Profile: "aic"})
	c.bearer("fr:am:*")
	c.api = "protocol=2.0,resource=1.0"
	rows := c.do("GET", "/global-config/realms?_queryFilter=true", "").rows(t)
	if len(rows) != 2 || rows[0]["name"] != "alpha" || rows[1]["name"] != "bravo" || rows[0]["_rev"] == nil {
		t.Errorf("realms: %v", rows)
	}
	if r := c.do("GET", "/global-config/services/session", ""); r.status != 403 || r.body != `{"message":"This operation is not available in PingOne Advanced Identity Cloud."}` {
		t.Errorf("global session service: %d %s", r.status, r.body)
	}
	if r := c.do("GET", "/global-config/authentication", ""); r.status != 403 || r.body != "Forbidden" || r.header.Get("Content-Type") != "text/plain" {
		t.Errorf("a refusal of the proxy: %d %s", r.status, r.body)
	}
	if r := c.do("GET", "/serverinfo/*", "", "Accept-API-Version", "resource=1.1", "X-ForgeRock-TransactionId", "tx-1"); r.doc(t)["cookieName"] != c.sim.CookieName() || len(c.sim.CookieName()) != 15 || r.header.Get("X-ForgeRock-TransactionId") != "tx-1" {
		t.Errorf("serverinfo: %s %v", r.body, r.header)
	}
}

func TestManagedUsersComeInPagesAndNameTheUsersOfSessions(t *testing.T) {
	c := start(t, Options{Profile: "aic", Users: 60, Sessions: 100, Seed: 3})
	c.bearer("fr:idm:*")
	base := c.base
	c.base = strings.TrimSuffix(base, "/am/json") + "/openidm/managed/"
	ids := map[string]string{}
	pages := 0
	for cookie := ""; ; pages++ {
		path := "alpha_user?_queryFilter=true&_fields=userName,mail,accountStatus&_pageSize=10"
		if cookie != "" {
			path += "&_pagedResultsCookie=" + url.QueryEscape(cookie)
		}
		r := c.do("GET", path, "")
		for _, row := range r.rows(t) {
			ids[row["_id"].(string)] = row["userName"].(string)
		}
		next, more := r.doc(t)["pagedResultsCookie"].(string)
		if !more {
			break
		}
		cookie = next
	}
	want := len(c.sim.directory.users("/alpha", 1<<30, func(*user) bool { return true }))
	if len(ids) != want || pages < want/10 {
		t.Errorf("%d of %d users on %d pages", len(ids), want, pages+1)
	}
	for _, s := range c.sim.Sessions() {
		if s.Realm == "/alpha" && ids[s.Username] == "" {
			t.Errorf("session of %s, who is no user", s.Username)
		}
	}
	for id, name := range ids {
		r := c.do("GET", `alpha_user?_queryFilter=`+url.QueryEscape(`userName eq "`+name+`"`), "")
		if rows := r.rows(t); len(rows) != 1 || rows[0]["_id"] != id {
			t.Errorf("%s: %v", name, rows)
		}
		break
	}
}
