package simulator

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ServeHTTP answers as AM does, after the latency and with the faults that are configured.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.log.note(r)
	if s.options.Latency > 0 && !pause(r, s.options.Latency) {
		return
	}
	if !s.front.pass(w, r) {
		return
	}
	w, done := s.disturb(w, r)
	if w == nil {
		return
	}
	s.serve(w, r)
	done()
}

// pause waits, and reports whether the client is still connected.
func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	x := &exchange{Server: s, w: w, r: r, now: s.now()}
	if s.profile.tomcat && headerSize(r) > maxHeader {
		x.page(http.StatusBadRequest, pageTooLarge)
		return
	}
	path := r.URL.EscapedPath()
	switch rest, inAM := strings.CutPrefix(path, s.profile.context+"/"); {
	case s.profile.cloud && strings.HasPrefix(path, managedPath):
		x.answer(x.managed(strings.TrimPrefix(path, managedPath)))
	case s.profile.cloud && inAM && rest == "oauth2/access_token":
		x.accessToken()
	case inAM && (rest == "json" || strings.HasPrefix(rest, "json/")):
		x.answer(x.rest(strings.TrimPrefix(rest, "json")))
	default:
		x.page(http.StatusNotFound, pageNotFound)
	}
}

// rest answers a request below /json. It makes the checks in AM's order: the version header, the realm, the protocol,
// the parameters and the body, and only then the caller.
func (x *exchange) rest(path string) error {
	x.creds = readCredentials(x.r, x.cookie)
	header := x.r.Header.Get("Accept-API-Version")
	var ok bool
	if x.asked, ok = parseVersions(header); !ok {
		return &failure{status: http.StatusBadRequest, message: "Version string is in an invalid format: " + header, shape: asText}
	}
	params, ok := parseQuery(x.r.URL.RawQuery)
	if !ok {
		return &failure{status: http.StatusBadRequest, message: "The URL query string could not be decoded", shape: asText}
	}
	if err := x.route(path, params); err != nil {
		return err
	}
	if x.point.raw {
		return x.point.serve(x)
	}
	switch p := x.asked.protocolVersion(); {
	case x.r.Method == http.MethodOptions:
		return x.allow()
	case x.r.Method == http.MethodTrace:
		x.page(http.StatusMethodNotAllowed, pageTrace)
		return nil
	case p.major > latestProtocol.major || p.major < 1:
		return badRequest("Unsupported major version: " + p.String())
	case x.forged():
		return errForbidden
	}
	for _, p := range params {
		x.pretty = x.pretty || strings.EqualFold(p.name, "_prettyPrint") && p.value == "true"
	}
	if err := x.parseCrest(params); err != nil {
		return err
	}
	return x.point.serve(x)
}

// forged enforces the rule against cross-site request forgery: a request with only a cookie cannot change anything.
func (x *exchange) forged() bool {
	return x.profile.csrf && x.creds.hasCookie && x.r.Method != http.MethodGet && x.r.Method != http.MethodHead &&
		x.r.Header.Get("X-Requested-With") == "" && x.r.Header.Get("Accept-API-Version") == ""
}

// allow answers OPTIONS as a Java servlet does.
func (x *exchange) allow() error {
	x.set("Allow", "DELETE", "GET", "HEAD", "PATCH", "PUT", "OPTIONS", "TRACE")
	x.empty(http.StatusOK)
	return nil
}

// route finds the realm and the endpoint of a path below /json.
func (x *exchange) route(path string, params []param) error {
	if err := x.refusesHost(path); err != nil {
		return err
	}
	segs, err := segments(path)
	if err != nil || len(segs) == 0 {
		return errUncaught
	}
	named := len(segs) > 1 && segs[0] == "realms"
	if segs, err = x.realmInPath(segs); err != nil {
		return err
	}
	for _, p := range params {
		if p.name == "realm" && x.profile.legacyRealms {
			if x.realm = x.directory.realm("/" + strings.TrimPrefix(p.value, "/")); x.realm == nil {
				return &failure{status: http.StatusBadRequest, message: "Invalid realm, " + p.value, shape: sized}
			}
		}
	}
	if x.point, x.id = endpointAt(segs); x.point == nil {
		switch {
		case named && len(segs) == 0:
			return notFound("")
		case x.profile.cloud && segs[0] == "global-config":
			return errPlainRefusal // the answer of a proxy in front of the cloud's AM
		}
		return notFound(strings.Join(segs, "/"))
	}
	return nil
}

// realmInPath removes /realms/root/realms/alpha, or just /alpha, from the path.
func (x *exchange) realmInPath(segs []string) ([]string, error) {
	path := "/"
	x.realm = x.directory.realm(path)
	for first := true; len(segs) > 1 && segs[0] == "realms"; first = false {
		if !first || segs[1] != "root" {
			path = joinRealm(path, segs[1])
		}
		if x.realm = x.directory.realm(path); x.realm == nil {
			return nil, &failure{status: http.StatusNotFound, message: `Realm "` + path + `" not found`, shape: sized}
		}
		segs = segs[2:]
	}
	for x.profile.legacyRealms && len(segs) > 1 && !isEndpoint(segs[0]) {
		child := x.directory.realm(joinRealm(path, segs[0]))
		if child == nil {
			break
		}
		x.realm, path, segs = child, child.path, segs[1:]
	}
	return segs, nil
}

func segments(path string) ([]string, error) {
	trimmed := strings.Trim(path, "/")
	if trimmed == "" {
		return nil, nil
	}
	parts := strings.Split(trimmed, "/")
	for i, p := range parts {
		text, err := url.PathUnescape(p)
		if err != nil {
			return nil, err
		}
		parts[i] = text
	}
	return parts, nil
}

// maxHeader is Tomcat's limit for the request line together with the headers.
const maxHeader = 8192

func headerSize(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len("  HTTP/1.1\r\n") + len("Host: \r\n") + len(r.Host) + len("\r\n")
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return n
}
