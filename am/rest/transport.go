package rest

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/time/rate"

	"github.com/amsql/steampipe-plugin-am/am/redact"
)

// Transport is how requests travel. The zero value verifies certificates against the system's authorities, obeys
// HTTPS_PROXY and gives up on a silent server after a minute.
type Transport struct {
	Proxy              string        // an address; the environment's by default
	CAFile             string        // PEM: authorities beside the system's
	CertFile, KeyFile  string        // PEM: this client's certificate
	InsecureSkipVerify bool          // takes any certificate
	Timeout            time.Duration // how long the server may be silent; a minute by default
	MaxRetries         *int          // repetitions of what may be repeated; 3 by default
	RateLimit          float64       // requests a second; unlimited by default
}

func (t Transport) timeout() time.Duration { return cmp.Or(t.Timeout, time.Minute) }

// clients makes the two HTTP clients over one pool: one repeats what may be repeated, the other only what was surely
// not acted upon.
func (t Transport) clients(concurrency int, watch watcher) (retrying, nonRetrying *retryablehttp.Client, err error) {
	pool, err := t.pool(concurrency)
	if err != nil {
		return nil, nil, err
	}
	limit := rate.Inf
	if t.RateLimit > 0 {
		limit = rate.Limit(t.RateLimit)
	}
	line := &wire{Transport: pool, limiter: rate.NewLimiter(limit, max(1, int(t.RateLimit))), timeout: t.timeout(), watch: watch}
	plain := &http.Client{Transport: line, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	retries := 3
	if t.MaxRetries != nil {
		retries = *t.MaxRetries
	}
	client := func(check retryablehttp.CheckRetry) *retryablehttp.Client {
		return &retryablehttp.Client{
			HTTPClient: plain, RetryMax: retries, RetryWaitMin: 200 * time.Millisecond, RetryWaitMax: 10 * time.Second,
			CheckRetry: check, Backoff: backoff, ErrorHandler: retryablehttp.PassthroughErrorHandler,
		}
	}
	return client(retrySafe), client(retryRefused), nil
}

func (t Transport) pool(concurrency int) (*http.Transport, error) {
	tlsConfig, err := t.tls()
	if err != nil {
		return nil, err
	}
	proxy := http.ProxyFromEnvironment
	if t.Proxy != "" {
		address, err := url.Parse(t.Proxy)
		if err != nil || address.Host == "" {
			return nil, fmt.Errorf("proxy %q is not an address such as http://proxy.example.com:3128", redact.Address(t.Proxy))
		}
		proxy = http.ProxyURL(address)
	}
	return &http.Transport{
		Proxy:                 proxy,
		DialContext:           (&net.Dialer{Timeout: min(t.timeout(), 15*time.Second)}).DialContext,
		TLSClientConfig:       tlsConfig,
		TLSHandshakeTimeout:   min(t.timeout(), 15*time.Second),
		ResponseHeaderTimeout: t.timeout(),
		MaxIdleConnsPerHost:   concurrency,
		IdleConnTimeout:       30 * time.Second,
		ForceAttemptHTTP2:     true,
		ReadBufferSize:        64 << 10,
	}, nil
}

func (t Transport) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.InsecureSkipVerify} //nolint:gosec // asked for by name
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		if config.RootCAs, err = x509.SystemCertPool(); err != nil {
			config.RootCAs = x509.NewCertPool()
		}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file %s %s", t.CAFile, whatInsteadOfPEM(pem, "it contains no certificate in PEM"))
		}
	}
	certificates, err := t.clientCertificates()
	config.Certificates = certificates
	return config, err
}

// watcher is told of each request on the wire, repetitions included.
type watcher interface {
	sent()
	observe(ctx context.Context, response *http.Response, sent time.Time)
}

// wire spaces requests out and bounds each wait for the body of an answer, as ResponseHeaderTimeout bounds the wait for
// its beginning. How long the reader takes in between is not bounded.
type wire struct {
	*http.Transport
	limiter *rate.Limiter
	timeout time.Duration
	watch   watcher
}

func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := w.limiter.Wait(request.Context()); err != nil {
		return nil, err
	}
	if wait, ok := request.Context().Value(paced{}).(func(context.Context)); ok {
		wait(request.Context())
		if err := request.Context().Err(); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancelCause(request.Context())
	w.watch.sent()
	start := time.Now()
	response, err := w.Transport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		cancel(nil)
		return nil, w.throughProxy(request, err)
	}
	w.watch.observe(ctx, response, start)
	b := &body{ReadCloser: response.Body, timeout: w.timeout, ctx: ctx, cancel: cancel}
	b.silence = time.AfterFunc(w.timeout, func() { cancel(errStalled) })
	b.silence.Stop()
	response.Body = b
	return response, nil
}

// A proxyError is the failure to reach the proxy, which stands between this machine and the server.
type proxyError struct {
	address string
	err     error
}

func (e *proxyError) Error() string {
	return fmt.Sprintf("cannot reach the proxy %s: %v", e.address, e.err)
}
func (e *proxyError) Unwrap() error { return e.err }

// throughProxy names the proxy, if there is one, in an error of the connection to it.
func (w *wire) throughProxy(request *http.Request, err error) error {
	proxy, unknown := w.Proxy(request)
	var failed *net.OpError
	if unknown != nil || proxy == nil || !errors.As(err, &failed) || failed.Op != "dial" && failed.Op != "proxyconnect" {
		return err
	}
	return &proxyError{proxy.Host, failed}
}

// body is that of an answer, whose every read is bounded.
type body struct {
	io.ReadCloser
	timeout time.Duration
	silence *time.Timer
	ctx     context.Context
	cancel  context.CancelCauseFunc
}

var errStalled = errors.New("the server sent nothing for too long")

func (b *body) Read(p []byte) (int, error) {
	b.silence.Reset(b.timeout)
	n, err := b.ReadCloser.Read(p)
	b.silence.Stop()
	if errors.Is(err, context.Canceled) && errors.Is(context.Cause(b.ctx), errStalled) {
		err = errStalled // and nothing else that the body may have ended with at that moment
	}
	return n, err
}

func (b *body) Close() error {
	b.silence.Stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}

// paced is the key of a context whose requests wait for a limit of the caller's.
type paced struct{}

// Paced makes each request of the context, repetitions included, wait for a limit of the caller's before it is sent. The wait
// ends when its context does.
func Paced(ctx context.Context, wait func(context.Context)) context.Context {
	return context.WithValue(ctx, paced{}, wait)
}

// withoutRetries is the key of a context whose requests are not repeated.
type withoutRetries struct{}

// WithoutRetries makes what fails fail at once: requests of the context are sent once.
func WithoutRetries(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutRetries{}, true)
}

// maxRetryAfter is the longest wait that a server may impose before a call fails instead.
const maxRetryAfter = time.Minute

// retrySafe repeats after errors of the connection and of an overloaded server. A 500 is not repeated: OpenAM gives
// it for requests that it will never answer otherwise.
func retrySafe(ctx context.Context, response *http.Response, err error) (bool, error) {
	if ctx.Value(withoutRetries{}) != nil {
		return false, nil
	}
	if err != nil || ctx.Err() != nil {
		return retryablehttp.DefaultRetryPolicy(ctx, response, err)
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return retryAfter(response) <= maxRetryAfter, nil
	}
	return false, nil
}

// retryRefused repeats only what the server says that it did not look at.
func retryRefused(ctx context.Context, response *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return err == nil && response.StatusCode == http.StatusTooManyRequests && retryAfter(response) <= maxRetryAfter, nil
}

// backoff waits as long as the server says, else exponentially longer with jitter.
func backoff(shortest, longest time.Duration, attempt int, response *http.Response) time.Duration {
	if wait := retryAfter(response); wait > 0 {
		return wait
	}
	wait := retryablehttp.DefaultBackoff(shortest, longest, attempt, nil)
	return wait/2 + rand.N(wait/2+1) //nolint:gosec // jitter is not secret
}

// longRetryAfter is more seconds than anybody waits and fewer than a Duration holds: a week.
const longRetryAfter = 7 * 24 * 60 * 60

// retryAfter is how long the server wants to be left alone; 0 or less if it does not say.
func retryAfter(response *http.Response) time.Duration {
	if response == nil {
		return 0
	}
	value := response.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, longRetryAfter)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return time.Until(at)
	}
	return 0
}
