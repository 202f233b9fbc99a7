package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/report"
	"github.com/amsql/steampipe-plugin-am/am/watch"
)

// An Exporter scans, and keeps the metrics of the last scan. Only one scan runs at a time; metrics can be read in the
// meantime.
type Exporter struct {
	request report.Request
	watcher *watch.Watcher // nil if scans are not compared

	totals  map[*prometheus.Desc]map[place]float64 // totals since the first scan
	current atomic.Pointer[prometheus.Registry]    // metrics of the last scan
	metrics []prometheus.Metric                    // metrics of the scan that is running
}

// place is a realm of a server.
type place struct{ server, realm string }

// WatchedSQL is the SQL for the Watcher of an Exporter.
const WatchedSQL = `select session_handle, realm, base_url from am_session where is_current is not true`

// New returns an Exporter for the reports of a request, over the tables of a tolerant am.Census. With a Watcher of
// [WatchedSQL], it compares scans. It ignores reports that cannot have findings.
func New(request report.Request, watcher *watch.Watcher) *Exporter {
	e := &Exporter{request: request, watcher: watcher, totals: map[*prometheus.Desc]map[place]float64{}}
	e.request.Also = e.count
	for _, d := range distributions {
		e.request.Statements = append(e.request.Statements, d.sql())
	}
	if watcher != nil {
		e.request.Statements = append(e.request.Statements, watcher.Statements()...)
	}
	return e
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("amsql_"+name, help, labels, nil)
}

var (
	info         = desc("build_info", "The version of amsql.", "version")
	success      = desc("scan_success", "1 if the last scan succeeded, or 0: then the other metrics are absent.")
	duration     = desc("scan_duration_seconds", "How long the last scan took.")
	scanned      = desc("scan_timestamp_seconds", "When the last scan began, in seconds since 1970.")
	sessions     = desc("sessions", "Sessions found by the scan. If the realm is not complete, there may be more.", "server", "realm")
	completeness = desc("realm_completeness", "Completeness of the realm's list: 1 for the current value, 0 for the others.", "server", "realm", "completeness")
	realmTime    = desc("realm_scan_duration_seconds", "Duration of the realm's part of the scan.", "server", "realm")
	findings     = desc("report_findings", "Findings of a report.", "report", "severity")

	// ends are counters. A session that began and ended between two scans is in none of them.
	ends = map[watch.Kind]*prometheus.Desc{
		watch.Login:   desc("session_logins_total", "Sessions that began since the first scan.", "server", "realm"),
		watch.Logout:  desc("session_logouts_total", "Sessions that ended early since the first scan.", "server", "realm"),
		watch.Expired: desc("session_expirations_total", "Sessions that expired since the first scan.", "server", "realm"),
	}
)

// The values of a realm's completeness. A realm that failed has only that one.
var states = []string{"complete", "by_user", "truncated", "failed"}

// A distribution is a histogram of seconds.
type distribution struct {
	desc    *prometheus.Desc
	seconds string // the seconds of a session, in SQL
	bounds  []float64
}

var distributions = []distribution{
	{
		desc("session_idle_seconds", "Sessions by idle time. Describes the current sessions; not cumulative over scans.", "server", "realm"),
		"clock.now - unixepoch(s.latest_access_time)", []float64{60, 300, 900, 1800, 3600, 14400, 86400},
	},
	{
		desc("session_age_seconds", "Sessions by estimated age: the realm's maximum session time minus the remaining time. Describes the current sessions.", "server", "realm"),
		"60 * l.max_session_minutes - (unixepoch(s.max_session_expiration_time) - clock.now)", []float64{900, 3600, 7200, 14400, 28800, 43200, 86400},
	},
}

// sql returns the statement that counts the sessions of each realm up to each bound, by the server's clock. It excludes
// AM's own session, which never ends.
func (d distribution) sql() string {
	var counts strings.Builder
	for _, bound := range d.bounds {
		fmt.Fprintf(&counts, ", count(*) filter (where seconds <= %g)", bound)
	}
	return `select base_url, realm, count(seconds), coalesce(sum(seconds), 0)` + counts.String() + ` from (
	select c.base_url, c.realm, max(0, ` + d.seconds + `) as seconds
	from am_session_scan as c
	join (select base_url, unixepoch() + max(clock_skew_seconds) as now from am_server group by base_url) as clock on clock.base_url = c.base_url
	left join am_session as s on s.base_url = c.base_url and s.realm = c.realm and coalesce(s.username, '') <> 'dsameuser'
	left join am_session_service as l on l.base_url = s.base_url and l.realm = s.realm
) group by base_url, realm`
}

// Scan reads the tables and counts. After an error, the only metrics are those that report the failure.
func (e *Exporter) Scan(ctx context.Context) error {
	began := time.Now()
	e.metrics = nil
	run, err := e.request.Run(ctx)
	if err != nil {
		e.metrics = nil
	} else {
		e.results(run)
	}
	e.gauge(info, 1, e.request.Version)
	e.gauge(success, map[bool]float64{true: 1}[err == nil])
	e.gauge(duration, time.Since(began).Seconds())
	e.gauge(scanned, float64(began.Unix()))
	for desc, places := range e.totals {
		for at, total := range places {
			e.metrics = append(e.metrics, prometheus.MustNewConstMetric(desc, prometheus.CounterValue, total, at.server, at.realm))
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(counted(e.metrics))
	e.current.Store(registry)
	return err
}

func (e *Exporter) gauge(desc *prometheus.Desc, value float64, labels ...string) {
	e.metrics = append(e.metrics, prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...))
}

// results adds the metrics from the reports and the evidence.
func (e *Exporter) results(run *report.Run) {
	for _, r := range run.Results {
		if r.Finds {
			e.gauge(findings, float64(r.Findings), r.Name, r.Severity)
		}
	}
	for _, realm := range run.Evidence.Realms {
		server, path := fmt.Sprint(realm["base_url"]), fmt.Sprint(realm["realm"])
		if e.watcher != nil {
			e.add(place{server, path}, "", 0)
		}
		now := realm["completeness"]
		if realm["error"] != nil {
			now = "failed"
		}
		for _, state := range states {
			e.gauge(completeness, map[bool]float64{true: 1}[state == now], server, path, state)
		}
		if took, ok := realm["elapsed_ms"].(float64); ok {
			e.gauge(realmTime, took/1000, server, path)
		}
		if found, ok := realm["sessions"].(int64); ok && now != "failed" {
			e.gauge(sessions, float64(found), server, path)
		}
	}
}

// count adds the metrics that no report contains.
func (e *Exporter) count(ctx context.Context, kept *engine.Materialized) error {
	if err := e.distribute(ctx, kept); err != nil || e.watcher == nil {
		return err
	}
	look, err := e.watcher.Compare(ctx, kept, time.Now())
	if err != nil {
		return err
	}
	for _, event := range look.Events {
		if ends[event.Kind] != nil {
			e.add(place{fmt.Sprint(event.Row[2]), fmt.Sprint(event.Row[1])}, event.Kind, 1)
		}
	}
	return nil
}

// add adds to a total of a realm, and creates all totals of the realm the first time: a counter that appears with its
// first event has no rate.
func (e *Exporter) add(at place, kind watch.Kind, n float64) {
	for of, desc := range ends {
		if e.totals[desc] == nil {
			e.totals[desc] = map[place]float64{}
		}
		e.totals[desc][at] += map[bool]float64{true: n}[of == kind]
	}
}

func (e *Exporter) distribute(ctx context.Context, kept *engine.Materialized) (err error) {
	db, err := kept.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, d := range distributions {
		rows, err := db.Query(ctx, d.sql())
		if err != nil {
			return err
		}
		for rows.Next() { //nolint:contextcheck // the rows have theirs
			cells := slices.Clone(rows.Values())
			e.metrics = append(e.metrics, d.histogram(cells))
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:contextcheck // as above
			return err
		}
	}
	return nil
}

func (d distribution) histogram(cells []any) prometheus.Metric {
	number := func(cell any) int64 {
		n, _ := cell.(int64)
		return n
	}
	buckets := map[float64]uint64{}
	for i, bound := range d.bounds {
		buckets[bound] = uint64(number(cells[4+i]))
	}
	return prometheus.MustNewConstHistogram(d.desc, uint64(number(cells[2])), float64(number(cells[3])), buckets, fmt.Sprint(cells[0]), fmt.Sprint(cells[1]))
}

// counted are metrics with fixed values.
type counted []prometheus.Metric

// Describe sends nothing, because the scan determines which metrics there are.
func (c counted) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics.
func (c counted) Collect(to chan<- prometheus.Metric) {
	for _, metric := range c {
		to <- metric
	}
}

// Write writes the metrics of the last scan as OpenMetrics text.
func (e *Exporter) Write(to io.Writer) error {
	families, err := e.current.Load().Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	encoder := expfmt.NewEncoder(to, expfmt.NewFormat(expfmt.TypeOpenMetrics))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	return encoder.(expfmt.Closer).Close()
}

// ServeHTTP answers a scrape with the metrics of the last scan.
func (e *Exporter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	registry := e.current.Load()
	if registry == nil {
		http.Error(w, "the first scan has not ended", http.StatusServiceUnavailable)
		return
	}
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, r)
}
