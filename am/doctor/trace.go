package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// connectTrace records how the first request reached the server, through the client's own connection: name, network,
// TLS.
type connectTrace struct {
	target *url.URL

	mu         sync.Mutex // connection attempts to several addresses of a host may outlast the request
	via        string     // host and port that were contacted: the server's or a proxy's
	addresses  []string
	nameErr    error
	peer       net.Addr
	networkErr error
	tls        *tls.ConnectionState
	tlsErr     error

	err error // error of the request
}

// traceConnection sends the request and records its way.
func traceConnection(ctx context.Context, client *rest.Client) (*connectTrace, error) {
	target, err := url.Parse(client.BaseURL())
	if err != nil {
		return nil, err
	}
	w := &connectTrace{target: target}
	note := func(set func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		set()
	}
	ctx = httptrace.WithClientTrace(rest.WithoutRetries(ctx), &httptrace.ClientTrace{
		GetConn: func(hostPort string) { note(func() { w.via = hostPort }) },
		DNSDone: func(i httptrace.DNSDoneInfo) {
			note(func() {
				w.nameErr = i.Err
				for _, address := range i.Addrs {
					w.addresses = append(w.addresses, address.String())
				}
			})
		},
		ConnectDone: func(_, _ string, err error) { note(func() { w.networkErr = err }) },
		GotConn:     func(i httptrace.GotConnInfo) { note(func() { w.peer = i.Conn.RemoteAddr() }) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			note(func() { w.tls, w.tlsErr = &state, err })
		},
	})
	_, err = client.ServerInfo(ctx)
	note(func() { w.err = err })
	return w, nil
}

// proxied returns a text that names the proxy, if there is one.
func (w *connectTrace) proxied() string {
	host, _, _ := net.SplitHostPort(w.via)
	if host == "" || host == w.target.Hostname() {
		return ""
	}
	return " through the proxy " + w.via
}

func (e *examination) hostName(ctx context.Context) Finding {
	w, err := traceConnection(ctx, e.Client)
	if err != nil {
		return failed(err)
	}
	e.trace = w
	w.mu.Lock()
	defer w.mu.Unlock()
	host, _, _ := net.SplitHostPort(w.via)
	switch {
	case w.nameErr != nil:
		return w.failed(w.nameErr)
	case len(w.addresses) == 0:
		return ok(host + " is an address")
	}
	return ok(host + " is " + strings.Join(w.addresses, ", "))
}

func (e *examination) network(context.Context) Finding {
	w := e.trace
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.peer == nil && w.tls == nil && w.networkErr != nil {
		return w.failed(w.networkErr)
	}
	if w.peer == nil && w.tls == nil {
		return w.failed(w.err)
	}
	return ok("a connection was made" + w.proxied())
}

// failed returns the finding of a failure on the way, with what the request's error says to do.
func (w *connectTrace) failed(err error) Finding {
	f := failed(w.err)
	f.Detail = err.Error()
	if through := w.proxied(); through != "" {
		f.Fix = "the connection goes" + through + ": check proxy, or HTTPS_PROXY and NO_PROXY in the environment"
	}
	return f
}

// soon is how long before it expires a certificate causes a warning.
const soon = 21 * 24 * time.Hour

func (e *examination) encryption(context.Context) Finding {
	w := e.trace
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.tlsErr != nil:
		f := failed(w.err)
		if noTLS := (tls.RecordHeaderError{}); errors.As(w.err, &noTLS) || errors.Is(w.err, http.ErrSchemeMismatch) {
			f.Address = "http" + strings.TrimPrefix(w.target.String(), "https")
		}
		return f
	case w.tls == nil && w.isLocal():
		return ok("not used, and not needed on this machine")
	case w.tls == nil:
		return warning("not used: passwords and tokens can be read in transit", "begin base_url with https://")
	case len(w.tls.PeerCertificates) == 0:
		return failed(errors.New("the server presented no certificate"))
	}
	leaf := w.tls.PeerCertificates[0]
	detail := fmt.Sprintf("%s, certificate by %s until %s", tls.VersionName(w.tls.Version), leaf.Issuer, leaf.NotAfter.UTC().Format(time.DateOnly))
	switch {
	case len(w.tls.VerifiedChains) == 0:
		return warning(detail+", not verified (insecure_skip_verify)", "set ca_file to the certificate authority's certificate, and remove insecure_skip_verify")
	case time.Until(leaf.NotAfter) < soon:
		return warning(detail, "renew the server's certificate before it expires")
	}
	return ok(detail)
}

func (w *connectTrace) isLocal() bool {
	tcp, ok := w.peer.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
