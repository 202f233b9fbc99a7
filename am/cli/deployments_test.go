//go:build unix

package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/internal/storetest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// deploymentCases contains what doctor prints for each simulated deployment, by environment.
var deploymentCases = map[string][]struct {
	profile      string
	options      simulator.Options // other users and sessions than the default few
	store        string            // the account that reads the token store; "": it is not read
	env          map[string]string
	step, status string // "" if all is well
	says         string
}{
	"user-list-100": {
		{options: simulator.Options{Users: 300}, step: "identities", status: "ok", says: "are listed in parts, because one list of them ends at 104"},
		{}, // six users
	},
	"store-limit-1000": {
		{options: simulator.Options{Users: 300, Sessions: 2600, ListCap: 5000}, step: "list cap", status: "warning",
			says: "the list of 1000 sessions may be truncated: 1000 is a common limit of token stores: raise the limit of the token store for AM's account"},
		{options: simulator.Options{Users: 300, Sessions: 900, ListCap: 5000}, step: "list cap", status: "warning", says: "set list_cap = 5000 if only AM's own cap truncates lists"},
		{}, // twelve sessions
	},
	"agents":      {{step: "sessions", status: "ok", says: "12 sessions are of agents, which AM does not find by user name"}},
	"client-side": {{step: "sessions", status: "warning", says: "realms /alpha, /bravo use client-side sessions, which no list shows"}},
	"idm":         {{profile: "pingam-8.1"}, {profile: "aic"}},
	"sticky":      {{}}, // no problem: the balancer's cookie is kept
	"endless":     {{step: "sessions", status: "warning", says: "sessions have an expiration time that cannot be read, such as "}},
	"token-store-openam": {
		{profile: "pingam-8.1", store: "amsql-reader", step: "stored sessions", status: "ok", says: "(layout of OpenAM 14 and later)"},
		{store: "ordinary", options: simulator.Options{Users: 300, Sessions: 1600}, step: "stored sessions", status: "warning", says: "limits of the account prevent a single one"},
	},
	"token-store-openam-13": {{store: "amsql-reader", step: "stored sessions", status: "warning", says: "OpenAM 13 does not store when sessions end"}},
	"token-store-ping":      {{store: "amsql-reader", step: "stored sessions", status: "ok", says: "(layout of AM 6.5, PingAM and later)"}},
	"token-store-encrypted": {
		{store: "objects", env: map[string]string{"AM_TOKEN_STORE_OBJECTS": "true"}, step: "stored sessions", status: "warning",
			says: "the objects cannot be read: AM encrypts or compresses them"},
		{store: "amsql-reader", env: map[string]string{"AM_TOKEN_STORE_OBJECTS": "true"}, step: "stored sessions", status: "warning", says: "may not read coreTokenObject"},
		{store: "amsql-reader"}, // no problem unless objects are needed
	},
	"token-store-plain": {{store: "amsql-reader", step: "token store", status: "ok", says: "without TLS, on this machine"}},
	"otp": {
		{step: "sign-in", status: "failed", says: "set totp_secret (AM_TOTP_SECRET) or otp (AM_OTP)"},
		{env: map[string]string{"AM_TOTP_SECRET": "JBSWY3DPEHPK3PXP"}},
		{env: map[string]string{"AM_TOTP_SECRET": "GEZDGNBVGY3TQOJQ"}, step: "sign-in", status: "failed", says: "AM accepts each code once"},
	},
	"no-zero-page": {
		{},
		{env: map[string]string{"AM_PASSWORD": "wrong"}, step: "sign-in", status: "failed", says: "check username and password"},
	},
	"httponly": {
		{profile: "pingam-8.1"},
		{profile: "pingam-8.1", env: map[string]string{"AM_COOKIE_NAME": "other"}, step: "sign-in", status: "failed", says: `set cookie_name to "iPlanetDirectoryPro", or leave it out`},
	},
	"nginx": {
		{profile: "openam"}, {profile: "pingam-8.1"},
		{env: map[string]string{"AM_COOKIE_NAME": "iPlanetDirectoryPro"}, step: "sign-in", status: "failed", says: `set cookie_name to "corpSSO_prod", or leave it out`},
	},
	"host-name": {
		{step: "AM", status: "failed", says: "AM does not accept the host name 127.0.0.1"},
		{step: "AM", status: "failed", says: "set host (AM_HOST)"},
		{env: map[string]string{"AM_HOST": "am.example.com"}},
	},
	"proxy-403": {
		{step: "realms", status: "warning", says: "returned 403 Forbidden (text/html from nginx at 127.0.0.1:"},
		{step: "list cap", status: "warning", says: "120 is assumed"},
		{step: "identities", status: "warning", says: "(text/html from nginx at 127.0.0.1:"},
		{step: "identities", status: "warning", says: "not AM's JSON): a proxy in front of AM does not pass that path"},
	},
	"proxy-404": {
		{step: "realms", status: "warning", says: "returned 404 Not Found (text/html from nginx at 127.0.0.1:"},
		{step: "list cap", status: "warning", says: "(text/html from nginx at 127.0.0.1:"},
	},
	"proxy-407": {
		{step: "realms", status: "warning", says: "returned 407 Proxy Authentication Required (text/html from nginx at 127.0.0.1:"},
		{step: "identities", status: "warning", says: "not AM's JSON): a proxy requires a name and a password: set them in proxy"},
	},
	"quota-1": {{step: "quota", status: "warning", says: "each run ends the session of the previous run"}},
	"sessions-1.2": {
		{step: "sessions", status: "failed", says: "this AM (sessions 1.2) has no query of sessions by realm"},
		{step: "sessions", status: "failed", says: "OpenAM of the Open Identity Platform 14 and later"},
	},
	"custom-domain": {{profile: "aic", step: "sign-in", status: "failed", says: "base_url must be the tenant's own address"}},
}

func TestDoctorTellsTheTruthOfEverySimulatedDeployment(t *testing.T) {
	names := map[string]bool{}
	for _, deployment := range simulator.Deployments() {
		names[deployment.Name] = true
		if deploymentCases[deployment.Name] == nil {
			t.Errorf("nothing is said of deployment %s", deployment.Name)
		}
		for _, c := range deploymentCases[deployment.Name] {
			t.Run(strings.TrimSuffix(deployment.Name+"/"+c.step, "/"), func(t *testing.T) {
				options := c.options
				options.Profile, options.Realms, options.Deployments = c.profile, 2, []string{deployment.Name}
				options.Users, options.Sessions = max(options.Users, 6), max(options.Sessions, 12)
				server := connect(t, options)
				useTokenStore(t, server, c.store)
				for _, realm := range []string{"/", "/alpha", "/bravo"} {
					if err := server.ReturnInQueries(realm, rest.SignInProperties...); err != nil {
						t.Fatal(err)
					}
				}
				useServiceAccount(t, server)
				for name, value := range c.env {
					t.Setenv(name, value)
				}
				d := diagnose(t)
				f := d.findings[c.step]
				if c.step != "" && (d.status[c.step] != c.status || !strings.Contains(f.Detail+": "+f.Fix, c.says)) {
					t.Errorf("%s is %q: %s: %s; want %s with %q", c.step, d.status[c.step], f.Detail, f.Fix, c.status, c.says)
				}
				exit := statusFine
				if c.status == "failed" {
					exit = statusFailed
					if !strings.Contains(d.text, "Error: am: "+c.step+": ") {
						t.Errorf("the error does not name the step:\n%s", d.text)
					}
				}
				if d.exit != exit {
					t.Errorf("exit status %d, want %d:\n%s", d.exit, exit, d.text)
				}
				for step, status := range d.status {
					if status == "failed" && step != c.step || status != "ok" && c.step == "" && (c.profile != "aic" || step != "list cap") {
						t.Errorf("%s is %s, too: %+v", step, status, d.findings[step])
					}
				}
				for _, secret := range []string{"ampassword", "changeit", "AQIC5", os.Getenv("AM_TOTP_SECRET")} {
					if secret != "" && strings.Contains(d.text, secret) {
						t.Errorf("it shows %q:\n%s", secret, d.text)
					}
				}
				if n := administrators(server); n != 0 {
					t.Errorf("%d sessions of amsql are left", n)
				}
			})
		}
	}
	for name := range deploymentCases {
		if !names[name] {
			t.Errorf("there is no deployment %s", name)
		}
	}
}

// useTokenStore makes the connection read the server's token store with one of its accounts, unless account is "".
func useTokenStore(t *testing.T, server *simulator.Server, account string) {
	t.Helper()
	if account == "" {
		return
	}
	directory, address := storetest.Serve(t, server)
	dn, password := directory.Account(account)
	t.Setenv("AM_TOKEN_STORE_BIND_DN", dn)
	t.Setenv("AM_TOKEN_STORE_PASSWORD", password)
	if directory.Certificate() == nil {
		t.Setenv("AM_TOKEN_STORE_URL", "ldap://"+address)
		return
	}
	t.Setenv("AM_TOKEN_STORE_URL", "ldaps://"+address)
	t.Setenv("AM_TOKEN_STORE_FINGERPRINT", storetest.Fingerprint(directory))
}

// If AM lacks the version that is configured, that is an error, and not an empty list.
func TestAVersionThatAMLacksIsNotAnEmptyRealm(t *testing.T) {
	connect(t, simulator.Options{Realms: 1, Users: 2, Sessions: 4, Seed: 1})
	t.Setenv("AM_API", "4.0")
	for _, args := range [][]string{
		{"query", "select count(*) from am_session where realm = '/alpha'"},
		{"query", "select count(*) from am_session"},
		{"who"},
		{"logout", "--where", "realm = '/alpha'", "--yes"},
	} {
		out, err, status := invoke(t, terminal.Streams{}, args...)
		if status != statusFailed || !strings.Contains(err, "does not serve version 4.0 of sessions: do not set api (AM_API)") || out != "" {
			t.Errorf("%q: status %d, %s%s", args, status, out, err)
		}
	}
}

// amsql who lists sessions even if it is unknown when they end.
func TestWhoListsSessionsWhoseEndIsNotKnown(t *testing.T) {
	eachWithoutEnds(t, func(t *testing.T, server *simulator.Server) {
		want := map[string]int{}
		for _, s := range server.Sessions() {
			if s.Realm != "/" {
				want[s.Username]++
			}
		}
		for name, sessions := range want {
			out, errs, status := invoke(t, terminal.Streams{}, "who", name, "--output", "csv")
			if n := strings.Count(out, "\n") - 1; status != statusFine || n != sessions {
				t.Errorf("who %s: status %d, %d sessions, want %d: %s", name, status, n, sessions, errs)
			}
			out, errs, status = invoke(t, terminal.Streams{}, "who", "--output", "csv")
			row := regexp.MustCompile(fmt.Sprintf(`(?m)^%s,/\w+,%d,`, name, sessions))
			if status != statusFine || !row.MatchString(out) {
				t.Errorf("who: status %d, want %d sessions of %s: %s%s", status, sessions, name, out, errs)
			}
		}
	})
}

// A report that needs expiration times does not pass if they are unknown.
func TestReportsSayWhatTheyCannotKnowOfSessionsWithoutAnEnd(t *testing.T) {
	eachWithoutEnds(t, func(t *testing.T, _ *simulator.Server) {
		out, errs, status := invoke(t, terminal.Streams{}, "report", "run", "differing-limits", "expired-listed", "expiry-forecast", "--format", "json")
		var run struct {
			Reports []struct {
				Name, Verdict string
				Rows          []map[string]any
			}
		}
		if err := json.Unmarshal([]byte(out), &run); err != nil || status != statusFine || len(run.Reports) != 3 {
			t.Fatalf("status %d, %v: %s", status, err, errs)
		}
		for _, r := range run.Reports[:2] {
			if r.Verdict != "not known" || !strings.HasPrefix(fmt.Sprint(r.Rows[0]["username"]), "not known: ") {
				t.Errorf("%s is %s, want not known: %v", r.Name, r.Verdict, r.Rows)
			}
		}
		if rows := run.Reports[2].Rows; rows[len(rows)-1]["ends_within"] != "not known" {
			t.Errorf("the forecast leaves out sessions whose end is not known: %v", rows)
		}
	})
}

// eachWithoutEnds runs a test with sessions whose expiration times are unknown: OpenAM 13 does not store them, and a time may be
// unreadable.
func eachWithoutEnds(t *testing.T, test func(*testing.T, *simulator.Server)) {
	t.Helper()
	for deployment, store := range map[string]string{"token-store-openam-13": "amsql-reader", "endless": ""} {
		t.Run(deployment, func(t *testing.T) {
			server := connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1, Deployments: []string{deployment}})
			useTokenStore(t, server, store)
			test(t, server)
		})
	}
}
