package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// If the server asks for a longer wait than anybody would accept, the request fails at once, however many seconds it
// is.
func TestAnEndlessRetryAfterIsNotSatOut(t *testing.T) {
	for value, again := range map[string]bool{
		"": true, "0": true, "-5": true, "soon": true, "60": true, "61": false, "3600": false,
		"9999999999": false, "9223372036": false, "9223372036854775807": false, "99999999999999999999999": false,
		"Fri, 31 Dec 9999 23:59:59 GMT": false, "Thu, 01 Jan 1970 00:00:00 GMT": true,
	} {
		response := &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {value}}}
		for name, policy := range map[string]func(context.Context, *http.Response, error) (bool, error){"safe": retrySafe, "refused": retryRefused} {
			if got, err := policy(t.Context(), response, nil); got != again || err != nil {
				t.Errorf("%s: after %q it is repeated: %v, %v; want %v", name, value, got, err, again)
			}
		}
		if wait := backoff(200*time.Millisecond, 10*time.Second, 1, response); again && (wait <= 0 || wait > time.Minute) {
			t.Errorf("after %q the wait is %s", value, wait)
		}
	}
}

// slowBody returns its content when the client's timeout expires, or later.
type slowBody struct {
	ctx  context.Context
	wait time.Duration
	text string
	err  error
}

func (b *slowBody) Read(p []byte) (int, error) {
	select {
	case <-time.After(b.wait):
	case <-b.ctx.Done():
		if b.wait > time.Second {
			return 0, b.ctx.Err()
		}
	}
	return copy(p, b.text), b.err
}

func (b *slowBody) Close() error { return nil }

func TestOnlySilenceIsCalledSilence(t *testing.T) {
	for name, c := range map[string]struct {
		wait      time.Duration
		err, want error
	}{
		"a body in time":                     {time.Second / 2, io.EOF, io.EOF},
		"a body that ends with the patience": {time.Second, io.EOF, io.EOF},
		"a break that comes with its end":    {time.Second, io.ErrUnexpectedEOF, io.ErrUnexpectedEOF},
		"silence":                            {time.Hour, io.EOF, errStalled},
	} {
		synctest.Test(t, func(t *testing.T) {
			for range 20 { // either may come first
				ctx, cancel := context.WithCancelCause(t.Context())
				b := &body{ReadCloser: &slowBody{ctx, c.wait, "x", c.err}, timeout: time.Second, ctx: ctx, cancel: cancel}
				b.silence = time.AfterFunc(time.Hour, func() { cancel(errStalled) })
				_, err := b.Read(make([]byte, 1))
				if !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", name, err, c.want)
					break
				}
				_ = b.Close()
			}
		})
	}
}

func TestARequestLineThatAMWouldRefuseIsNotSent(t *testing.T) {
	for length, sent := range map[int]bool{6000: true, 7100: false, 8200: false, 100_000: false} {
		requests := 0
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			if requests++; len(r.URL.RequestURI()) > 8192-1000 {
				t.Errorf("%d bytes were sent", len(r.URL.RequestURI()))
			}
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(`{"result":[],"resultCount":0}`))}, nil
		})
		c := newClient(t, "http://localhost/am", AccessToken("token"))
		c.retrying.HTTPClient.Transport = transport
		var err error
		for _, err = range c.Sessions(t.Context(), SessionQuery{Realm: "/alpha", Username: strings.Repeat("x", length)}) {
			if err != nil {
				break
			}
		}
		if (requests == 1) != sent || (err == nil) != sent || err != nil && !strings.Contains(err.Error(), "a name in it is too long") {
			t.Errorf("a name of %d bytes: %d requests, %v; want it sent: %v", length, requests, err, sent)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
