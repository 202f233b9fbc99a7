package rest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestTheBaseURLIsAnAddressAndNothingElse(t *testing.T) {
	for in, want := range map[string]string{
		"https://am.example.com/am":              "https://am.example.com/am",
		"https://am.example.com/am/":             "https://am.example.com/am",
		"https://am.example.com/am//":            "https://am.example.com/am",
		"http://localhost:8080/openam":           "http://localhost:8080/openam",
		"https://[2001:db8::1]:8443/a/b/am":      "https://[2001:db8::1]:8443/a/b/am",
		"HTTPS://AM.example.com":                 "https://am.example.com",
		"HTTP://LOCALHOST:80/openam/":            "http://localhost/openam",
		"https://am.example.com:443/AM":          "https://am.example.com/AM",
		"http://am.example.com:443/am":           "http://am.example.com:443/am",
		"https://[2001:DB8::1]:443/a%2Fb":        "https://[2001:db8::1]/a%2Fb",
		"":                                       "",
		"am.example.com/am":                      "",
		"/am":                                    "",
		"ldap://am.example.com/am":               "",
		"https://":                               "",
		"https://:8443/am":                       "",
		"https://am.example.com/am?realm=/alpha": "",
		"https://am.example.com/am?":             "",
		"https://am.example.com/am#top":          "",
		"https://am.example.com/am#":             "",
		"https://admin@am.example.com/am":        "",
		"https://admin:pw@am.example.com/am":     "",
		"https://am.example.com:port/am":         "",
		" https://am.example.com/am":             "",
		"https://am example.com/am":              "",
	} {
		got, err := checkBaseURL(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q gives %q, %v; want %q", in, got, err, want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "base_url ") {
			t.Errorf("%q: the error names no argument: %v", in, err)
		}
	}
}

func TestARealmsNameCannotLeaveItsPlaceInThePath(t *testing.T) {
	for realm, want := range map[string]string{
		"":                   "/json/realms/root",
		"/":                  "/json/realms/root",
		"/alpha":             "/json/realms/root/realms/alpha",
		"alpha/":             "/json/realms/root/realms/alpha",
		"/alpha/nested":      "/json/realms/root/realms/alpha/realms/nested",
		"//alpha//nested//":  "/json/realms/root/realms/alpha/realms/nested",
		"/two words":         "/json/realms/root/realms/two%20words",
		"/a+b":               "/json/realms/root/realms/a%2Bb",
		"/100%":              "/json/realms/root/realms/100%25",
		"/%2e%2e":            "/json/realms/root/realms/%252e%252e",
		"/a?b=c&d#e":         "/json/realms/root/realms/a%3Fb%3Dc%26d%23e",
		"/a;jsessionid=1":    "/json/realms/root/realms/a%3Bjsessionid%3D1",
		`/a\b`:               "/json/realms/root/realms/a%5Cb",
		"/日本":                "/json/realms/root/realms/%E6%97%A5%E6%9C%AC",
		"/o'brien \"q\" <t>": "/json/realms/root/realms/o%27brien%20%22q%22%20%3Ct%3E",
		"/line\r\nbreak":     "/json/realms/root/realms/line%0D%0Abreak",
		"/sessions":          "/json/realms/root/realms/sessions",
		"/...":               "/json/realms/root/realms/...",
	} {
		if got := realmPath(realm); got != want || climbs(got+"/sessions") {
			t.Errorf("%q is %s, want %s", realm, got, want)
		}
	}
	for _, realm := range []string{"/..", "/.", "/alpha/..", "/alpha/../bravo", "/alpha/./x"} {
		if path := sessionsPath(realm); !climbs(path) {
			t.Errorf("%q is %s, which a server takes for another realm", realm, path)
		}
	}
}

func TestARealmOfDotsIsNotAskedFor(t *testing.T) {
	c := newClient(t, "http://127.0.0.1:1/am", SSOToken("token"))
	c.config.CookieName = "cookie"
	_, err := c.LogoutByUser(t.Context(), "/alpha/..", "bjensen")
	if err == nil || !strings.Contains(err.Error(), `a realm cannot be called "." or ".."`) || c.Requests() != 0 {
		t.Errorf("got %v and %d requests, want a refusal and none", err, c.Requests())
	}
}

func newClient(t *testing.T, base string, credentials Credentials) *Client {
	t.Helper()
	retries := 0
	c, err := New(Config{BaseURL: base, API: "4.0", Credentials: credentials, Transport: Transport{MaxRetries: &retries}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheIdentityServiceStandsBesideAM(t *testing.T) {
	for base, want := range map[string]string{
		"https://tenant.example.com/am":      "https://tenant.example.com/openidm/managed/alpha_user",
		"https://tenant.example.com/am/":     "https://tenant.example.com/openidm/managed/alpha_user",
		"https://tenant.example.com:8443/am": "https://tenant.example.com:8443/openidm/managed/alpha_user",
		"https://tenant.example.com":         "https://tenant.example.com/openidm/managed/alpha_user",
		"https://tenant.example.com/x/am":    "https://tenant.example.com/x/openidm/managed/alpha_user",
		"https://[::1]":                      "https://[::1]/openidm/managed/alpha_user",
	} {
		c := newClient(t, base, AccessToken("token"))
		if got := c.target(managedUsersPath("/alpha")); got != want {
			t.Errorf("beside %s is %s, want %s", base, got, want)
		}
		if got, want := c.target("/json"), strings.TrimRight(base, "/")+"/json"; got != want {
			t.Errorf("below %s is %s, want %s", base, got, want)
		}
	}
}

func TestTheAudienceOfAnAssertionHasThePort(t *testing.T) {
	for base, want := range map[string]string{
		"https://tenant.example.com/am":      "https://tenant.example.com:443/am/oauth2/access_token",
		"http://tenant.example.com/am":       "http://tenant.example.com:80/am/oauth2/access_token",
		"https://tenant.example.com:8443/am": "https://tenant.example.com:8443/am/oauth2/access_token",
		"HTTPS://tenant.example.com/am":      "https://tenant.example.com:443/am/oauth2/access_token",
		"https://[2001:db8::1]/am":           "https://[2001:db8::1]:443/am/oauth2/access_token",
	} {
		c := newClient(t, base, ServiceAccount{ID: "id", JWK: testJWK(t)})
		assertion, err := c.config.Credentials.(ServiceAccount).assertion(c)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := jose.ParseSignedCompact(assertion, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		var claims struct{ Aud string }
		if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &claims); err != nil || claims.Aud != want {
			t.Errorf("the audience of %s is %s, %v; want %s", base, claims.Aud, err, want)
		}
	}
}

func TestTheSkewIsThatOfTheServersClock(t *testing.T) {
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour, 42 * time.Second} {
		c := newClient(t, "https://am.example.com/am", SSOToken("token"))
		c.observe(t.Context(), &http.Response{Header: http.Header{"Date": {time.Now().Add(ahead).UTC().Format(http.TimeFormat)}}}, time.Now())
		if got := c.Skew() - ahead; got.Abs() > time.Second {
			t.Errorf("a clock that is ahead by %s is taken for one by %s", ahead, c.Skew())
		}
		if got := time.Until(c.Now()) - ahead; got.Abs() > 2*time.Second {
			t.Errorf("with a clock ahead by %s now is %s", ahead, c.Now())
		}
		before := c.Skew()
		c.observe(t.Context(), &http.Response{Header: http.Header{"Date": {"yesterday"}}}, time.Now())
		if c.Skew() != before {
			t.Error("an answer without a date changes the skew")
		}
	}
}

func TestRetryAfterIsReadInSecondsAndAsADate(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "soon": 0, "-5": -5 * time.Second,
		time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat): 90 * time.Second,
	} {
		got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {value}}})
		if (got - want).Abs() > 2*time.Second {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
		for attempt := range 10 {
			wait := backoff(200*time.Millisecond, 10*time.Second, attempt, &http.Response{Header: http.Header{"Retry-After": {value}}})
			if wait <= 0 || want <= 0 && wait > 10*time.Second {
				t.Errorf("after %q the wait before attempt %d is %s", value, attempt, wait)
			}
		}
	}
}
