package rest

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/amsql/steampipe-plugin-am/am/redact"
)

// answer is the body of a response.
type answer struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	client  *Client
	status  *http.Response
	peer    string // the address that answered: that of AM, a balancer or a proxy
	failure *Error
}

func (a *answer) Read(p []byte) (int, error) {
	n, err := a.status.Body.Read(p)
	a.client.received.Add(int64(n))
	return n, err
}

// Close releases the connection, and does not wait for what has not been read.
func (a *answer) Close() {
	a.cancel(nil)
	_ = a.status.Body.Close() // the answer has been read, or is not needed
}

// broken returns the error of an answer that ended early or was not JSON.
func (a *answer) broken(err error) error {
	if cause := context.Cause(a.ctx); cause != nil {
		return fmt.Errorf("%s: %w", a.failure.What, cause)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	failure := *a.failure
	failure.Err = fmt.Errorf("invalid response body: %w", err)
	failure.Status, failure.Hint = 0, "try again"
	return &failure
}

const maxErrorBody = 64 << 10

// accept returns the answer if it is JSON and reports success; otherwise it returns the error that the answer describes.
func (c *Client) accept(a *answer, r call) (*answer, error) {
	status := a.status.StatusCode
	kind, _, _ := strings.Cut(a.status.Header.Get("Content-Type"), ";")
	isJSON := strings.EqualFold(strings.TrimSpace(kind), "application/json")
	if status/100 == 2 && (isJSON || a.status.ContentLength == 0) {
		c.found.Store(c.found.Load() || isJSON)
		return a, nil
	}
	defer a.Close()
	e := a.failure
	e.Status, e.Reason, e.Hint = status, http.StatusText(status), r.hints[status]
	switch {
	case status/100 == 3:
		way := "set base_url to the final address"
		if c.found.Load() {
			way = notLetThrough
		}
		e.Hint = "it redirects to " + redact.Values(redirectTarget(a.status), r.secrets...) + ", and credentials do not follow redirects: " + way
	case isJSON:
		var refused refusal
		err := json.NewDecoder(io.LimitReader(a, maxErrorBody)).Decode(&refused)
		e.explain(refused)
		switch other := errors.As(err, new(*json.UnmarshalTypeError)); {
		case status != http.StatusUnauthorized && (other || refused.isForeign()): // 401 may be helped by another sign-in, whoever asks for it
			e.Intermediary = a.from(kind)
			c.explainIntermediary(e, r)
		case err != nil:
			e.Err = fmt.Errorf("invalid error body: %w", err)
		}
		if e.hostRefused = refusesHost(e, a.status.Request.Host); e.hostRefused {
			e.Hint = fmt.Sprintf("AM does not accept the host name %s: set host (AM_HOST) to the name that AM is installed under, such as am.example.com", a.status.Request.Host)
		}
	default:
		if kind != "" || status/100 == 2 {
			e.Intermediary = a.from(kind)
		}
		c.explainIntermediary(e, r)
	}
	e.Reason, e.Message = redact.Values(e.Reason, r.secrets...), redact.Values(e.Message, r.secrets...)
	return nil, e
}

// explainIntermediary adds what to do about an answer that is not AM's JSON. If AM has not answered yet, it may be at
// another address.
func (c *Client) explainIntermediary(e *Error, r call) {
	switch {
	case (e.Status/100 == 2 || e.Status == http.StatusNotFound) && !c.found.Load():
		e.Hint = cmp.Or(r.hints[e.Status], wrongContextPath)
	case e.Status/100 == 2:
		e.Hint = notLetThrough
	case e.Intermediary != "" && intermediaryHints[e.Status] != "":
		e.Hint = intermediaryHints[e.Status]
	default:
		e.explain(refusal{})
	}
}

func redirectTarget(response *http.Response) string {
	to, err := response.Location()
	if err != nil {
		return "nowhere"
	}
	return to.Scheme + "://" + to.Host + to.Path
}

// unreached returns the error of a call that got no answer: what failed below HTTP, and what to do about it.
func (e *Error) unreached(ctx context.Context, r call, err error) error {
	if e.Err = context.Cause(ctx); e.Err != nil {
		return e
	}
	e.Err = redact.Error(redact.URL(err), r.secrets...)
	var dns *net.DNSError
	var timeout net.Error
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var certificate x509.CertificateInvalidError
	var noTLS tls.RecordHeaderError
	var proxy *proxyError
	switch {
	case errors.As(err, &proxy):
		e.Hint = "check proxy, or HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment"
	case errors.As(err, &authority):
		e.Hint = "set ca_file to the certificate authority's certificate, in PEM"
	case errors.As(err, &host):
		e.Hint = "the certificate belongs to another host: use a name that it contains in base_url"
	case errors.As(err, &certificate) && certificate.Reason == x509.Expired:
		e.Hint = "renew the server's certificate, or correct this machine's clock"
	case errors.As(err, &noTLS), errors.Is(err, http.ErrSchemeMismatch):
		e.Hint = "the server does not use TLS on that port: correct the port in base_url, or use http://"
	case strings.Contains(err.Error(), http.StatusText(http.StatusProxyAuthRequired)): // net/http has no error type for this
		e.Hint = proxyWantsPassword
	case errors.As(err, &dns):
		e.Hint = "check the host name in base_url"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Hint = "nothing listens there: check host and port in base_url, and whether AM is up"
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Hint = "no answer in time: check base_url, the network and the proxy, or raise timeout"
	}
	return e
}
