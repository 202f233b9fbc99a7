package rest_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/hashicorp/go-hclog"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// newKey returns a service account's private key, its JWK, and the secret part of the JWK.
var newKey = sync.OnceValues(func() (*rsa.PrivateKey, string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "k1", Algorithm: "RS256"})
	if err != nil {
		panic(err)
	}
	return key, string(jwk)
})

func privatePart(jwk string) string {
	var key struct{ D string }
	if json.Unmarshal([]byte(jwk), &key) != nil {
		return ""
	}
	return key.D
}

// indiscreet are servers that fail and repeat what they were sent in the reason, the message and the URL.
var indiscreet = map[string]func(http.ResponseWriter, *seen){
	"401": echo(401), "403": echo(403), "404": echo(404), "429": echo(429), "500": echo(500), "501": echo(501),
	"an OAuth error": func(w http.ResponseWriter, s *seen) {
		body, _ := json.Marshal(map[string]string{"error": "invalid_grant", "error_description": everything(s)})
		reply(w, 400, string(body))
	},
	"HTML":    func(w http.ResponseWriter, s *seen) { _, _ = io.WriteString(w, "<html>"+everything(s)) },
	"reset":   func(w http.ResponseWriter, _ *seen) { reset(w) },
	"timeout": func(w http.ResponseWriter, s *seen) { <-s.Context().Done() },
	"redirect": func(w http.ResponseWriter, s *seen) {
		w.Header().Set("Location", "http://elsewhere.example"+s.URL.Path+"?"+s.URL.RawQuery)
		w.WriteHeader(http.StatusFound)
	},
	"a redirect nowhere": func(w http.ResponseWriter, s *seen) {
		w.Header().Set("Location", ":"+s.URL.Path+"?"+s.URL.RawQuery)
		w.WriteHeader(http.StatusFound)
	},
	"callbacks": func(w http.ResponseWriter, s *seen) {
		text, _ := json.Marshal(everything(s))
		reply(w, 200, `{"authId":"a","header":`+string(text)+`,"callbacks":[`+asking("TextOutputCallback", "", "message", string(text))+`,`+
			asking("UnheardOf", "", "prompt", string(text))+`]}`)
	},
	"broken JSON": func(w http.ResponseWriter, s *seen) { reply(w, 200, `{"`+everything(s)) },
	"JSON of another kind": func(w http.ResponseWriter, s *seen) {
		text, _ := json.Marshal(everything(s))
		reply(w, 200, `{"result":`+string(text)+`,"username":[`+string(text)+`],"valid":`+string(text)+`,"access_token":3,"tokenId":[`+string(text)+`]}`)
	},
}

// asksCode is a callback that asks for a one-time password.
var asksCode = asking("NameCallback", `""`, "prompt", `"`+asksCodePrompt+`"`)

const asksCodePrompt = "Enter verification code"

func echo(status int) func(http.ResponseWriter, *seen) {
	return func(w http.ResponseWriter, s *seen) {
		body, _ := json.Marshal(map[string]any{"code": status, "reason": everything(s), "message": everything(s)})
		reply(w, status, string(body))
	}
}

func everything(s *seen) string {
	text := s.URL.Path + "?" + s.URL.RawQuery + " " + s.body
	for _, values := range s.Header {
		text += " " + strings.Join(values, " ")
	}
	if form, err := url.ParseQuery(s.body); err == nil {
		text += form.Get("assertion")
	}
	return text
}

func TestNoSecretIsInAnErrorOrALog(t *testing.T) {
	_, jwk := newKey()
	accounts := map[string]rest.Credentials{
		"password":        rest.Password{Username: "amadmin", Password: adminPassword},
		"long password":   rest.Password{Username: "amadmin", Password: longPassword},
		"code":            rest.Password{Username: "amadmin", Password: adminPassword, OTP: fixedCode},
		"codes":           rest.Password{Username: "amadmin", Password: adminPassword, TOTPSecret: totpSecret},
		"SSO token":       rest.SSOToken(fixedToken),
		"access token":    rest.AccessToken(fixedToken),
		"service account": rest.ServiceAccount{ID: "sa-1", JWK: jwk},
	}
	for failure, spoil := range indiscreet {
		t.Run(failure, func(t *testing.T) {
			var running sync.WaitGroup
			for account, credentials := range accounts {
				for _, api := range []string{"4.0", "2.0", "1.2"} {
					running.Go(func() {
						probe := secretProbe{t: t, name: account + " at " + api, api: api, credentials: credentials, jwk: jwk}
						probe.spoilEachCall(spoil)
						probe.spoilTheSignIn(spoil)
						probe.spoilTheSecondFactor(spoil)
					})
				}
			}
			running.Wait()
		})
	}
}

type secretProbe struct {
	t           *testing.T
	name, api   string
	credentials rest.Credentials
	jwk         string
}

func (p secretProbe) spoilEachCall(spoil func(http.ResponseWriter, *seen)) {
	for _, c := range calls {
		p.run(c.name, func(w http.ResponseWriter, s *seen) {
			if s.action() == c.action {
				spoil(w, s)
				return
			}
			well(w, s)
		}, func(client *rest.Client) error {
			_, err := c.call(p.t.Context(), client)
			return err
		})
	}
}

func (p secretProbe) spoilTheSignIn(spoil func(http.ResponseWriter, *seen)) {
	p.run("signing in", func(w http.ResponseWriter, s *seen) {
		if slices.Contains([]string{"authenticate", "access_token", "logout"}, s.action()) {
			spoil(w, s)
			return
		}
		well(w, s)
	}, func(client *rest.Client) error {
		_, err := client.ServerVersion(p.t.Context())
		return err
	})
}

func (p secretProbe) spoilTheSecondFactor(spoil func(http.ResponseWriter, *seen)) {
	if _, ok := p.credentials.(rest.Password); !ok {
		return
	}
	p.run("the second factor", func(w http.ResponseWriter, s *seen) {
		switch {
		case s.action() != "authenticate":
			well(w, s)
		case s.nth == 1:
			reply(w, 200, `{"authId":"`+newToken+`","callbacks":[`+asksName+`,`+asksPassword+`]}`)
		case s.nth == 2:
			reply(w, 200, `{"authId":"`+targetToken+`","callbacks":[`+asksCode+`]}`)
		default:
			spoil(w, s)
		}
	}, func(client *rest.Client) error { return client.SignIn(p.t.Context()) })
}

// run makes a call with a client that logs everything, signs it out, and looks for secrets.
func (p secretProbe) run(what string, answer func(http.ResponseWriter, *seen), call func(*rest.Client) error) {
	var log lockedBuffer
	server := can(p.t, answer)
	retries := 0
	config := rest.Config{
		API: p.api, Credentials: p.credentials, Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: &log}),
		Transport: rest.Transport{MaxRetries: &retries, Timeout: 100 * time.Millisecond}, // a timeout where none is intended is acceptable
	}
	client := server.client(p.t, config)
	err := call(client)
	closing := client.Close(p.t.Context())

	secrets := []string{newToken, targetToken, fixedToken, fixedCode, totpSecret, adminPassword, longPassword, privatePart(p.jwk)}
	for _, s := range server.requests() {
		if strings.Contains(s.body, asksCodePrompt) {
			secrets = append(secrets, given(p.t, s)...)
		}
		if form, err := url.ParseQuery(s.body); err == nil && form.Get("assertion") != "" {
			secrets = append(secrets, form.Get("assertion"))
		}
		if p.api == "4.0" {
			p.expectNone(what+": the URL", s.URL.String(), secrets)
		}
	}
	for _, e := range []error{err, closing} {
		if e != nil {
			p.expectNone(what+": the error", e.Error(), secrets)
		}
	}
	p.expectNone(what+": the log", log.String(), secrets)
	if log.String() == "" && len(server.requests()) > 0 {
		p.t.Errorf("%s: %s: nothing is logged: the test looks at nothing", p.name, what)
	}
}

func (p secretProbe) expectNone(where, text string, secrets []string) {
	p.t.Helper()
	for _, secret := range secrets {
		plain, _ := json.Marshal(secret)
		for _, form := range []string{secret, url.QueryEscape(secret), strings.Trim(string(plain), `"`), base64.StdEncoding.EncodeToString([]byte(secret)), mime.BEncoding.Encode("utf-8", secret)} {
			if strings.Contains(text, form) {
				p.t.Errorf("%s: %s shows %q:\n%s", p.name, where, form, text)
				return
			}
		}
	}
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func TestTheTokenIsInTheURLOnlyWhereTheVersionWantsIt(t *testing.T) {
	for api, want := range map[string]bool{"4.0": false, "3.1": false, "3.0": false, "2.0": true, "1.2": true} {
		server := can(t, well)
		client := server.client(t, rest.Config{API: api, Credentials: rest.SSOToken(fixedToken)})
		if _, err := client.Logout(t.Context(), "", targetToken); err != nil {
			t.Fatal(err)
		}
		s := server.last()
		inURL := strings.Contains(s.URL.Path+s.URL.RawQuery, url.QueryEscape(targetToken)) || strings.Contains(s.URL.Path, targetToken)
		inBody := s.field("tokenId") == targetToken
		if inURL != want || inBody == want {
			t.Errorf("at %s the token is in the URL %v and in the body %v: %s %s", api, inURL, inBody, s.URL, s.body)
		}
		if strings.Contains(s.URL.String()+s.body, fixedToken) {
			t.Errorf("at %s the caller's token is in %s %s", api, s.URL, s.body)
		}
	}
}

func TestNoSecretIsInAnErrorOfBadTLS(t *testing.T) {
	server := can(t, well)
	address := strings.Replace(server.URL, "http:", "https:", 1) // the server does not speak TLS
	for _, c := range calls {
		var log lockedBuffer
		retries := 0
		client, err := rest.New(rest.Config{
			BaseURL: address + "/am", API: "2.0", CookieName: "c", Credentials: rest.SSOToken(fixedToken),
			Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: &log}), Transport: rest.Transport{MaxRetries: &retries},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.call(t.Context(), client)
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		p := secretProbe{t: t, name: c.name}
		p.expectNone("the error", err.Error(), []string{fixedToken, targetToken})
		p.expectNone("the log", log.String(), []string{fixedToken, targetToken})
	}
}

func TestAConfigurationErrorShowsNoSecret(t *testing.T) {
	const secret = "s3cr3t"
	for _, config := range []rest.Config{
		{BaseURL: "https://admin:" + secret + "@am.example.com/am"},
		{BaseURL: "https://am.example.com/am?token=" + secret},
		{BaseURL: "https://am.example.com/am#" + secret},
		{BaseURL: "admin:" + secret + "@am.example.com"},
		{BaseURL: "https://a:p#" + secret + "@am.example.com/am"},
		{BaseURL: "https://a:%zz" + secret + "@am.example.com/am"},
		{BaseURL: "https://am.example.com/am", Credentials: rest.SSOToken(secret + " more")},
		{BaseURL: "https://am.example.com/am", Credentials: rest.Password{Password: secret}},
		{BaseURL: "https://am.example.com/am", Credentials: rest.ServiceAccount{JWK: secret}},
		{BaseURL: "https://am.example.com/am", Credentials: rest.SSOToken("t"), Transport: rest.Transport{Proxy: "a:" + secret + "@proxy"}},
	} {
		_, err := rest.New(config)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%+v: %v, want an error without the secret", config, err)
		}
	}
}
