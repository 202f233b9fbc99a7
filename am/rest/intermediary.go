package rest

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
)

// from describes an answer that is not AM's JSON, and where it came from: "text/html from nginx at 10.0.0.7:443".
func (a *answer) from(kind string) string {
	text := cmp.Or(kind, "no content type")
	if server := a.status.Header.Get("Server"); server != "" {
		text += " from " + server
	}
	if a.peer != "" {
		text += " at " + a.peer
	}
	return text
}

// intermediaryHints say what to do about a refusal that came from a proxy, firewall or gateway rather than AM.
var intermediaryHints = map[int]string{
	http.StatusUnauthorized:      "a proxy in front of AM requires its own sign-in: set base_url to the address of AM itself",
	http.StatusForbidden:         notLetThrough,
	http.StatusNotFound:          notLetThrough,
	http.StatusProxyAuthRequired: proxyWantsPassword,
}

const (
	notLetThrough      = "a proxy in front of AM does not pass that path: allow it there, or set base_url to the address of AM itself"
	proxyWantsPassword = "a proxy requires a name and a password: set them in proxy (or HTTPS_PROXY), as http://NAME:PASSWORD@HOST:PORT"
	wrongContextPath   = "base_url must include AM's context path (…/openam or …/am)"
)

// isKeptFrom reports whether something in front of AM blocked the request.
func isKeptFrom(err error) bool {
	e, ok := asError(err)
	if !ok || e.Intermediary == "" || e.SignIn {
		return false
	}
	switch e.Status {
	case http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired:
		return true
	}
	return false
}

// Denied returns the text of a notice that the client may not do something, and who does not allow it: AM, because of
// the account's rights, or something in front of AM.
func (c *Client) Denied(err error, what string) string {
	if e, ok := asError(err); ok && isKeptFrom(err) {
		plain := *e
		plain.Hint = ""
		return fmt.Sprintf("%s cannot %s: %v", c.base, what, &plain)
	}
	return fmt.Sprintf("%s may not %s", c.Account(), what)
}

// IsHostRefused reports whether AM does not accept the host name of the request, so that Config.Host is needed.
func IsHostRefused(err error) bool {
	e, ok := asError(err)
	return ok && e.hostRefused
}

// refusesHost reports whether AM refuses the host name of a request: either it says so, or it looks for a realm with
// that DNS alias (OpenAM 16.0.5 measured).
func refusesHost(e *Error, host string) bool {
	if e.Status != http.StatusBadRequest {
		return false
	}
	name, _, _ := strings.Cut(host, ":")
	return strings.HasPrefix(e.Message, "FQDN ") || e.Message == fmt.Sprintf("Realm %q not found", name)
}
