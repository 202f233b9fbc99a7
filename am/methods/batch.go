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

// DefaultBatchSize is how many handles go into one request. From 25 on, more handles gain OpenAM 16.0.5 little, while more
// requests at once do: on two cores it ended 378 sessions a second with 1 handle a request and 4 requests at once, 526 with
// 10, 620 with 25, 617 with 50, 692 with 100; 8 at once with 50 made 713 (BenchmarkOpenAMBatchSize). Small batches cost
// less if one fails or is interrupted.
const DefaultBatchSize = 50

// A batch is a request that ends sessions. What it sends may be sent again: AM says true of a handle that is gone.
type batch struct {
	method  string
	targets []*target
	send    func(ctx context.Context, targets []*target) (answers map[string]bool, err error)
}

// batches makes requests of the sessions that are alive: many handles each, or one token.
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
	_, err := e.Client.Logout(ctx, targets[0].Realm, targets[0].Token) // false if it had ended by itself
	return map[string]bool{targets[0].Handle: true}, err
}

// A run is batches on their way.
type run struct {
	*Terminator
	work    context.Context // outlives an interruption
	stopped atomic.Pointer[error]

	mu        sync.Mutex
	succeeded bool
	faults    int
}

// carryOut sends the batches, concurrently, and then asks the server what is left. After an interruption no batch is
// begun, those under way end, and the server is still asked.
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
	_ = group.Wait() // outcomes say what failed
	e.prove(later, targets)
	var failed error
	if reason := r.stopped.Load(); reason != nil && ctx.Err() == nil && isJournal(*reason) {
		failed = *reason
	}
	return errors.Join(failed, e.Journal.final(e, targets), ctx.Err())
}

func (r *run) stop(reason error) { r.stopped.CompareAndSwap(nil, &reason) }

// maxAttempts is how often a batch is sent if no answer comes, or one that AM did not make. The client repeats only
// what changes nothing, so that each request that does has its lines in the journal.
const maxAttempts = 3

// maxFaults is how many handles may fail alone, before any success, until the server is taken to refuse them all.
const maxFaults = 5

// send sends a batch and, if it is refused, its halves, down to the handles at fault.
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

// sendOnce writes the journal, sends, and writes the journal again.
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
		r.stop(journalErr) // what was sent was sent
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

// fault counts what failed for good, and gives up if nothing else happens.
func (r *run) fault(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.faults++; r.faults >= maxFaults && !r.succeeded {
		r.stop(err)
	}
}

// passing reports whether an error may be another the next time: no answer, half of one, or that of a proxy without AM.
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
