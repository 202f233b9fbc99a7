package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A Fault is a rule that disturbs answers.
type Fault struct {
	rule   string
	kind   faultKind
	status int           // of a status fault
	delay  time.Duration // of slow
	target string        // of redirect

	after, every, times int64
	path, action        string
	retryAfter          string

	seen, done atomic.Int64
}

type faultKind int

const (
	withStatus faultKind = iota
	reset
	slow
	cut
	html
	redirect
)

// conditions are the conditions that can follow the kind of a fault.
var conditions = []string{"after", "every", "times", "path", "action", "retry-after"}

var conditionStart = regexp.MustCompile(`:(` + strings.Join(conditions, "|") + `)=`)

// ParseFault parses a rule: a kind of fault and its conditions, separated by colons.
//
//	rule      = kind *( ":" condition )
//	kind      = status             an error answer: a number from 400 to 599, with AM's body for it
//	          | "reset"            the connection is reset before the answer
//	          | "cut"              the body breaks off in the middle
//	          | "html"             an HTML page with status 200, such as a proxy's login page
//	          | "slow=" duration   the answer is delayed (Go's durations: 2s, 150ms)
//	          | "redirect=" URL    302 to another address
//	condition = "after=" n         not for the first n matching requests
//	          | "every=" n         only for every nth of them (counted after those of "after")
//	          | "times=" n         only n times
//	          | "path=" text       only requests whose path contains the text
//	          | "action=" name     only requests with this _action; "query" for lists, "read" for other GETs
//	          | "retry-after=" s   the answer has Retry-After: s (only for a status)
//
// Examples: 401:after=3, 429:every=5:retry-after=1, slow=2s:every=4, cut:every=6:action=query,
// redirect=http://elsewhere.example/:every=5. Without a condition, the fault occurs for every request.
func ParseFault(rule string) (*Fault, error) {
	f := &Fault{rule: rule, every: 1}
	rest := rule
	var given []string
	if at := conditionStart.FindStringIndex(rule); at != nil {
		rest = rule[:at[0]]
		given = splitConditions(rule[at[0]:])
	}
	if err := f.setKind(rest); err != nil {
		return nil, fmt.Errorf("fault %q: %w", rule, err)
	}
	for _, c := range given {
		if err := f.setCondition(c); err != nil {
			return nil, fmt.Errorf("fault %q: %w", rule, err)
		}
	}
	return f, nil
}

// splitConditions splits :a=1:b=2 into a=1 and b=2. A colon that does not begin a condition belongs to the value.
func splitConditions(text string) []string {
	var out []string
	starts := conditionStart.FindAllStringIndex(text, -1)
	for i, s := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		out = append(out, text[s[0]+1:end])
	}
	return out
}

func (f *Fault) setKind(text string) error {
	name, value, hasValue := strings.Cut(text, "=")
	plain := map[string]faultKind{"reset": reset, "cut": cut, "html": html}
	switch kind, known := plain[name]; {
	case known && !hasValue:
		f.kind = kind
		return nil
	case name == "slow":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return fmt.Errorf("slow must have a duration, such as slow=2s, not %q", value)
		}
		f.kind, f.delay = slow, d
		return nil
	case name == "redirect":
		u, err := url.Parse(value)
		if err != nil || !u.IsAbs() || u.Host == "" {
			return fmt.Errorf("redirect must have a URL, such as redirect=http://elsewhere.example/, not %q", value)
		}
		f.kind, f.target = redirect, value
		return nil
	}
	status, err := strconv.Atoi(text)
	if err != nil || status < 400 || status > 599 {
		return fmt.Errorf("a fault must be one of 400 to 599, reset, cut, html, slow=DURATION, redirect=URL (conditions: %s), not %q", strings.Join(conditions, ", "), text)
	}
	f.status = status
	return nil
}

func (f *Fault) setCondition(text string) error {
	name, value, _ := strings.Cut(text, "=")
	switch name {
	case "path":
		f.path = value
	case "action":
		f.action = value
	case "retry-after":
		if f.kind != withStatus {
			return errors.New("retry-after works only with a status")
		}
		f.retryAfter = value
	}
	counted := map[string]*int64{"after": &f.after, "every": &f.every, "times": &f.times}
	if to := counted[name]; to != nil {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 1 {
			return fmt.Errorf("%s must be a number, 1 or more, not %q", name, value)
		}
		*to = n
	} else if value == "" {
		return fmt.Errorf("%s needs a value", name)
	}
	return nil
}

// String returns the original text of the rule.
func (f *Fault) String() string { return f.rule }

// SetFaults replaces the rules, which have the form of ParseFault. Without rules, there are no faults.
func (s *Server) SetFaults(rules ...string) error {
	var parsed []*Fault
	for _, rule := range rules {
		f, err := ParseFault(rule)
		if err != nil {
			return err
		}
		parsed = append(parsed, f)
	}
	s.faults.Lock()
	defer s.faults.Unlock()
	s.faults.rules = parsed
	return nil
}

// strikes counts the request, and reports whether the fault occurs.
func (f *Fault) strikes(r *http.Request) bool {
	if !strings.Contains(r.URL.Path, f.path) || f.action != "" && !strings.EqualFold(actionOf(r), f.action) {
		return false
	}
	n := f.seen.Add(1) - f.after
	if n <= 0 || n%f.every != 0 {
		return false
	}
	return f.times == 0 || f.done.Add(1) <= f.times
}

// disturb applies the first rule that matches. It returns a nil writer if it has written an answer, and otherwise the
// writer to use and what to do afterwards.
func (s *Server) disturb(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, func()) {
	s.faults.RLock()
	rules := s.faults.rules
	s.faults.RUnlock()
	i := slices.IndexFunc(rules, func(f *Fault) bool { return f.strikes(r) })
	if i < 0 {
		return w, func() {}
	}
	switch f := rules[i]; f.kind {
	case slow:
		if !pause(r, f.delay) {
			return nil, nil
		}
		return w, func() {}
	case cut:
		half := &halfWriter{ResponseWriter: w}
		return half, half.breakOff
	default:
		f.answer(&exchange{Server: s, w: w, r: r, sized: true})
		return nil, nil
	}
}

const loginPage = `<!DOCTYPE html><html><head><title>Sign in</title></head><body><form action="/login" method="post"><input name="user"><input name="password" type="password"></form></body></html>`

// statusMessages are AM's own messages for a status.
var statusMessages = map[int]string{
	http.StatusUnauthorized: "Access Denied",
	http.StatusForbidden:    "Forbidden",
	http.StatusNotFound:     "Not Found",
}

func (f *Fault) answer(x *exchange) {
	switch f.kind {
	case reset:
		resetConnection(x.w)
	case html:
		x.set("Content-Type", "text/html; charset=utf-8")
		x.w.WriteHeader(http.StatusOK)
		_, _ = x.w.Write([]byte(loginPage)) // the client may be gone
	case redirect:
		x.set("Location", f.target)
		x.w.WriteHeader(http.StatusFound)
	default:
		if f.retryAfter != "" {
			x.set("Retry-After", f.retryAfter)
		}
		x.answer(fail(f.status, orElse(statusMessages[f.status], http.StatusText(f.status))))
	}
}

// resetConnection closes the connection without an answer, with a reset if the system allows it.
func resetConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0) // otherwise the connection ends in order, which also disturbs the answer
	}
	_ = conn.Close() // nothing can be lost
}

// A halfWriter holds an answer back, and then sends half of it.
type halfWriter struct {
	http.ResponseWriter
	status int
	body   []byte
}

func (h *halfWriter) WriteHeader(status int) { h.status = status }

func (h *halfWriter) Write(p []byte) (int, error) {
	h.body = append(h.body, p...)
	return len(p), nil
}

// breakOff sends the first half and aborts, so the answer ends too early for the client.
func (h *halfWriter) breakOff() {
	if h.Header()["Transfer-Encoding"] == nil {
		h.Header()["Content-Length"] = []string{strconv.Itoa(len(h.body))}
	}
	h.ResponseWriter.WriteHeader(orElse(h.status, http.StatusOK))
	_, _ = h.ResponseWriter.Write(h.body[:len(h.body)/2]) // the client may be gone
	_ = http.NewResponseController(h.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}
