package rest

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/time/rate"

	"github.com/amsql/steampipe-plugin-am/am/redact"
)

// Transport describes how requests are sent. The zero value verifies certificates with the system's authorities, uses
// HTTPS_PROXY, and gives up after a minute if the server is silent.
type Transport struct {
	Proxy              string        // an address; from the environment by default
	CAFile             string        // a PEM file with authorities to trust in addition to the system's
	CertFile, KeyFile  string        // PEM files with this client's certificate and key
	InsecureSkipVerify bool          // accepts any certificate
	Timeout            time.Duration // how long the server may be silent; a minute by default
	MaxRetries         *int          // maximum number of retries; 3 by default
	RateLimit          float64       // requests per second; unlimited by default
}

func (t Transport) timeout() time.Duration { return cmp.Or(t.Timeout, time.Minute) }

// clients returns two HTTP clients with a common pool of connections. One retries requests that can be sent twice; the
// other retries only if the server certainly did not process the request.
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
	var err error
	if t.CAFile != "" {
		if config.RootCAs, err = Authorities("ca_file", t.CAFile); err != nil {
			return nil, err
		}
	}
	config.Certificates, err = ClientCertificates("", t.CertFile, t.KeyFile)
	return config, err
}

// A watcher is called for each request on the wire, including retries.
type watcher interface {
	sent()
	observe(ctx context.Context, response *http.Response, sent time.Time)
}

// wire limits the rate of requests, and how long each read of a body may take, as ResponseHeaderTimeout does for the
// beginning of an answer. It does not limit how long the reader takes between reads.
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

// A proxyError means that the proxy could not be reached.
type proxyError struct {
	address string
	err     error
}

func (e *proxyError) Error() string {
	return fmt.Sprintf("cannot reach the proxy %s: %v", e.address, e.err)
}
func (e *proxyError) Unwrap() error { return e.err }

// throughProxy adds the address of the proxy, if there is one, to an error of the connection.
func (w *wire) throughProxy(request *http.Request, err error) error {
	proxy, unknown := w.Proxy(request)
	var failed *net.OpError
	if unknown != nil || proxy == nil || !errors.As(err, &failed) || failed.Op != "dial" && failed.Op != "proxyconnect" {
		return err
	}
	return &proxyError{proxy.Host, failed}
}

// body is the body of an answer. Each read of it has a time limit.
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
		err = errStalled // not any other error with which the body may have ended at that moment
	}
	return n, err
}

func (b *body) Close() error {
	b.silence.Stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}

// paced is the context key of a rate limit of the caller.
type paced struct{}

// Paced makes each request of the context, including retries, wait for a rate limit of the caller before it is sent.
// The wait ends with the request's context.
func Paced(ctx context.Context, wait func(context.Context)) context.Context {
	return context.WithValue(ctx, paced{}, wait)
}

// withoutRetries is the context key that disables retries.
type withoutRetries struct{}

// WithoutRetries disables retries for requests of the context.
func WithoutRetries(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutRetries{}, true)
}

// maxRetryAfter is the longest Retry-After that the client waits for; if the server demands more, the call fails.
const maxRetryAfter = time.Minute

// retrySafe retries after errors of the connection and if the server is overloaded. It does not retry after a 500,
// because OpenAM answers that for requests that it can never answer.
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

// retryRefused retries only if the server reports that it did not process the request.
func retryRefused(ctx context.Context, response *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return err == nil && response.StatusCode == http.StatusTooManyRequests && retryAfter(response) <= maxRetryAfter, nil
}

// backoff waits as long as the server demands, otherwise exponentially longer, with jitter.
func backoff(shortest, longest time.Duration, attempt int, response *http.Response) time.Duration {
	if wait := retryAfter(response); wait > 0 {
		return wait
	}
	wait := retryablehttp.DefaultBackoff(shortest, longest, attempt, nil)
	return wait/2 + rand.N(wait/2+1) //nolint:gosec // jitter is not secret
}

// longRetryAfter is a week in seconds: longer than anybody waits, and short enough for a Duration.
const longRetryAfter = 7 * 24 * 60 * 60

// retryAfter returns how long the server wants the client to wait; 0 or less if it does not say.
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
