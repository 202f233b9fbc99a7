// Package metrics is what a scan counts, in OpenMetrics text for Prometheus: sessions, how long they have been idle and how old
// they are, what began and ended between two scans, findings of reports, and how complete the scan was. No label holds the
// name of a user.
//
// It may import engine, report and watch. Start with [Exporter].
package metrics
