package simulator

import (
	"net/http"
	"strings"
)

// A failure is an error answer.
type failure struct {
	status  int
	message string
	detail  string
	shape   shape
}

func (f *failure) Error() string { return f.message }

// A shape is the form of an error answer.
type shape int

const (
	asJSON   shape = iota // code, reason, message
	sized                 // the same, with a Content-Length
	bare                  // only the status, as after an exception that nobody caught
	asText                // a line of text without a Content-Type
	asPlain               // text/plain
	missing               // an empty 404
	wordOnly              // JSON with only a message
)

// reasons are the reasons that differ from Go's.
var reasons = map[int]string{http.StatusRequestTimeout: "Request Time-out"}

func reason(status int) string {
	if r, ok := reasons[status]; ok {
		return r
	}
	return http.StatusText(status)
}

func fail(status int, message string) *failure { return &failure{status: status, message: message} }

func badRequest(message string) *failure     { return fail(http.StatusBadRequest, message) }
func notImplemented(message string) *failure { return fail(http.StatusNotImplemented, message) }
func notFound(resource string) *failure {
	return fail(http.StatusNotFound, "Resource '"+resource+"' not found")
}

var (
	errUncaught     = &failure{status: http.StatusInternalServerError, shape: bare}
	errNoSession    = fail(http.StatusUnauthorized, "Access Denied")
	errForbidden    = fail(http.StatusForbidden, "Forbidden")
	errNoPrivilege  = fail(http.StatusForbidden, "The user has insufficient privileges")
	errBadRequest   = badRequest("Bad Request")
	errUnsupported  = notImplemented("Operation is not supported.")
	errUnreadable   = badRequest("The resource collection  cannot be read")
	errNoFields     = badRequest("Must define return fields for attribute query.")
	errNotFound     = fail(http.StatusNotFound, "Not Found")
	errNotInCloud   = &failure{status: http.StatusForbidden, message: "This operation is not available in PingOne Advanced Identity Cloud.", shape: wordOnly}
	errPlainRefusal = &failure{status: http.StatusForbidden, message: "Forbidden", shape: asPlain}
)

// closing reports whether OpenAM closes the connection after this status.
func closing(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusNotImplemented:
		return true
	}
	return false
}

var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")
