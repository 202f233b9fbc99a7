//go:build unix

package cli

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// diagnosis is the output of amsql doctor: the status of each step, and the findings.
type diagnosis struct {
	order    []string
	status   map[string]string
	findings map[string]struct{ Detail, Fix string }
	text     string // the whole output
	exit     int
}

func diagnose(t *testing.T, args ...string) diagnosis {
	t.Helper()
	out, errs, exit := invoke(t, terminal.Streams{}, append([]string{"doctor", "--output", "jsonl"}, args...)...)
	d := diagnosis{status: map[string]string{}, findings: map[string]struct{ Detail, Fix string }{}, text: out + errs, exit: exit}
	for line := range strings.Lines(out) {
		var row struct{ Step, Status, Detail, Fix string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		d.order = append(d.order, row.Step)
		d.status[row.Step] = row.Status
		d.findings[row.Step] = struct{ Detail, Fix string }{row.Detail, row.Fix}
	}
	return d
}

var doctorsSteps = []string{"host name", "network", "TLS", "AM", "clock", "sign-in", "API", "version", "realms", "sessions", "list cap", "quota", "identities", "properties", "logout"}

func TestDoctorFindsEveryProductHealthy(t *testing.T) {
	for _, c := range []struct {
		profile, api string
		lines        int
		but          map[string]string
	}{
		{profile: "openam", api: "sessions 2.0", lines: 3},
		{profile: "am-5.5", api: "sessions 3.0", lines: 3, but: map[string]string{"properties": "warning"}},
		{profile: "am-7", api: "sessions 4.0", lines: 3, but: map[string]string{"properties": "warning"}},
		{profile: "pingam-8.1", api: "sessions 4.0", lines: 3, but: map[string]string{"properties": "warning"}},
		{profile: "aic", api: "sessions 4.0", lines: 4, but: map[string]string{"list cap": "warning", "quota": "not tried", "properties": "warning"}},
	} {
		t.Run(c.profile, func(t *testing.T) {
			stop := simulate(t, c.lines, "--profile", c.profile, "--users", "5", "--sessions", "9")
			defer stop()
			d := diagnose(t)
			want := map[string]string{}
			for _, s := range doctorsSteps {
				want[s] = "ok"
			}
			maps.Copy(want, c.but)
			maps.DeleteFunc(want, func(_, status string) bool { return status == "not tried" })
			steps := slices.DeleteFunc(slices.Clone(doctorsSteps), func(s string) bool { return want[s] == "" })
			if diff := cmp.Diff(steps, d.order); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, d.status); diff != "" || d.exit != statusFine {
				t.Errorf("exit status %d, (-want +got):\n%s%s", d.exit, diff, d.text)
			}
			if got := d.findings["API"].Detail; got != c.api {
				t.Errorf("API %q, want %q", got, c.api)
			}
		})
	}
}

func TestDoctorEndsNobodysSession(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12})
	before := len(server.Sessions())
	if d := diagnose(t); d.status["logout"] != "ok" {
		t.Errorf("logout %s: %+v", d.status["logout"], d.findings["logout"])
	}
	if after := len(server.Sessions()); after != before {
		t.Errorf("%d sessions before, %d after", before, after)
	}
}

// ailment is a problem of a connection, the step that shows it, and doctor's advice.
type ailment struct {
	name         string
	spoil        func(t *testing.T, address string, handler http.Handler) (newAddress string) // returns "" to keep the address
	env          map[string]string
	faults       []string
	deployments  []string
	step, status string
	detail, fix  string // parts of them
}

var ailments = []ailment{
	{name: "a host that has no name", env: map[string]string{"AM_URL": "http://nosuch.invalid/openam"},
		step: "host name", status: "failed", detail: "nosuch.invalid", fix: "check the host name in base_url"},
	{name: "a port where nothing listens", env: map[string]string{"AM_URL": "http://127.0.0.1:1/openam"},
		step: "network", status: "failed", detail: "refused", fix: "nothing listens there"},
	{name: "a proxy where nothing listens", spoil: throughProxy,
		step: "network", status: "failed", detail: "refused", fix: "check proxy"},
	{name: "an authority that is not known", spoil: overTLS,
		step: "TLS", status: "failed", detail: "unknown authority", fix: "ca_file"},
	{name: "a certificate of another host", spoil: overTLSWithAnotherName,
		step: "TLS", status: "failed", detail: "not nosuch.invalid", fix: "use a name that it contains in base_url"},
	{name: "a port without TLS", spoil: func(_ *testing.T, address string, _ http.Handler) string { return "https" + address[4:] },
		step: "TLS", status: "failed", detail: "HTTP response to HTTPS client", fix: "or use http://"},
	{name: "TLS at a port without", spoil: func(t *testing.T, _ string, handler http.Handler) string { return "http" + startTLS(t, handler)[5:] },
		step: "AM", status: "failed", detail: "400", fix: "AM is at https://127.0.0.1:"},
	{name: "a certificate that has ended", spoil: withCertificate(-time.Hour),
		step: "TLS", status: "failed", detail: "expired", fix: "renew the server's certificate"},
	{name: "a certificate that ends tomorrow", spoil: withCertificate(24 * time.Hour),
		step: "TLS", status: "warning", detail: "certificate by CN=test until ", fix: "renew the server's certificate before it expires"},
	{name: "a certificate that is not looked at", spoil: overUnverifiedTLS,
		step: "TLS", status: "warning", detail: "not verified", fix: "ca_file"},
	{name: "another context path", spoil: func(_ *testing.T, address string, _ http.Handler) string {
		return address[:len(address)-len("/openam")] + "/am"
	},
		step: "AM", status: "failed", detail: "404", fix: "/openam: set base_url to that"},
	{name: "no context path", spoil: func(_ *testing.T, address string, _ http.Handler) string {
		return address[:len(address)-len("/openam")]
	},
		step: "AM", status: "failed", detail: "404", fix: "/openam: set base_url to that"},
	{name: "a website instead of AM", faults: []string{"html"},
		step: "AM", status: "failed", detail: "200 OK", fix: "context path"},
	{name: "a redirect", faults: []string{"redirect=http://elsewhere.example/login"},
		step: "AM", status: "failed", detail: "302", fix: "http://elsewhere.example/login"},
	{name: "maintenance", faults: []string{"503"},
		step: "AM", status: "failed", detail: "503", fix: "try again later"},
	{name: "another clock", spoil: withClock(90 * time.Minute),
		step: "clock", status: "warning", detail: "1h30m", fix: "time server"},
	{name: "a wrong password", env: map[string]string{"AM_PASSWORD": "wrong-Passw0rd"},
		step: "sign-in", status: "failed", detail: "401", fix: "check username and password"},
	{name: "a dead token", env: map[string]string{"AM_USERNAME": "", "AM_PASSWORD": "", "AM_SSO_TOKEN": "dead-tok3n"},
		step: "sign-in", status: "failed", detail: "401", fix: "sso_token"},
	{name: "a second factor", deployments: []string{"no-zero-page", "otp"},
		step: "sign-in", status: "failed", detail: "one-time password", fix: "totp_secret (AM_TOTP_SECRET)"},
	{name: "a version that is not there", env: map[string]string{"AM_API": "4.0"},
		step: "API", status: "failed", detail: "404", fix: "do not set api (AM_API)"},
	{name: "an account without rights", env: map[string]string{"AM_USERNAME": "demo", "AM_PASSWORD": "changeit"},
		step: "sessions", status: "failed", detail: "403", fix: "only an administrator may"},
	{name: "realms that may not be listed", faults: []string{"403:path=global-config/realms"},
		step: "realms", status: "warning", detail: "only / is queried", fix: "AM_REALMS"},
	{name: "a realm that is not there", env: map[string]string{"AM_REALMS": "/alpha,/alhpa"},
		step: "realms", status: "failed", detail: `realms contains "/alhpa", but AM has /, /alpha, /bravo`, fix: "correct realms"},
	{name: "a cap that may not be read", faults: []string{"403:path=services/session"},
		step: "list cap", status: "warning", detail: "120 is assumed", fix: "Maximum Number of Search Results"},
	{name: "a list_cap above the server's", spoil: withArguments("  list_cap = 500\n"),
		step: "list cap", status: "failed", detail: "a truncated list would be mistaken for a complete one", fix: "do not set list_cap"},
	{name: "a list_cap below the server's", spoil: withArguments("  list_cap = 50\n"),
		step: "list cap", status: "warning", detail: "amsql sends more requests than needed", fix: "do not set list_cap"},
	{name: "identities that may not be listed", faults: []string{"403:path=/users"},
		step: "identities", status: "warning", detail: "cannot be completed", fix: "fr:idm:*"},
	{name: "sessions that may not be ended", faults: []string{"403:action=logoutByHandle"},
		step: "logout", status: "warning", detail: "may not be ended", fix: "not needed for queries"},
	{name: "a connection that breaks off", faults: []string{"reset:action=logoutByHandle"},
		step: "logout", status: "failed", detail: "logoutByHandle failed", fix: "try again"},
}

func TestDoctorSaysWhatFailsAndHowToFixIt(t *testing.T) {
	for _, a := range ailments {
		t.Run(a.name, func(t *testing.T) {
			server := connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Faults: a.faults, Deployments: a.deployments})
			if a.spoil != nil {
				if address := a.spoil(t, os.Getenv("AM_URL"), server); address != "" {
					t.Setenv("AM_URL", address)
				}
			}
			for name, value := range a.env {
				t.Setenv(name, value)
			}
			d := diagnose(t, configArgs(t)...)
			f := d.findings[a.step]
			if d.status[a.step] != a.status || !strings.Contains(f.Detail, a.detail) || !strings.Contains(f.Fix, a.fix) {
				t.Errorf("%s is %s: %+v, want %s with %q and %q\n%s", a.step, d.status[a.step], f, a.status, a.detail, a.fix, d.text)
			}
			if want := map[string]int{"failed": statusFailed, "warning": statusFine}[a.status]; d.exit != want {
				t.Errorf("exit status %d, want %d", d.exit, want)
			}
			for step, status := range d.status {
				if status == "failed" && (step != a.step || d.findings[step].Fix == "") {
					t.Errorf("%s failed, too, or has no fix: %+v", step, d.findings[step])
				}
			}
			for _, secret := range []string{"ampassword", "changeit", "wrong-Passw0rd", "dead-tok3n", "AQIC5"} {
				if strings.Contains(d.text, secret) {
					t.Errorf("it shows %q:\n%s", secret, d.text)
				}
			}
			if n := administrators(server); n != 0 {
				t.Errorf("%d sessions of amsql are left", n)
			}
		})
	}
}

// configArgs returns the flag for the file that an ailment has written, if any: some arguments have no environment
// variable.
func configArgs(t *testing.T) []string {
	if path := os.Getenv("DOCTOR_CONFIG"); path != "" {
		return []string{"--config", path}
	}
	return nil
}

func writeConnection(t *testing.T, arguments string) {
	path := filepath.Join(t.TempDir(), "am.spc")
	if err := os.WriteFile(path, []byte("connection \"am\" {\n  plugin = \"am\"\n"+arguments+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCTOR_CONFIG", path)
}

func throughProxy(t *testing.T, _ string, _ http.Handler) string {
	writeConnection(t, "  proxy = \"http://localhost:1\"\n")
	return ""
}

func withArguments(arguments string) func(*testing.T, string, http.Handler) string {
	return func(t *testing.T, _ string, _ http.Handler) string {
		writeConnection(t, arguments)
		return ""
	}
}

// withCertificate gives the server a trusted certificate that expires after this time.
func withCertificate(life time.Duration) func(*testing.T, string, http.Handler) string {
	return func(t *testing.T, _ string, handler http.Handler) string {
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(life), IsCA: true, BasicConstraintsValid: true,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
		if err != nil {
			t.Fatal(err)
		}
		authority := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		writeConnection(t, "  ca_file = \""+authority+"\"\n")
		return startTLS(t, handler, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
	}
}

func startTLS(t *testing.T, handler http.Handler, certificates ...tls.Certificate) string {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would log the handshakes that are meant to fail
	server.TLS = &tls.Config{Certificates: certificates}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL + "/openam"
}

func overTLS(t *testing.T, _ string, handler http.Handler) string { return startTLS(t, handler) }

func overUnverifiedTLS(t *testing.T, _ string, handler http.Handler) string {
	writeConnection(t, "  insecure_skip_verify = true\n")
	return startTLS(t, handler)
}

// overTLSWithAnotherName uses a proxy, because only a proxy can resolve an invented name.
func overTLSWithAnotherName(t *testing.T, _ string, handler http.Handler) string {
	address := startTLS(t, handler)
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(tunnel(at.Host))
	t.Cleanup(proxy.Close)
	writeConnection(t, "  proxy = \""+proxy.URL+"\"\n")
	return "https://nosuch.invalid/openam"
}

// tunnel is a proxy that connects to one address, whatever is requested.
func tunnel(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there, err := new(net.Dialer).DialContext(r.Context(), "tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = there.Close() }() // the test is only about what came before
		w.WriteHeader(http.StatusOK)
		here, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = here.Close() }()
		go func() { _, _ = io.Copy(there, buffered) }()
		_, _ = io.Copy(here, there)
	})
}

func withClock(ahead time.Duration) func(*testing.T, string, http.Handler) string {
	return func(t *testing.T, _ string, handler http.Handler) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			handler.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server.URL + "/openam"
	}
}

func TestDoctorSignsInWhereverTheClientCan(t *testing.T) {
	for _, deployments := range [][]string{{"httponly"}, {"no-zero-page"}, {"otp", "no-zero-page", "httponly"}} {
		server := connect(t, simulator.Options{Profile: "pingam-8.1", Deployments: deployments})
		t.Setenv("AM_TOTP_SECRET", "JBSWY3DPEHPK3PXP")
		if d := diagnose(t); d.status["sign-in"] != "ok" || d.exit != statusFine || administrators(server) > 0 {
			t.Errorf("%v: sign-in is %s, status %d, %d administrators' sessions are left\n%s", deployments, d.status["sign-in"], d.exit, administrators(server), d.text)
		}
	}
}

func TestAnInterruptionEndsDoctor(t *testing.T) {
	server := connect(t, simulator.Options{Latency: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, errs, status := invokeContext(ctx, t, terminal.Streams{}, "doctor")
	if status != statusInterrupted || errs != "Error: interrupted\n" || administrators(server) > 0 {
		t.Errorf("status %d, %q", status, errs)
	}
}
