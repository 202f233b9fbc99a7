package methods

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// DefaultBatchSize is the number of handles in one request. Above 25, more handles hardly make OpenAM 16.0.5 faster,
// whereas more concurrent requests do. On two cores with 4 concurrent requests, it ended 378 sessions per second with 1
// handle per request, 526 with 10, 620 with 25, 617 with 50, and 692 with 100; with 8 concurrent requests and 50
// handles, it ended 713 (BenchmarkOpenAMBatchSize). Small batches lose less if one fails or is interrupted.
const DefaultBatchSize = 50

// A batch is a request that ends sessions. It can be sent again, because AM answers true for a handle whose session has
// ended.
type batch struct {
	method  string
	targets []*target
	send    func(ctx context.Context, targets []*target) (answers map[string]bool, err error)
}

// batches divides the live sessions into requests: with many handles each, or with one token.
func (e *Terminator) batches(targets []*target) (work []batch) {
	byHandle := map[string][]*target{} // by the realm in the request's URL
	for _, t := range targets {
		switch {
		case t.state != "":
		case t.Token != "":
			work = append(work, batch{"logout", []*target{t}, e.logout})
		default:
			realm := e.Client.URLRealm(t.Realm)
			byHandle[realm] = append(byHandle[realm], t)
		}
	}
	size := e.BatchSize
	if size == 0 {
		size = DefaultBatchSize
	}
	for _, realm := range slices.Sorted(maps.Keys(byHandle)) {
		for chunk := range slices.Chunk(byHandle[realm], size) {
			work = append(work, batch{"logout_by_handle", chunk, e.logoutByHandle})
		}
	}
	return work
}

func (e *Terminator) logoutByHandle(ctx context.Context, targets []*target) (map[string]bool, error) {
	handles := make([]string, len(targets))
	for i, t := range targets {
		handles[i] = t.Handle
	}
	return e.Client.LogoutByHandle(ctx, targets[0].Realm, handles)
}

func (e *Terminator) logout(ctx context.Context, targets []*target) (map[string]bool, error) {
	_, err := e.Client.Logout(ctx, targets[0].Realm, targets[0].Token) // false if the session had already ended
	return map[string]bool{targets[0].Handle: true}, err
}

// A run sends batches.
type run struct {
	*Terminator
	work    context.Context // does not end at the first interruption
	stopped atomic.Pointer[error]

	mu        sync.Mutex
	succeeded bool
	faults    int
}

// carryOut sends the batches concurrently, and then asks the server which sessions are left. After an interruption it
// starts no batch, waits for those under way, and still asks the server.
func (e *Terminator) carryOut(ctx context.Context, work []batch, targets []*target) error {
	later, cancel := outlive(ctx)
	defer cancel()
	r := &run{Terminator: e, work: later}
	var group errgroup.Group
	group.SetLimit(e.Client.MaxConcurrency())
	for _, b := range work {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				r.stop(errors.New("interrupted"))
			}
			r.send(b, maxAttempts) //nolint:contextcheck // it outlives an interruption
			return nil
		})
	}
	_ = group.Wait() // the outcomes contain the errors
	e.prove(later, targets)
	var failed error
	if reason := r.stopped.Load(); reason != nil && ctx.Err() == nil && isJournal(*reason) {
		failed = *reason
	}
	return errors.Join(failed, e.Journal.final(e, targets), ctx.Err())
}

func (r *run) stop(reason error) { r.stopped.CompareAndSwap(nil, &reason) }

// maxAttempts is how many times a batch is sent if there is no answer, or one that does not come from AM. The client
// itself retries only requests that change nothing, so every request that ends sessions has its lines in the journal.
const maxAttempts = 3

// maxFaults is how many single handles may fail before any success; after that, the server is assumed to refuse all of
// them.
const maxFaults = 5

// send sends a batch. If AM refuses it, send halves it until it has found the handles that cause the refusal.
func (r *run) send(b batch, attempts int) {
	if reason := r.stopped.Load(); reason != nil {
		for _, t := range b.targets {
			t.err = fmt.Errorf("not sent: %w", *reason)
		}
		return
	}
	answers, err := r.sendOnce(b)
	switch {
	case err == nil:
		r.note(b, answers)
	case r.work.Err() != nil, isJournal(err):
		r.fail(b, err)
		r.stop(err)
	case rest.IsUnauthorized(err), rest.IsForbidden(err), rest.IsUnsupported(err):
		r.fail(b, err)
		r.stop(err)
	case passing(err) && attempts > 1:
		pause(r.work, time.Duration(maxAttempts-attempts+1)*retryWait)
		r.send(b, attempts-1)
	case !passing(err) && len(b.targets) > 1 && b.method == "logout_by_handle":
		half := len(b.targets) / 2
		r.send(batch{b.method, b.targets[:half], b.send}, maxAttempts)
		r.send(batch{b.method, b.targets[half:], b.send}, maxAttempts)
	default:
		r.fail(b, err)
		r.fault(err)
	}
}

// sendOnce writes to the journal, sends the batch, and writes to the journal again.
func (r *run) sendOnce(b batch) (map[string]bool, error) {
	id := r.Client.NewTransaction()
	if err := r.Journal.before(r.Terminator, b, id); err != nil {
		return nil, err
	}
	for _, t := range b.targets {
		t.sent = true
	}
	answers, err := b.send(rest.WithTransaction(r.work, id), b.targets)
	if journalErr := r.Journal.after(r.Terminator, b, id, answers, err); journalErr != nil && err == nil {
		r.note(b, answers)
		r.stop(journalErr) // the request has already been sent
	}
	return answers, err
}

func (r *run) note(b batch, answers map[string]bool) {
	for _, t := range b.targets {
		t.err = nil
		if ok, there := answers[t.Handle]; there {
			t.answer = fmt.Sprint(ok)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.succeeded = true
}

func (r *run) fail(b batch, err error) {
	for _, t := range b.targets {
		t.err = err
	}
}

// fault counts permanent failures, and gives up if there is nothing else.
func (r *run) fault(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.faults++; r.faults >= maxFaults && !r.succeeded {
		r.stop(err)
	}
}

// passing reports whether an error may be temporary: no answer, an incomplete one, or one of a proxy that cannot reach
// AM.
func passing(err error) bool {
	var e *rest.Error
	if !errors.As(err, &e) {
		return true
	}
	switch e.Status {
	case 0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

const retryWait = 300 * time.Millisecond

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
