package metrics_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/metrics"
	"github.com/amsql/steampipe-plugin-am/am/report"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/watch"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// simulated returns an AM and an exporter with all reports.
func simulated(t *testing.T, o simulator.Options) (*simulator.Server, *connection.Connection, *metrics.Exporter) {
	t.Helper()
	server, err := simulator.New(o)
	must(t, err)
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	url := listening.URL + server.ContextPath()
	user, password := server.Admin()
	c, err := connection.Open("am", connection.Config{BaseURL: &url, Username: &user, Password: &password}, connection.Host{})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close(context.Background())) })
	watcher, err := watch.New(t.Context(), am.Census(true, c), am.Census(true, c), metrics.WatchedSQL)
	must(t, err)
	t.Cleanup(func() { must(t, watcher.Close()) })
	all, err := report.Builtin()
	must(t, err)
	return server, c, metrics.New(report.Request{Reports: all, Tables: am.Census(true, c), Version: "1.0"}, watcher)
}

// parse reads the samples of a text, and checks that the node exporter's textfile collector accepts it, too.
func parse(t *testing.T, text []byte, url string) map[string]float64 {
	t.Helper()
	collector := expfmt.NewTextParser(model.LegacyValidation)
	if _, err := collector.TextToMetricFamilies(bytes.NewReader(text)); err != nil {
		t.Errorf("the textfile collector: %v", err)
	}
	if !bytes.HasSuffix(text, []byte("\n# EOF\n")) {
		t.Errorf("the text does not end as OpenMetrics does: %.100q", text[max(0, len(text)-100):])
	}
	samples := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		must(t, err)
		samples[strings.ReplaceAll(line[:at], url, "AM")] = value
	}
	return samples
}

func scan(t *testing.T, e *metrics.Exporter, url string) map[string]float64 {
	t.Helper()
	must(t, e.Scan(t.Context()))
	var b bytes.Buffer
	must(t, e.Write(&b))
	return parse(t, b.Bytes(), url)
}

func TestAScanIsCounted(t *testing.T) {
	server, c, e := simulated(t, simulator.Options{Realms: 2, Users: 30, Sessions: 60, Seed: 1})
	first := scan(t, e, c.BaseURL())
	var users []simulator.Session
	in := map[string]float64{}
	for _, s := range server.Sessions() {
		if in[s.Realm]++; s.Realm == "/alpha" {
			users = append(users, s)
		}
	}
	for range 3 {
		_, err := server.Login("/alpha", users[0].Username)
		must(t, err)
	}
	_, err := c.Client().Logout(t.Context(), "", users[1].Token)
	must(t, err)
	second := scan(t, e, c.BaseURL())
	at := func(name, realm string, more ...string) string {
		return fmt.Sprintf(`amsql_%s{realm="%s",server="AM"%s}`, name, realm, strings.Join(more, ""))
	}
	for _, c := range []struct {
		samples map[string]float64
		name    string
		want    float64
	}{
		{first, at("sessions", "/alpha"), in["/alpha"]},
		{first, at("sessions", "/"), in["/"]},
		{first, at("session_logins_total", "/alpha"), 0},
		{second, at("sessions", "/alpha"), in["/alpha"] + 2},
		{second, at("session_logins_total", "/alpha"), 3},
		{second, at("session_logouts_total", "/alpha"), 1},
		{second, at("session_expirations_total", "/alpha"), 0},
		{second, at("session_logins_total", "/bravo"), 0},
		{second, at("session_idle_seconds_count", "/alpha"), in["/alpha"] + 2},
		{second, at("session_idle_seconds_bucket", "/alpha", `,le="+Inf"`), in["/alpha"] + 2},
		{second, at("session_age_seconds_count", "/alpha"), in["/alpha"] + 2},
		{second, `amsql_realm_completeness{completeness="complete",realm="/alpha",server="AM"}`, 1},
		{second, `amsql_realm_completeness{completeness="failed",realm="/alpha",server="AM"}`, 0},
		{second, `amsql_report_findings{report="lax-realms",severity="medium"}`, 3},
		{second, `amsql_scan_success`, 1},
	} {
		if got, there := c.samples[c.name]; !there || got != c.want {
			t.Errorf("%s is %v (there: %t), want %v", c.name, got, there, c.want)
		}
	}
	for name := range second {
		for _, user := range users {
			if strings.Contains(name, user.Username) {
				t.Errorf("%s has the name of a user", name)
			}
		}
	}
}

// The server's clock is in the header Date of its answers. The times of its sessions are on that clock.
func TestTimeWithoutUseIsByTheServersClock(t *testing.T) {
	idle := func(ahead time.Duration) float64 {
		server, err := simulator.New(simulator.Options{Realms: 1, Users: 10, Sessions: 30, Seed: 1, Clock: func() time.Time { return time.Now().Add(ahead) }})
		must(t, err)
		listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			server.ServeHTTP(w, r)
		}))
		t.Cleanup(listening.Close)
		url := listening.URL + server.ContextPath()
		user, password := server.Admin()
		c, err := connection.Open("am", connection.Config{BaseURL: &url, Username: &user, Password: &password}, connection.Host{})
		must(t, err)
		t.Cleanup(func() { must(t, c.Close(context.Background())) })
		samples := scan(t, metrics.New(report.Request{Tables: am.Census(true, c)}, nil), c.BaseURL())
		total, sessions := samples[`amsql_session_idle_seconds_sum{realm="/alpha",server="AM"}`], samples[`amsql_session_idle_seconds_count{realm="/alpha",server="AM"}`]
		if sessions == 0 {
			t.Fatal("no session is counted")
		}
		return total / sessions
	}
	want := idle(0)
	for _, ahead := range []time.Duration{3 * time.Hour, -3 * time.Hour} {
		if got := idle(ahead); math.Abs(got-want) > 30 {
			t.Errorf("with a server ahead by %s, sessions are idle for %.0f seconds on average, want about %.0f", ahead, got, want)
		}
	}
}

func TestARealmThatFailsHasNoNumber(t *testing.T) {
	server, c, e := simulated(t, simulator.Options{Realms: 2, Users: 10, Sessions: 20, Seed: 1})
	scan(t, e, c.BaseURL())
	must(t, server.SetFaults("400:path=/alpha/sessions"))
	failed := scan(t, e, c.BaseURL())
	if n, there := failed[`amsql_sessions{realm="/alpha",server="AM"}`]; there {
		t.Errorf("a realm that failed has %v sessions", n)
	}
	if failed[`amsql_realm_completeness{completeness="failed",realm="/alpha",server="AM"}`] != 1 {
		t.Errorf("it is not said that the realm failed: %v", failed)
	}
	if failed[`amsql_session_logouts_total{realm="/alpha",server="AM"}`] != 0 {
		t.Error("a realm that fails is taken for logouts")
	}
}

func TestAScanThatFailsLeavesNothingOld(t *testing.T) {
	server, _, e := simulated(t, simulator.Options{Realms: 2, Users: 10, Sessions: 20, Seed: 1})
	scrape := func() (int, map[string]float64) {
		answer := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
		e.ServeHTTP(answer, r)
		if answer.Code != http.StatusOK {
			return answer.Code, nil
		}
		return answer.Code, parse(t, answer.Body.Bytes(), "there is no such address")
	}
	if status, _ := scrape(); status != http.StatusServiceUnavailable {
		t.Errorf("before the first scan: status %d", status)
	}
	must(t, e.Scan(t.Context()))
	if _, samples := scrape(); samples[`amsql_scan_success`] != 1 || len(samples) < 50 {
		t.Errorf("%d samples: %v", len(samples), samples)
	}
	must(t, server.SetFaults("500"))
	if err := e.Scan(t.Context()); err == nil {
		t.Fatal("a scan of nothing succeeds")
	}
	_, samples := scrape()
	if value, there := samples[`amsql_scan_success`]; !there || value != 0 {
		t.Errorf("success is %v (there: %t)", value, there)
	}
	for name := range samples {
		if strings.Contains(name, "amsql_sessions") || strings.Contains(name, "findings") {
			t.Errorf("%s is of an earlier scan", name)
		}
	}
	must(t, server.SetFaults())
}
