package rest

import (
	"cmp"
	"errors"
	"fmt"
	"html"
	"net/http"
	"strings"
)

// Error is a refusal by AM, or an answer that did not come from AM. It never contains a token or a password.
type Error struct {
	What          string // what was tried, such as the session query or the sign-in
	Method        string
	URL           string // without parameters
	Status        int    // 0 if there was no answer
	Reason        string // AM's reason, or the text of the status
	Message       string // AM's message, unescaped
	Intermediary  string // what was received instead of AM's JSON, and from where; "" if AM answered
	Hint          string // what to do
	TransactionID string // as shown in AM's audit log
	SignIn        bool   // the sign-in before the request failed, not the request itself
	Err           error  // what failed below HTTP

	hostRefused bool
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s failed: %s %s", e.What, e.Method, e.URL)
	switch {
	case e.Status != 0:
		fmt.Fprintf(&b, " returned %d %s", e.Status, e.Reason)
		switch {
		case e.Intermediary != "":
			fmt.Fprintf(&b, " (%s, not AM's JSON)", e.Intermediary)
		case e.Message != "" && e.Message != e.Reason:
			fmt.Fprintf(&b, " (%s)", e.Message)
		}
	case e.Err != nil:
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Status != 0 && e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, ": %s", e.Hint)
	}
	if e.Status >= http.StatusInternalServerError {
		fmt.Fprintf(&b, " [transaction %s]", e.TransactionID)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

func asError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// hasStatus ignores errors of the sign-in, except for 401: if the realm of the account does not exist, that says
// nothing about the realm or service of the request. It also ignores answers that did not come from AM.
func hasStatus(err error, status int) bool {
	e, ok := asError(err)
	return ok && e.Status == status && e.Intermediary == "" && (!e.SignIn || status == http.StatusUnauthorized)
}

// duringSignIn marks an error that occurred before the request was sent.
func duringSignIn(err error) error {
	e, ok := asError(err)
	if !ok {
		return err
	}
	failed := *e
	failed.SignIn = true
	return &failed
}

func signInFailed(err error) bool {
	e, ok := asError(err)
	return ok && e.SignIn
}

// IsUnauthorized reports whether AM did not accept the credentials (401).
func IsUnauthorized(err error) bool { return hasStatus(err, http.StatusUnauthorized) }

// IsForbidden reports whether the account lacks the right (403), or something in front of AM blocks the request (403,
// 404 or 407 without AM's JSON).
func IsForbidden(err error) bool { return hasStatus(err, http.StatusForbidden) || isKeptFrom(err) }

// IsRefused reports whether the request cannot succeed: the account lacks the right, or the server lacks what was
// requested.
func IsRefused(err error) bool { return IsForbidden(err) || IsUnsupported(err) || IsNotFound(err) }

// IsNotFound reports whether the realm, the service or the version does not exist (404).
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsUnsupported reports whether the server's version lacks the action.
func IsUnsupported(err error) bool {
	var e *UnsupportedError
	return errors.As(err, &e) || hasStatus(err, http.StatusNotImplemented)
}

// hints say what to do about a status, regardless of the request.
var hints = map[int]string{
	http.StatusUnauthorized:       "check the account (username and password, sso_token or access_token) and cookie_name; see docs/index.md#credentials",
	http.StatusForbidden:          "the account lacks the right; see docs/index.md#permissions",
	http.StatusTooManyRequests:    "the server limits the rate: lower max_concurrency or set rate_limit",
	http.StatusServiceUnavailable: "the server is overloaded or in maintenance: try again later",
}

// refusal is the body of an error of AM, {"code","reason","message"}, or of OAuth. Other members are ignored.
type refusal struct {
	Code             any    `json:"code"` // a number if AM wrote it
	Reason           string `json:"reason"`
	Message          string `json:"message"`
	OAuthError       string `json:"error"`
	OAuthDescription string `json:"error_description"`
}

// isForeign reports whether an error has the form of gateways, such as {"message":"no Route matched"}, and not that of AM.
func (r refusal) isForeign() bool {
	_, numbered := r.Code.(float64)
	return r.Message != "" && !numbered && r.Reason == "" && r.OAuthError == ""
}

// explain adds AM's explanation. OpenAM escapes HTML in messages, AM and PingAM do not; the result is only for display.
func (e *Error) explain(r refusal) {
	e.Reason = cmp.Or(r.OAuthError, r.Reason, e.Reason)
	e.Message = html.UnescapeString(cmp.Or(r.OAuthDescription, r.Message))
	if e.Hint == "" {
		e.Hint = hints[e.Status]
	}
}
