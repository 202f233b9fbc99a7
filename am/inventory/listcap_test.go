package inventory_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

const capPath = "/global-config/services/session"

// Many rows of a join need the cap at the same time. Each waits for the request of another only as long as its own
// context allows, and if the one that sent the request gives up, the others still get an answer.
func TestAWaitForTheListCapEndsWithItsContext(t *testing.T) {
	server, err := simulator.New(simulator.Options{})
	must(t, err)
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	inv := inventoryBehind(t, server, inventory.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, capPath) {
			asked <- struct{}{}
			select {
			case <-answer:
			case <-r.Context().Done():
			}
		}
		server.ServeHTTP(w, r)
	})
	first, giveUp := context.WithCancel(t.Context())
	failures := make(chan error, 3)
	listCap := func(ctx context.Context) {
		_, _, err := inv.ListCap(ctx)
		failures <- err
	}
	go listCap(first)
	<-asked
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	go listCap(ended)
	select {
	case err := <-failures:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the one that waits ends with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the one whose context has ended waits for another's request")
	}
	go listCap(t.Context())
	giveUp()
	if err := <-failures; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that gives up ends with %v", err)
	}
	close(answer)
	if err := <-failures; err != nil {
		t.Errorf("the one that stays ends with %v", err)
	}
}

// A plugin runs for weeks, during which the cap can be lowered.
func TestTheListCapIsAskedForAgain(t *testing.T) {
	server, err := simulator.New(simulator.Options{})
	must(t, err)
	inv := inventoryBehind(t, server, inventory.Options{}, server.ServeHTTP)
	for _, c := range []struct {
		later     time.Duration
		set, want int
	}{{0, 300, 300}, {5 * time.Second, 50, 300}, {5 * time.Second, 50, 50}} {
		server.SetListCap(c.set)
		inv.AgeCap(c.later)
		if rows, how, err := inv.ListCap(t.Context()); rows != c.want || how != "read" || err != nil {
			t.Errorf("%s later the cap is %d (%s), %v; want %d", c.later, rows, how, err, c.want)
		}
	}
}

func TestWhatStandsForTheListCap(t *testing.T) {
	server, err := simulator.New(simulator.Options{})
	must(t, err)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		rows   int
		how    string
		fails  bool
	}{
		"none in the answer": {answerOf(http.StatusOK, `{"search":{}}`), 120, "assumed", false},
		"one":                {answerOf(http.StatusOK, `{"search":{"maxSessionListSize":1}}`), 1, "read", false},
		"a refusal":          {answerOf(http.StatusForbidden, `{"code":403,"reason":"Forbidden"}`), 120, "assumed", false},
		"no answer":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "", true},
	} {
		inv := inventoryBehind(t, server, inventory.Options{}, instead(server, capPath, c.answer))
		rows, how, err := inv.ListCap(t.Context())
		if failed := err != nil; failed != c.fails || !failed && (rows != c.rows || how != c.how) {
			t.Errorf("%s: %d (%s), %v; want %d (%s), an error: %t", name, rows, how, err, c.rows, c.how, c.fails)
		}
	}
}

func TestWhoKeepsSessionsIsNotKnownWhereAMDoesNotSay(t *testing.T) {
	server, err := simulator.New(simulator.Options{})
	must(t, err)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		known  bool
		fails  bool
	}{
		"it says":     {answerOf(http.StatusOK, `{"general":{"statelessSessionsEnabled":false}}`), true, false},
		"a refusal":   {answerOf(http.StatusForbidden, `{"code":403,"reason":"Forbidden"}`), false, false},
		"not found":   {answerOf(http.StatusNotFound, `{"code":404,"reason":"Not Found"}`), false, false},
		"bad request": {answerOf(http.StatusBadRequest, `{"code":400,"reason":"Bad Request"}`), false, true},
	} {
		inv := inventoryBehind(t, server, inventory.Options{}, instead(server, "/realm-config/authentication", c.answer))
		if clientSide, err := inv.ClientSide(t.Context(), "/"); (clientSide != nil) != c.known || (err != nil) != c.fails {
			t.Errorf("%s: %v, %v; want one: %t, an error: %t", name, clientSide, err, c.known, c.fails)
		}
	}
}

func answerOf(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// instead answers requests for paths with this ending, and leaves the others to the server.
func instead(server http.Handler, path string, answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, path) {
			answer(w, r)
			return
		}
		server.ServeHTTP(w, r)
	}
}
