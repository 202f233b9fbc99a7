package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/metrics"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/report"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/watch"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// MetricsOptions are the options of amsql metrics.
type MetricsOptions struct {
	ConnectionOptions

	Names    []string // names of reports; empty: all
	Reports  string   // a folder
	Policy   string   // a file
	Out      string
	Listen   string
	Interval string // a duration
}

func newMetrics(streams terminal.Streams) *cobra.Command {
	var o MetricsOptions
	cmd := &cobra.Command{
		Use:   "metrics [REPORT…]",
		Short: "Count sessions for Prometheus",
		Long: "metrics scans the sessions and prints metrics as OpenMetrics text: sessions by realm and server, idle times\n" +
			"and ages, completeness, the time of the scan, and the findings of all reports, or of the reports named. It\n" +
			"does so once, for the textfile collector of the node exporter. With --listen it serves them on\n" +
			"http://ADDRESS/metrics, scans repeatedly with one session on AM, and also counts logins and ended sessions.",
		Example: examples(
			"once", "amsql metrics",
			"for the textfile collector", "amsql metrics --out /var/lib/node_exporter/amsql.prom",
			"for Prometheus on this machine, with a scan every five minutes", "amsql metrics --listen 9464 --interval 5m",
			"for other machines, with the findings of two reports", "amsql metrics over-quota disabled-users --listen 0.0.0.0:9464",
		),
		ValidArgsFunction: reportNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Names = args
			return o.run(cmd.Context(), cmd, streams)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Out, "out", "", "write once to a `file`, atomically")
	flags.StringVar(&o.Listen, "listen", "", "serve on this `address`; a port alone means 127.0.0.1")
	flags.StringVar(&o.Interval, "interval", "5m", "with --listen, scan again after this `time`, or later if scans take long or fail")
	flags.StringVar(&o.Policy, "policy", "", policyUsage)
	flags.StringVar(&o.Reports, "reports", "", reportsUsage)
	o.addFlags(flags)
	return cmd
}

func (o *MetricsOptions) run(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) error {
	every, err := interval(cmd, o.Interval)
	if err != nil {
		return err
	}
	request := report.Request{Version: version()}
	switch {
	case o.Out != "" && o.Listen != "":
		return misuse(cmd, "use --out or --listen, not both")
	case len(o.Names) > 0:
		request.Reports, err = namedReports(o.Reports, o.Names)
	default:
		request.Reports, err = reports(o.Reports)
	}
	if err != nil {
		return err
	}
	policy, err := readPolicy(o.Policy)
	if err != nil {
		return err
	}
	request.Values = policy.Values(request.Reports)
	if err := checkOut(o.Out); err != nil {
		return err
	}
	var listener net.Listener
	if o.Listen != "" {
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", loopback(o.Listen)); err != nil {
			return workspace.Usage("--listen: %v", err)
		}
		defer func() { _ = listener.Close() }() // the server has closed it, or it was not used
	}
	w, err := o.openDistinct(ctx, streams)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	request.Tables = am.Census(true, w.Connections...)
	if err := request.Check(ctx, nil); err != nil {
		return err
	}
	if listener != nil {
		return serveMetrics(ctx, w, request, listener, every)
	}
	return o.once(ctx, streams, request)
}

// loopback adds the host of this machine to an address without a host.
func loopback(address string) string {
	if !strings.Contains(address, ":") {
		address = ":" + address
	}
	if strings.HasPrefix(address, ":") {
		address = "127.0.0.1" + address
	}
	return address
}

// once scans once and writes to the file or to standard output.
func (o *MetricsOptions) once(ctx context.Context, streams terminal.Streams, request report.Request) error {
	e := metrics.New(request, nil)
	if err := e.Scan(ctx); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := e.Write(&b); err != nil {
		return err
	}
	if o.Out == "" {
		out := render.NewOutput(streams, nil)
		out.Buffer = b
		return out.Finish()
	}
	return writeOut(o.Out, b.Bytes(), true) // readable by everybody, because the exporter runs as another user; no label names a user
}

// serveMetrics serves until the context ends, and scans repeatedly. Like the later ones, the first scan may fail with
// any error, because a container can start before AM does; scrapes then report that.
func serveMetrics(ctx context.Context, w *workspace.Workspace, request report.Request, listener net.Listener, every time.Duration) (err error) {
	watcher, err := watch.New(ctx, am.Census(true, w.Connections...), am.Census(true, w.Connections...), metrics.WatchedSQL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, watcher.Close()) }()
	e := metrics.New(request, watcher)
	paths := http.NewServeMux()
	paths.Handle("GET /metrics", e)
	server := &http.Server{Handler: paths, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() {
		defer close(served)
		served <- server.Serve(listener)
	}()
	defer func() {
		_ = server.Close() // the scraper tries again
		for range served { // wait until it has ended
		}
	}()
	if at, err := netip.ParseAddrPort(listener.Addr().String()); err == nil && !at.Addr().IsLoopback() {
		w.Notices.Add(fmt.Sprintf("%s can be reached from other machines", at))
	}
	w.Notices.Add(fmt.Sprintf("serving http://%s/metrics until interrupted", listener.Addr()))
	failures := 0
	for ctx.Err() == nil {
		began := time.Now()
		switch err := e.Scan(ctx); {
		case ctx.Err() != nil:
			return nil
		case rest.IsUnauthorized(err): // trying again could lock the account
			return err
		case err != nil:
			failures++
			w.Notices.Add(fmt.Sprintf("the scan failed: %v", err))
		default:
			failures = 0
		}
		select {
		case <-ctx.Done():
		case err := <-served:
			return fmt.Errorf("serve metrics: %w", err)
		case <-time.After(watch.Pause(every, time.Since(began), failures)):
		}
	}
	return nil // the usual end
}
