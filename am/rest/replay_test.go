package rest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

const recording = "testdata/openam-16.0.5.jsonl"

// The simulator gives the answers that a real OpenAM gave to the contract's requests.
func TestTheRecordedContractReplaysOnTheSimulator(t *testing.T) {
	server, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	defer listener.Close()
	r := replay{T: t, base: listener.URL + server.ContextPath(), labels: newLabels(), client: listener.Client()}
	exchanges := readRecording(t, recording)
	if len(exchanges) < 500 {
		t.Errorf("%d exchanges, want the contract's", len(exchanges))
	}
	equal := 0
	for i, e := range exchanges {
		if difference := r.send(e); difference != "" {
			t.Errorf("line %d, %s: %s %s %s\n%s", i+1, e.Case, e.Method, e.URL, e.Body, difference)
		} else {
			equal++
		}
	}
	t.Logf("%d of %d exchanges are equal", equal, len(exchanges))
}

type replay struct {
	*testing.T
	base   string
	labels *labels
	client *http.Client
}

// send sends a recorded request, and returns how the answer differs from the recorded one.
func (r *replay) send(e recordedExchange) string {
	body := r.labels.fill(e.Body, strings.Clone)
	request, err := http.NewRequestWithContext(r.Context(), e.Method, r.base+r.labels.fill(e.URL, url.QueryEscape), strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	for name, value := range e.Header {
		request.Header.Set(name, r.labels.fill(value, strings.Clone))
	}
	response, err := r.client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	r.labels.learn(string(text), e.Reply)
	var differences []string
	if response.StatusCode != e.Status {
		differences = append(differences, fmt.Sprintf("status %d, recorded %d", response.StatusCode, e.Status))
	}
	for _, name := range repliedHeaders {
		if got := r.labels.normal(strings.Join(response.Header.Values(name), " | ")); got != e.Replied[name] {
			differences = append(differences, fmt.Sprintf("%s: %s, recorded %s", name, got, e.Replied[name]))
		}
	}
	if got, want := r.labels.normal(string(text)), r.labels.normal(e.Reply); got != want && loose(got) != loose(want) {
		differences = append(differences, "body     "+got+"\nrecorded "+want)
	}
	return strings.Join(differences, "\n")
}

// loose sorts everything that has no order on the real server: the members of objects, some of which are Java hash
// maps; the attributes of an identity; and the rows of users and realms.
func loose(text string) string {
	var doc any
	if json.Unmarshal([]byte(text), &doc) != nil {
		return text
	}
	sorted, err := json.Marshal(unordered(doc))
	if err != nil {
		return text
	}
	return string(sorted)
}

func unordered(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			if list, ok := member.([]any); ok && !slices.ContainsFunc(list, isSession) {
				member = sortedList(list)
			}
			out[name] = unordered(member)
		}
		return out
	case []any:
		for i := range v {
			v[i] = unordered(v[i])
		}
	}
	return value
}

// isSession reports whether a row is that of a session query. The order of these rows matters.
func isSession(row any) bool {
	m, ok := row.(map[string]any)
	return ok && (m["sessionHandle"] != nil || m["maxIdleExpirationTime"] != nil)
}

func sortedList(list []any) []any {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}
