package rest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// recordVariable names the environment variable with the file to which make openam-record writes the contract's
// requests and answers.
const recordVariable = "AMSQL_OPENAM_RECORD"

// recordedExchange is a request to a real OpenAM and its answer, without values that differ between servers.
type recordedExchange struct {
	Case    string            `json:"case"`
	Method  string            `json:"method"`
	URL     string            `json:"url"` // relative to the context path
	Header  map[string]string `json:"header"`
	Body    string            `json:"body,omitempty"`
	Status  int               `json:"status"`
	Replied map[string]string `json:"replied"` // headers of the answer
	Reply   string            `json:"reply,omitempty"`
}

var (
	recordedHeaders = []string{"Accept-API-Version", "Content-Type", "iPlanetDirectoryPro", "X-OpenAM-Username", "X-OpenAM-Password"}
	repliedHeaders  = []string{"Content-API-Version", "Content-Type", "Location"}
)

// labels gives names to tokens and handles, in the order in which a server first sends them.
type labels struct {
	byText map[string]string
	byName map[string]string
}

func newLabels() *labels { return &labels{map[string]string{}, map[string]string{}} }

// These match tokens and handles, as they are and as in URLs.
var (
	tokenText = regexp.MustCompile(`(?:shandle(?::|%3A))?AQIC5w(?:[\w.*-]|%2A)+`)
	labelText = regexp.MustCompile(`\{(?:token|handle)\d+\}`)
)

func plain(text string) string {
	if unescaped, err := url.QueryUnescape(text); err == nil && strings.Contains(text, "%") {
		return unescaped
	}
	return text
}

// learn gives names to new tokens and handles in an answer, either new names or those in the recording.
func (l *labels) learn(reply, recorded string) {
	names := labelText.FindAllString(recorded, -1)
	for i, text := range tokenText.FindAllString(reply, -1) {
		if l.byText[text] != "" {
			continue
		}
		kind, _, isHandle := strings.Cut(text, ":")
		if !isHandle {
			kind = "token"
		}
		name := fmt.Sprintf("{%s%d}", strings.TrimPrefix(kind, "s"), len(l.byText)+1)
		if recorded != "" {
			if i >= len(names) || l.byName[names[i]] != "" {
				continue
			}
			name = names[i]
		}
		l.byText[text], l.byName[name] = name, text
	}
}

// name replaces tokens and handles with their names.
func (l *labels) name(text string) string {
	return tokenText.ReplaceAllStringFunc(text, func(token string) string {
		if name := l.byText[plain(token)]; name != "" {
			return name
		}
		return token
	})
}

// fill replaces names with their tokens and handles.
func (l *labels) fill(text string, escape func(string) string) string {
	return labelText.ReplaceAllStringFunc(text, func(name string) string { return escape(l.byName[name]) })
}

// changing matches values that differ between servers or change over time.
var changing = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`https?://[\w.:-]+/(?:am|openam)/`), `{base}/`},
	{regexp.MustCompile(`"/(?:am|openam)/`), `"{context}/`},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), `{time}`},
	{regexp.MustCompile(`"(createTimestamp|modifyTimestamp)":\["\d{14}Z"\]`), `"$1":["{time}"]`},
	{regexp.MustCompile(`"maxtime":\d+`), `"maxtime":"{left}"`},
	{regexp.MustCompile(`"statelessSigningHmacSecret":"[^"]*"`), `"statelessSigningHmacSecret":"{secret}"`},
	{regexp.MustCompile(`"(domains|cookieDomains)":\[[^\]]*\]`), `"$1":["{domain}"]`},
	{regexp.MustCompile(`"name":"/","aliases":\[[^\]]*\]`), `"name":"/","aliases":["{host}"]`},
	{regexp.MustCompile(`\{("username":"(?:[^"\\]|\\.)*"),"uid":\["(?:[^"\\]|\\.)*"\]\}`), `{$1}`}, // uid is only sometimes present
	{regexp.MustCompile(`"lang":"[\w-]*"`), `"lang":"{language}"`},
}

func (l *labels) normal(text string) string {
	text = strings.ToValidUTF8(l.name(text), "?") // OpenAM writes Location in Latin-1
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.with)
	}
	return text
}

// recorder is a proxy between the contract and a real server.
type recorder struct {
	*httptest.Server
	target string

	mu        sync.Mutex
	labels    *labels
	name      string // name of the case
	info      string // the latest answer of serverinfo
	exchanges []recordedExchange
}

func newRecorder(t *testing.T, target string) *recorder {
	r := &recorder{target: target, labels: newLabels()}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	forward, err := http.NewRequestWithContext(request.Context(), request.Method, r.target+request.RequestURI, bytes.NewReader(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	e := recordedExchange{Method: request.Method, URL: request.RequestURI, Header: map[string]string{}, Body: string(body), Replied: map[string]string{}}
	for _, name := range recordedHeaders {
		if values := request.Header.Values(name); len(values) > 0 {
			forward.Header.Set(name, values[0])
			e.Header[name] = values[0]
		}
	}
	response, err := http.DefaultTransport.RoundTrip(forward)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	reply, _ := io.ReadAll(response.Body)
	e.Status, e.Reply = response.StatusCode, string(reply)
	for _, name := range repliedHeaders {
		if values := response.Header.Values(name); len(values) > 0 {
			e.Replied[name] = strings.Join(values, " | ")
			w.Header()[name] = values
		}
	}
	r.keep(e)
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(reply) // the client may have disconnected
}

func (r *recorder) keep(e recordedExchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.HasPrefix(e.URL, "/json/serverinfo/*") && e.Reply == r.info {
		return // every client sends this request; one recording is enough
	}
	if strings.HasPrefix(e.URL, "/json/serverinfo/*") {
		r.info = e.Reply
	}
	e.Case = r.name
	e.URL, e.Body = r.labels.name(e.URL), r.labels.name(e.Body)
	for name, value := range e.Header {
		e.Header[name] = r.labels.name(value)
	}
	r.labels.learn(e.Reply, "")
	e.Reply = r.labels.normal(e.Reply)
	for name, value := range e.Replied {
		e.Replied[name] = r.labels.normal(value)
	}
	r.exchanges = append(r.exchanges, e)
}

// record runs the contract against a real server and records the requests and answers.
func record(t *testing.T, file, address, user, password string) {
	r := newRecorder(t, address)
	for i, c := range contract {
		if c.apart {
			continue
		}
		r.name = c.name
		t.Run(c.name, func(t *testing.T) { c.check(newWorld(t, i, r.URL, user, password)) })
	}
	if t.Failed() {
		return
	}
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	lines.SetEscapeHTML(false)
	for _, e := range r.exchanges {
		if err := lines.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d exchanges, %d bytes in %s", len(r.exchanges), out.Len(), file)
}

func readRecording(t *testing.T, file string) (all []recordedExchange) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e recordedExchange
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
