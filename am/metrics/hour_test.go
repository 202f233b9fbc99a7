package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
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

// TestAnHourIsWatchedAndScraped logs users in and out for an hour of AM's clock, while one connection is watched and
// scraped. Prometheus' own parser reads every scrape, and the counters agree with the events of the watch.
func TestAnHourIsWatchedAndScraped(t *testing.T) {
	var clock atomic.Int64
	clock.Store(time.Now().UnixMilli())
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	server, err := simulator.New(simulator.Options{Realms: 2, Users: 30, Sessions: 80, Seed: 3, Clock: now})
	must(t, err)
	server.LogRequests(false)
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", now().UTC().Format(http.TimeFormat))
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(listening.Close)
	url := listening.URL + server.ContextPath()
	user, password := server.Admin()
	c, err := connection.Open("am", connection.Config{BaseURL: &url, Username: &user, Password: &password}, connection.Host{})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close(context.Background())) })
	watcher := func(sql string) *watch.Watcher {
		w, err := watch.New(t.Context(), am.Census(true, c), am.Census(true, c), sql)
		must(t, err)
		t.Cleanup(func() { must(t, w.Close()) })
		return w
	}
	watched := watcher("")
	e := metrics.New(report.Request{Tables: am.Census(true, c), Version: "1.0"}, watcher(metrics.WatchedSQL))
	scrapes := httptest.NewServer(e)
	t.Cleanup(scrapes.Close)

	told := map[string]float64{}
	random := rand.New(rand.NewPCG(3, 4))
	users := server.Sessions()
	var counted map[string]float64
	for range 61 {
		look, err := watched.Look(t.Context())
		must(t, err)
		for _, event := range look.Events {
			if metric := map[watch.Kind]string{watch.Login: "logins", watch.Logout: "logouts", watch.Expired: "expirations"}[event.Kind]; metric != "" {
				told[fmt.Sprintf("amsql_session_%s_total %s", metric, event.Row[1])]++
			}
		}
		must(t, e.Scan(t.Context()))
		counted = scrape(t, scrapes.URL)
		own := 0
		for _, s := range server.Sessions() {
			if s.Username == user {
				own++
			}
		}
		if own != 1 {
			t.Fatalf("amsql has %d sessions", own)
		}
		clock.Add(time.Minute.Milliseconds())
		for range random.IntN(4) {
			who := users[random.IntN(len(users))]
			if who.Username != user && who.Username != "dsameuser" {
				_, err := server.Login(who.Realm, who.Username)
				must(t, err)
			}
		}
		if s := server.Sessions()[random.IntN(20)]; s.Username != user && s.Username != "dsameuser" {
			_, err := c.Client().Logout(t.Context(), "", s.Token)
			must(t, err)
		}
	}
	events := 0.0
	for name, n := range counted {
		if n != told[name] {
			t.Errorf("%s is %v, and the watch has told %v", name, n, told[name])
		}
		events += n
		delete(told, name)
	}
	if len(told) > 0 || events < 100 {
		t.Errorf("%v events are counted, and %v are not", events, told)
	}
}

// scrape reads the counters of sessions, by metric and realm, in the formats that Prometheus requests.
func scrape(t *testing.T, url string) map[string]float64 {
	t.Helper()
	counters := map[string]float64{}
	for _, format := range []expfmt.FormatType{expfmt.TypeTextPlain, expfmt.TypeProtoDelim} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		must(t, err)
		request.Header.Set("Accept", string(expfmt.NewFormat(format)))
		answer, err := http.DefaultClient.Do(request)
		must(t, err)
		got := expfmt.ResponseFormat(answer.Header)
		if got.FormatType() != format || answer.StatusCode != http.StatusOK {
			t.Fatalf("status %d, format %s", answer.StatusCode, got)
		}
		samples := &expfmt.SampleDecoder{Dec: expfmt.NewDecoder(answer.Body, got), Opts: &expfmt.DecodeOptions{}}
		read := map[string]float64{}
		for {
			var vector model.Vector
			if err := samples.Decode(&vector); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", got, err)
			}
			for _, sample := range vector {
				if name := string(sample.Metric[model.MetricNameLabel]); strings.HasSuffix(name, "_total") {
					read[name+" "+string(sample.Metric["realm"])] = float64(sample.Value)
				}
			}
		}
		must(t, answer.Body.Close())
		if len(counters) > 0 && !maps.Equal(counters, read) {
			t.Errorf("%s: %v, in the other format %v", got, read, counters)
		}
		counters = read
	}
	return counters
}
