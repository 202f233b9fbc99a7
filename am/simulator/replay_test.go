package simulator

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// recorded is an exchange that was recorded with a real OpenAM 16.0.5.
type recorded struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int         `json:"status"`
		Headers [][2]string `json:"headers"`
		Body    string      `json:"body"`
	} `json:"response"`
}

// leftOut contains the exchanges that are not replayed, with the reasons.
var leftOut = []struct{ id, reason string }{
	{"08-006", "realm-config/services?_action=getCreatableTypes: beyond what sessions need"},
	{"08-007", "realm-config/services?_action=nextdescendents: beyond what sessions need"},
	{"13-078", "_crestapi: the API description is not simulated"},
	{"14-002", "the schema of the global session service is not simulated"},
	{"24-028", "ssoadm.jsp: not REST"},
	{"24-029", "groups: not simulated"},
	{"24-030", "groups: not simulated"},
}

func reasonToLeaveOut(id string) string {
	for _, l := range leftOut {
		if l.id == id {
			return l.reason
		}
	}
	return ""
}

// The simulator is compared with the transcripts of a real server: status, headers and body, ignoring the values of
// tokens, handles, revisions and times. Each file is replayed on a new server, set up as the real one was.
func TestTranscriptsOfARealOpenAMReplayEqual(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(os.Getenv("AMSQL_TRANSCRIPTS"), "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Skip("needs transcripts of a real OpenAM: AMSQL_TRANSCRIPTS=FOLDER")
	}
	var all [][]*recorded
	known := newRecords()
	for _, file := range files {
		exchanges := loadTranscript(t, file)
		all = append(all, exchanges)
		known.learn(exchanges)
	}
	var replayed, equal, out, synced int
	for i, exchanges := range all {
		w := newWorld(t, known, exchanges)
		var fileEqual, fileAll int
		for _, e := range exchanges {
			if why := reasonToLeaveOut(e.ID); why != "" {
				t.Logf("left out %s %q: %s", e.ID, e.Name, why)
				out++
				continue
			}
			fileAll++
			if diff := w.replay(e); diff != "" {
				t.Errorf("%s %q: %s %s\n%s", e.ID, e.Name, e.Request.Method, clip(e.Request.Path, 200), diff)
			} else {
				fileEqual++
			}
		}
		t.Logf("%s: %d of %d equal, %d changes that were not recorded", filepath.Base(files[i]), fileEqual, fileAll, w.unrecorded)
		replayed, equal, synced = replayed+fileAll, equal+fileEqual, synced+w.unrecorded
		w.srv.Close()
	}
	t.Logf("replayed %d, equal %d (%.1f%%), left out %d", replayed, equal, 100*float64(equal)/float64(replayed), out)
	t.Logf("sessions made or ended between recorded exchanges, set up for the replay: %d", synced)
}

func loadTranscript(t *testing.T, file string) []*recorded {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var exchanges []*recorded
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		e := new(recorded)
		if err := json.Unmarshal(lines.Bytes(), e); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		exchanges = append(exchanges, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return exchanges
}

// replay sends an exchange and returns how the answer differs.
func (w *world) replay(e *recorded) string {
	w.advance(e)
	w.prepare(e)
	body := e.body()
	target := w.toSimulated(e.Request.Path)
	u, _ := url.Parse(w.srv.URL)
	u.Opaque = target
	if i := strings.IndexByte(target, '?'); i >= 0 {
		u.Opaque, u.RawQuery = target[:i], target[i+1:]
	}
	req := &http.Request{Method: e.Request.Method, URL: u, Host: "openam.example.org:8080", Header: http.Header{"User-Agent": nil}}
	for name, value := range e.Request.Headers {
		if !strings.EqualFold(name, "Content-Length") {
			req.Header.Set(name, w.toSimulated(value))
		}
	}
	if body != "" {
		req.Body = io.NopCloser(strings.NewReader(w.toSimulated(body)))
		req.ContentLength = int64(len(w.toSimulated(body)))
	}
	res, err := w.client.Do(req)
	if err != nil {
		return "no answer: " + err.Error()
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		return "a broken answer: " + err.Error()
	}
	w.link(e, string(got))
	return w.compare(e, res, string(got))
}

// body returns the request's body, which is recorded as JSON or as text.
func (e *recorded) body() string {
	var text *string
	if json.Unmarshal(e.Request.Body, &text) == nil {
		if text == nil {
			return ""
		}
		return *text
	}
	return string(e.Request.Body)
}

// comparedHeaders are the headers that must have the same values.
var comparedHeaders = []string{
	"Content-API-Version", "Content-Type", "X-Frame-Options", "Cache-Control", "Expires", "Pragma", "Location", "ETag", "Allow",
	"Set-Cookie", "Content-Language",
}

func (w *world) compare(e *recorded, res *http.Response, got string) string {
	var diffs []string
	if res.StatusCode != e.Response.Status {
		diffs = append(diffs, fmt.Sprintf("status %d, recorded %d", res.StatusCode, e.Response.Status))
	}
	want := http.Header{}
	for _, h := range e.Response.Headers {
		want.Add(h[0], h[1])
	}
	for _, name := range comparedHeaders {
		if g, r := w.normalHeader(res.Header.Values(name), true), w.normalHeader(want.Values(name), false); g != r {
			diffs = append(diffs, fmt.Sprintf("%s: %s, recorded %s", name, g, r))
		}
	}
	if g, r := res.Close, want.Get("Connection") == "close"; g != r {
		diffs = append(diffs, fmt.Sprintf("connection closed %v, recorded %v", g, r))
	}
	if g, r := len(res.TransferEncoding) > 0, want.Get("Transfer-Encoding") == "chunked"; g != r {
		diffs = append(diffs, fmt.Sprintf("chunked %v, recorded %v", g, r))
	}
	if g, r := w.normal(got, true), w.normal(e.Response.Body, false); g != r {
		diffs = append(diffs, "body     "+around(g, r)+"\nrecorded "+around(r, g))
	}
	return strings.Join(diffs, "\n")
}

func (w *world) normalHeader(values []string, simulated bool) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = w.normal(decodeLatin1(v), simulated)
	}
	return strings.Join(out, " | ")
}

// decodeLatin1 decodes a header that was written in Latin-1. The recorder has already done so.
func decodeLatin1(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == 0xfffd }) {
		return s
	}
	runes := make([]rune, len(s))
	for i := 0; i < len(s); i++ {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

var changing = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`AMAuthCookie=<[^>]*>`), `AMAuthCookie=<pending>`},
	{regexp.MustCompile(`("_rev"\s*:\s*)"-?\d+"`), `$1"<rev>"`},
	{regexp.MustCompile(`^"-?\d+"$`), `<rev>`},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), `<time>`},
	{regexp.MustCompile(`"(createTimestamp|modifyTimestamp)":\["\d{14}Z"\]`), `"$1":["<time>"]`},
	{regexp.MustCompile(`"(maxtime|timeleft)":\d+`), `"$1":<left>`},
	{regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`), `<jwt>`},
	{regexp.MustCompile(`"statelessSigningHmacSecret":"[^"]*"`), `"statelessSigningHmacSecret":"<secret>"`},
	{regexp.MustCompile(`"AMCtxId":"\w*"`), `"AMCtxId":"<context>"`},
}

// normal removes from an answer what differs between servers.
func (w *world) normal(text string, simulated bool) string {
	text = w.sortHandles(text, simulated)
	text = tokenPattern.ReplaceAllStringFunc(text, func(m string) string { return w.label(m, simulated) })
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.with)
	}
	return sortLoose(text)
}

var handleOutcome = regexp.MustCompile(`"([^"]*)":(true|false)`)

// sortHandles sorts the answer of logoutByHandle, after checking that it was in the order of a Java hash map.
func (w *world) sortHandles(text string, simulated bool) string {
	pairs := handleOutcome.FindAllStringSubmatch(text, -1)
	if !strings.HasPrefix(text, `{"result":{`) || len(pairs) < 3 {
		return text
	}
	keys, out := make([]string, len(pairs)), make([]string, len(pairs))
	for i, p := range pairs {
		keys[i] = p[1]
		out[i] = tokenPattern.ReplaceAllStringFunc(p[0], func(m string) string { return w.label(m, simulated) })
	}
	if again := javaStrings(keys); !slices.Equal(keys, again) {
		w.t.Errorf("handles are not in the order of a Java hash map: %v", keys)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// sortLoose sorts what has no order on the real server: the attributes of an identity, two of which are in the same
// bucket of a hash map, the rows of 1.2, and the schema of a service.
func sortLoose(text string) string {
	loose := strings.Contains(text, `"inetUserStatus"`) || strings.Contains(text, `"userid"`) || strings.Contains(text, `"propertyOrder"`)
	if !loose {
		return text
	}
	var doc any
	if json.Unmarshal([]byte(strings.ReplaceAll(text, "<left>", "0")), &doc) != nil {
		return text
	}
	if m, ok := doc.(map[string]any); ok {
		if rows, ok := m["result"].([]any); ok {
			slices.SortFunc(rows, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
	sorted, _ := json.Marshal(doc)
	return string(sorted)
}

// around returns the place where two texts begin to differ.
func around(text, other string) string {
	i := 0
	for i < len(text) && i < len(other) && text[i] == other[i] {
		i++
	}
	return fmt.Sprintf("(%d bytes, from %d) …%s", len(text), i, clip(text[max(0, i-60):], 220))
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}

func (w *world) serve() {
	w.srv = httptest.NewServer(w.sim)
	w.client = w.srv.Client()
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if t, ok := w.client.Transport.(*http.Transport); ok {
		t.DisableCompression = true
	}
}
