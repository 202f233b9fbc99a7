package simulator

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// A Request is a request that the server has received.
type Request struct {
	Method  string
	Path    string // including the context path
	Query   string // as sent
	Action  string // _action; "query" if a GET has a filter, otherwise "read"
	Version string // the header Accept-API-Version
}

// keptRequests is the maximum size of the log; older requests are dropped.
const keptRequests = 10_000

type requestLog struct {
	on atomic.Bool
	mu sync.Mutex
	of []Request
}

// Requests returns the latest requests, oldest first, at most 10,000.
func (s *Server) Requests() []Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return append([]Request(nil), s.log.of...)
}

// ResetRequests empties the log.
func (s *Server) ResetRequests() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.of = nil
}

// LogRequests switches the log on (the default) or off.
func (s *Server) LogRequests(on bool) { s.log.on.Store(on) }

func (l *requestLog) note(r *http.Request) {
	if !l.on.Load() {
		return
	}
	entry := Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Action: actionOf(r), Version: r.Header.Get("Accept-API-Version")}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.of) >= keptRequests {
		l.of = append([]Request(nil), l.of[keptRequests/10:]...)
	}
	l.of = append(l.of, entry)
}

// actionOf returns the action of a request, for the log and for rules of faults.
func actionOf(r *http.Request) string {
	params, _ := parseQuery(r.URL.RawQuery)
	named := ""
	for _, p := range params {
		switch strings.ToLower(p.name) {
		case "_action":
			return p.value
		case "_queryfilter", "_queryid":
			named = "query"
		}
	}
	if named == "" && r.Method == http.MethodGet {
		named = "read"
	}
	return named
}
