package rest

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
)

// from tells what an answer is and where it came from, if it is not AM's JSON: "text/html from nginx at 10.0.0.7:443".
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

// intermediaryHints are what to do about a refusal that is not AM's: it is that of a proxy, a firewall or a gateway.
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

// isKeptFrom reports whether something in front of AM keeps a request from it.
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

// Denied says, for a notice, who does not let the client do something: the account's rights, or something in front of AM.
func (c *Client) Denied(err error, what string) string {
	if e, ok := asError(err); ok && isKeptFrom(err) {
		plain := *e
		plain.Hint = ""
		return fmt.Sprintf("%s cannot %s: %v", c.base, what, &plain)
	}
	return fmt.Sprintf("%s may not %s", c.Account(), what)
}

// IsHostRefused reports whether AM does not know itself by the host name of a request: it wants Config.Host.
func IsHostRefused(err error) bool {
	e, ok := asError(err)
	return ok && e.hostRefused
}

// refusesHost reports whether AM refuses the host name of a request: by name, or because it looks for a realm that has the
// name as its DNS alias (OpenAM 16.0.5 measured).
func refusesHost(e *Error, host string) bool {
	if e.Status != http.StatusBadRequest {
		return false
	}
	name, _, _ := strings.Cut(host, ":")
	return strings.HasPrefix(e.Message, "FQDN ") || e.Message == fmt.Sprintf("Realm %q not found", name)
}
