package simulator

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// A Request is one that the server has seen.
type Request struct {
	Method  string
	Path    string // with the context
	Query   string // as sent
	Action  string // _action; "query" if a GET has a filter, else "read"
	Version string // Accept-API-Version
}

// keptRequests bounds the log; older ones are dropped.
const keptRequests = 10_000

type requestLog struct {
	on atomic.Bool
	mu sync.Mutex
	of []Request
}

// Requests returns the latest requests, the oldest first, 10,000 at most.
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

// actionOf names what a request wants, for the log and for the rules of faults.
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
