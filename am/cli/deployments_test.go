//go:build unix

package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// deploymentCases are what doctor says of the simulated deployments, and with which environment: of one that is not here,
// that all is well.
var deploymentCases = map[string][]struct {
	profile      string
	env          map[string]string
	step, status string // "" where all is well
	says         string
}{
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
		{step: "AM", status: "failed", says: "AM does not know itself by the name 127.0.0.1"},
		{step: "AM", status: "failed", says: "set host (AM_HOST)"},
		{env: map[string]string{"AM_HOST": "am.example.com"}},
	},
	"proxy-403": {
		{step: "realms", status: "warning", says: "answered 403 Forbidden (text/html from nginx at 127.0.0.1:"},
		{step: "list cap", status: "warning", says: "120 is assumed"},
		{step: "identities", status: "warning", says: "(text/html from nginx at 127.0.0.1:"},
	},
	"proxy-404": {
		{step: "realms", status: "warning", says: "answered 404 Not Found (text/html from nginx at 127.0.0.1:"},
		{step: "list cap", status: "warning", says: "(text/html from nginx at 127.0.0.1:"},
	},
	"proxy-407": {
		{step: "realms", status: "warning", says: "answered 407 Proxy Authentication Required (text/html from nginx at 127.0.0.1:"},
	},
	"quota-1": {{step: "quota", status: "warning", says: "each run ends the session of the run before"}},
	"sessions-1.2": {
		{step: "sessions", status: "failed", says: "this AM (sessions 1.2) has no query of sessions by realm"},
		{step: "sessions", status: "failed", says: "OpenAM of the Open Identity Platform from 14 on"},
	},
	"custom-domain": {{profile: "aic", step: "sign-in", status: "failed", says: "base_url must be the tenant's own address"}},
}

func TestDoctorTellsTheTruthOfEverySimulatedDeployment(t *testing.T) {
	names := map[string]bool{}
	for _, deployment := range simulator.Deployments() {
		names[deployment.Name] = true
		cases := deploymentCases[deployment.Name]
		if cases == nil {
			cases = append(cases, struct {
				profile      string
				env          map[string]string
				step, status string
				says         string
			}{})
		}
		for _, c := range cases {
			t.Run(strings.TrimSuffix(deployment.Name+"/"+c.step, "/"), func(t *testing.T) {
				server := connect(t, simulator.Options{Profile: c.profile, Realms: 2, Users: 6, Sessions: 12, Deployments: []string{deployment.Name}})
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
