// Package metrics counts what a scan finds, as OpenMetrics text for Prometheus: sessions, their idle times and ages,
// sessions that began and ended between two scans, findings of reports, and the completeness of the scan. No label
// contains the name of a user.
//
// It may import engine, report and watch. Start with [Exporter].
package metrics
