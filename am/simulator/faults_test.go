package simulator

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAFaultRuleIsReadOrRefusedClearly(t *testing.T) {
	for _, rule := range []string{
		"401:after=3", "429:every=5:retry-after=1", "503:every=7", "reset:every=9", "slow=2s:every=4", "cut:every=6",
		"html:every=8", "redirect=http://elsewhere.example/:every=5", "redirect=http://elsewhere.example:8080/x", "500:path=sessions:times=2", "cut:action=query",
	} {
		f, err := ParseFault(rule)
		if err != nil || f.String() != rule {
			t.Errorf("%s: %v, %v", rule, f, err)
		}
	}
	for rule, want := range map[string]string{
		"":                    "must be one of",
		"200":                 "must be one of",
		"tea":                 "must be one of",
		"slow=soon":           "must have a duration",
		"slow=2s:every=x":     "must be a number, 1 or more",
		"redirect=here":       "must have a URL",
		"reset:retry-after=1": "works only with a status",
		"503:path=":           "needs a value",
		"503:often=2":         "must be one of",
	} {
		if _, err := ParseFault(rule); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "fault ") {
			t.Errorf("%q: %v, want an error that says %q", rule, err, want)
		}
	}
	if f, _ := ParseFault("redirect=http://elsewhere.example:8080/x:every=5"); f.target != "http://elsewhere.example:8080/x" || f.every != 5 {
		t.Errorf("the colons of a URL are not those of conditions: %q every %d", f.target, f.every)
	}
}

func TestFaultsStrikeWhenTheyShould(t *testing.T) {
	for _, c := range []struct {
		rule string
		want string // a letter for the outcome of each request
	}{
		{"401:after=3", "ooo44444"},
		{"503:every=3", "oo5oo5oo"},
		{"503:every=2:times=2", "o5o5oooo"},
		{"500:after=2:every=2", "ooo5o5o5"},
		{"500:path=realms", "oooooooo"},
		{"500:action=query", "55555555"},
		{"500:action=read", "oooooooo"},
		{"reset:every=4", "oooxooox"},
		{"html:every=5", "oooohooo"},
		{"cut:every=6", "oooooxoo"},
		{"redirect=http://elsewhere.example/:every=7", "oooooo3o"},
	} {
		client := start(t, Options{Realms: 1, Users: 3, Sessions: 50}).asAdmin()
		if err := client.sim.SetFaults(c.rule); err != nil {
			t.Fatal(err)
		}
		client.http.Transport.(*http.Transport).DisableKeepAlives = true // otherwise Go repeats a GET after a reset
		var got strings.Builder
		for range len(c.want) {
			got.WriteString(outcome(client))
		}
		if got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.rule, got.String(), c.want)
		}
	}
}

// outcome returns a letter for the result of a query: o if it is complete, x if it is broken, h for HTML, or the first
// digit of its status.
func outcome(c *client) string {
	req, _ := http.NewRequest("GET", c.base+"/sessions?_queryFilter=realm%20eq%20%22/alpha%22", nil)
	req.Header.Set(c.sim.CookieName(), c.token)
	res, err := c.http.Do(req)
	if err != nil {
		return "x"
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			return "?"
		}
		return "x"
	case res.StatusCode >= 300:
		return string(rune('0' + res.StatusCode/100))
	case strings.HasPrefix(string(body), "<"):
		return "h"
	case !strings.HasSuffix(string(body), `"remainingPagedResults":-1}`):
		return "short"
	}
	return "o"
}

func TestFaultsComeWithAMsOwnWords(t *testing.T) {
	c := start(t, Options{}).asAdmin()
	if err := c.sim.SetFaults("429:retry-after=7"); err != nil {
		t.Fatal(err)
	}
	if r := c.query("true"); r.status != 429 || r.header.Get("Retry-After") != "7" || r.doc(t)["reason"] != "Too Many Requests" {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
	if err := c.sim.SetFaults("401"); err != nil {
		t.Fatal(err)
	}
	if r := c.query("true"); r.body != `{"code":401,"reason":"Unauthorized","message":"Access Denied"}` {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestSlowFaultsAndLatencyDelayTheAnswer(t *testing.T) {
	c := start(t, Options{Latency: 20 * time.Millisecond, Faults: []string{"slow=60ms:every=2"}}).asAdmin()
	for i, least := range []time.Duration{20 * time.Millisecond, 80 * time.Millisecond} {
		began := time.Now()
		if r := c.query(`realm eq "/"`); r.status != 200 || time.Since(began) < least {
			t.Errorf("request %d: %d after %v, want %v at least", i+1, r.status, time.Since(began), least)
		}
	}
}
