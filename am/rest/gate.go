package rest

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// gate is an AIMD concurrency limiter: it limits the number of concurrent requests to what the server can handle. It
// adjusts the limit once per round, which is as many answers as there are places. It doubles the limit until it has had
// to lower it for the first time, and adds one from then on. It lowers the limit by a third if requests take longer
// than they would one after the other, and by half if the server reports overload (429, 503).
type gate struct {
	ceiling int

	mu      sync.Mutex
	waiting []chan struct{}
	limit   float64
	busy    int
	best    map[string]time.Duration // by latency class: the shortest latency seen; it increases slowly, so that old values are forgotten
	round   round
	shrunk  time.Time // when the limit was last lowered
}

// round summarizes the answers since the last adjustment, as multiples of the shortest latency of their class.
type round struct {
	took    float64
	answers int
}

const (
	startConcurrency = 4
	tolerance        = 2 // acceptable latency, as a multiple of what serial requests would take
	decay            = 1.001
)

func newGate(ceiling int) *gate {
	return &gate{ceiling: ceiling, limit: min(startConcurrency, float64(ceiling)), best: map[string]time.Duration{}}
}

// acquire waits for a free place, which release returns.
func (g *gate) acquire(ctx context.Context) error {
	g.mu.Lock()
	if g.busy < int(g.limit) {
		g.busy++
		g.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	g.waiting = append(g.waiting, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		g.abandon(turn)
		return ctx.Err() // not context.Cause, which may be the error of another request
	}
}

// abandon gives up a place in the queue. If the turn came at the same moment, it passes the place on.
func (g *gate) abandon(turn chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, turn); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		return
	}
	g.busy--
	g.wake()
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	g.wake()
}

// overloaded examines each answer, including those that are followed by a retry.
func (g *gate) overloaded(response *http.Response) {
	if response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shrink(0.5, time.Second)
}

// observe records how long a request took. It must belong to a class with a predictable duration, so lists of sessions
// do not count.
func (g *gate) observe(class string, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	best := g.best[class]
	if best == 0 || took < best {
		best = took
	}
	g.best[class] = time.Duration(float64(best)*decay) + 1
	g.round.took += float64(took) / float64(max(best, 1))
	g.round.answers++
	if g.round.answers >= int(g.limit) {
		g.endRound(took)
		g.wake()
	}
}

// endRound ends a round. It uses the mean, so one slow answer among many has no effect.
func (g *gate) endRound(pause time.Duration) {
	mean := g.round.took / float64(g.round.answers)
	g.round = round{}
	switch {
	case mean > tolerance*g.limit:
		g.shrink(2.0/3, pause)
	case g.busy < int(g.limit): // the limit was not reached
	case g.shrunk.IsZero():
		g.limit = min(float64(g.ceiling), 2*g.limit)
	default:
		g.limit = min(float64(g.ceiling), g.limit+1)
	}
}

// shrink lowers the limit, but not again until pause has passed: the requests under way were sent under the old limit.
func (g *gate) shrink(factor float64, pause time.Duration) {
	if time.Since(g.shrunk) > pause {
		g.limit, g.shrunk = max(1, g.limit*factor), time.Now()
	}
}

// wake admits waiting callers in the order in which they came.
func (g *gate) wake() {
	for len(g.waiting) > 0 && g.busy < int(g.limit) {
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
		g.busy++
	}
}
