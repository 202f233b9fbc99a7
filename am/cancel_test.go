package am_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// holding is a simulated AM whose lists are truncated, so an inventory looks up each user. It answers for some users,
// and holds the other requests until the client cancels them.
type holding struct {
	*httptest.Server
	sim     *simulator.Server
	answers atomic.Int64  // number of users for whom requests are still answered
	held    chan struct{} // closed when the first request is held
	pending atomic.Int64  // number of requests that the server is processing
	freed   atomic.Int64  // number of held requests that were cancelled
}

const heldCap = 10

func newHolding(t *testing.T) *holding {
	t.Helper()
	sim, err := simulator.New(simulator.Options{Realms: 1, ListCap: heldCap})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for i := range 200 {
			logIn(t, sim, "/alpha", fmt.Sprintf("user%03d", i))
		}
	}
	h := &holding{sim: sim, held: make(chan struct{})}
	h.answers.Store(3)
	h.Server = httptest.NewServer(h)
	return h
}

func (h *holding) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.pending.Add(1)
	defer h.pending.Add(-1)
	left := int64(1)
	if strings.Contains(r.URL.Query().Get("_queryFilter"), "username") {
		left = h.answers.Add(-1)
	}
	switch {
	case left >= 0:
		h.sim.ServeHTTP(w, r)
		return
	case left == -1:
		close(h.held)
	}
	<-r.Context().Done()
	h.freed.Add(1)
}

// vanish stops the server and its pending requests.
func (h *holding) vanish() {
	h.Listener.Close()
	h.CloseClientConnections()
}

// stops are the ways in which a scan can end early. Each is called while requests are held; next fetches the next row,
// and returns false at the end.
var stops = []struct {
	name  string
	limit int64
	stop  func(h *holding, cancel context.CancelFunc, next func() bool)
	err   error // nil: none; errAny: any error of the connection
}{
	{name: "it is cancelled", err: context.Canceled, stop: func(h *holding, cancel context.CancelFunc, next func() bool) {
		go func() {
			<-h.held
			cancel()
		}()
		for next() {
		}
	}},
	{name: "it is cancelled between rows", err: context.Canceled, stop: func(h *holding, cancel context.CancelFunc, next func() bool) {
		next()
		<-h.held
		cancel()
		for next() {
		}
	}},
	{name: "nobody wants more rows", stop: func(h *holding, _ context.CancelFunc, next func() bool) {
		for range heldCap + 1 {
			next()
		}
		<-h.held
	}},
	{name: "nobody wants more than the first row", stop: func(h *holding, _ context.CancelFunc, next func() bool) {
		next()
		<-h.held
	}},
	{name: "its limit is reached", limit: heldCap + 2, stop: func(h *holding, _ context.CancelFunc, next func() bool) {
		for range heldCap + 1 {
			next()
		}
		<-h.held
		for next() {
		}
	}},
	{name: "the server is gone", err: errAny, stop: func(h *holding, _ context.CancelFunc, next func() bool) {
		go func() {
			<-h.held
			h.vanish()
		}()
		for next() {
		}
	}},
}

var errAny = errors.New("some error")

func TestScanThatEndsEarlyLeavesNoRequestAndNoGoroutine(t *testing.T) {
	for _, way := range []struct {
		name string
		scan func(ctx context.Context, c *connection.Connection, limit int64, stop func(next func() bool)) error
	}{{"through the tables", pullRows}, {"through the engine", stepRows}} {
		for _, c := range stops {
			t.Run(way.name+": "+c.name, func(t *testing.T) {
				defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
				h := newHolding(t)
				defer h.Close()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				conn := h.connect(t)
				err := way.scan(ctx, conn, c.limit, func(next func() bool) { c.stop(h, cancel, next) })
				if anyError := errors.Is(c.err, errAny); anyError && err == nil || !anyError && !errors.Is(err, c.err) {
					t.Errorf("it ends with the error %v, want %v", err, c.err)
				}
				if !h.idle() || h.freed.Load() == 0 {
					t.Errorf("the server still has %d requests under way and has been let go of %d, want none and some", h.pending.Load(), h.freed.Load())
				}
				_ = conn.Close(t.Context()) // the server may have stopped
			})
		}
	}
}

// connect opens a connection with Progress, because that starts a goroutine.
func (h *holding) connect(t *testing.T) *connection.Connection {
	t.Helper()
	user, password := h.sim.Admin()
	url, noRetries := h.URL+h.sim.ContextPath(), 0
	config := connection.Config{BaseURL: &url, Username: &user, Password: &password, MaxRetries: &noRetries}
	conn, err := connection.Open(connectionName, config, connection.Host{Progress: func(inventory.Progress) {}})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// pullRows reads rows from the table, which reads them from the inventory.
func pullRows(ctx context.Context, c *connection.Connection, limit int64, stop func(next func() bool)) error {
	var failure error
	next, end := iter.Pull2(am.Tables(c)[0].Rows(ctx, table.Query{Quals: []table.Qual{{Column: "realm", Values: []any{"/alpha"}}}, Limit: limit}))
	defer end()
	stop(func() bool {
		_, err, more := next()
		failure = errors.Join(failure, err)
		return more && err == nil
	})
	return failure
}

// stepRows reads rows of a statement.
func stepRows(ctx context.Context, c *connection.Connection, limit int64, stop func(next func() bool)) error {
	db, err := engine.Open(ctx)
	if err != nil {
		return err
	}
	err = db.Attach(connectionName, am.Tables(c)[0])
	if err != nil {
		return errors.Join(err, db.Close())
	}
	rows, err := db.Query(ctx, question{realm: []string{"/alpha"}, limit: limit}.sql())
	if err != nil {
		return errors.Join(err, db.Close())
	}
	stop(rows.Next)
	return errors.Join(rows.Err(), rows.Close(), db.Close())
}

// idle waits until the server has no pending requests. If it still has some after ten seconds, there is a deadlock.
func (h *holding) idle() bool {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if h.pending.Load() == 0 {
			return true
		}
	}
	return false
}
