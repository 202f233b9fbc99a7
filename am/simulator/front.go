package simulator

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// A front is a proxy or balancer between the clients and AM.
type front struct {
	dropsHeaders bool   // drops headers whose names contain characters other than letters, digits and hyphens
	sticky       bool   // there are two servers, which do not share new sessions
	refuses      int    // the status of its page for administrators' paths; 0: none
	host         string // the only host name that AM accepts; "": any
}

// pass changes a request as the front does, and reports whether AM receives it.
func (f *front) pass(w http.ResponseWriter, r *http.Request) bool {
	if f.dropsHeaders {
		for name := range r.Header {
			if strings.Trim(name, headerCharacters) != "" {
				delete(r.Header, name)
			}
		}
	}
	if f.refuses != 0 && (strings.Contains(r.URL.Path, "/global-config") || strings.HasSuffix(r.URL.Path, "/users")) {
		f.refuse(w)
		return false
	}
	if f.sticky {
		f.balance(w, r)
	}
	return true
}

// headerCharacters are the characters that nginx allows in names of headers (ngx_http_core_module,
// underscores_in_headers).
const headerCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"

func (f *front) refuse(w http.ResponseWriter) {
	title := strconv.Itoa(f.refuses) + " " + http.StatusText(f.refuses)
	w.Header().Set("Server", "nginx")
	w.Header().Set("Content-Type", "text/html")
	if f.refuses == http.StatusProxyAuthRequired {
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
	}
	w.WriteHeader(f.refuses)
	_, _ = w.Write([]byte("<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")) // the client may be gone
}

// stickyCookie is the cookie with which the balancer routes a client to the server of its sign-in (AWS, Application
// Load Balancer).
const stickyCookie = "AWSALB"

// balance sends a request without the balancer's cookie to a server that knows no sessions.
func (f *front) balance(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(stickyCookie); err != nil || cookie.Value != "one" {
		for name := range r.Header {
			if name != "Accept-Api-Version" && !strings.HasPrefix(name, "X-Openam-") && name != "Content-Type" {
				delete(r.Header, name)
			}
		}
	}
	w.Header().Set(textproto.CanonicalMIMEHeaderKey("Set-Cookie"), stickyCookie+"=one; Path=/")
}

// refusesHost returns AM's refusal of a host name that it does not know. If the path names no realm, the message is
// about the name, otherwise about a realm with that DNS alias. The configuration has no effect on this (measured on
// OpenAM 16.0.5).
func (x *exchange) refusesHost(path string) error {
	host, _, _ := strings.Cut(x.r.Host, ":")
	switch {
	case x.front.host == "" || strings.EqualFold(host, x.front.host) || strings.HasPrefix(path, "/global-config"):
		return nil
	case strings.HasPrefix(path, "/realms/"):
		return &failure{status: http.StatusBadRequest, message: `Realm "` + host + `" not found`, shape: sized}
	}
	return &failure{status: http.StatusBadRequest, message: `FQDN "` + host + `" is not valid.`, shape: sized}
}
