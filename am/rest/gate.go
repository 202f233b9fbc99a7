package rest

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// gate is an AIMD concurrency limiter: it bounds the requests under way and finds the concurrency that the server keeps
// up with. It adjusts its limit once a round, which is as many answers as may be under way: it doubles the limit until it
// has shrunk for the first time and adds one from then on. It shrinks the limit by a third if requests take longer than
// if the server served them one after the other, and by half if the server says that it is too much (429, 503).
type gate struct {
	ceiling int

	mu      sync.Mutex
	waiting []chan struct{}
	limit   float64
	busy    int
	best    map[string]time.Duration // by latency class: the shortest latency seen, slowly forgotten
	round   round
	shrunk  time.Time // when the limit was last lowered
}

// round sums up the answers since the last adjustment, in multiples of the best of their class.
type round struct {
	took    float64
	answers int
}

const (
	startConcurrency = 4
	tolerance        = 2 // times what one after the other would take
	decay            = 1.001
)

func newGate(ceiling int) *gate {
	return &gate{ceiling: ceiling, limit: min(startConcurrency, float64(ceiling)), best: map[string]time.Duration{}}
}

// acquire waits for a place, which release gives back.
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
		return ctx.Err() // the cause may be what another request died of
	}
}

// abandon gives up a turn, or passes it on if it came at the same moment.
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

// overloaded is told of every answer, those that are repeated too.
func (g *gate) overloaded(response *http.Response) {
	if response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shrink(0.5, time.Second)
}

// observe takes how long a request took whose class tells what to expect: not a listing, which takes what it takes.
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

// endRound ends a round. One slow answer among many does not matter: the mean counts.
func (g *gate) endRound(pause time.Duration) {
	mean := g.round.took / float64(g.round.answers)
	g.round = round{}
	switch {
	case mean > tolerance*g.limit:
		g.shrink(2.0/3, pause)
	case g.busy < int(g.limit): // more was not asked for
	case g.shrunk.IsZero():
		g.limit = min(float64(g.ceiling), 2*g.limit)
	default:
		g.limit = min(float64(g.ceiling), g.limit+1)
	}
}

// shrink lowers the limit, once in a while: the requests under way were sent under the old one.
func (g *gate) shrink(factor float64, pause time.Duration) {
	if time.Since(g.shrunk) > pause {
		g.limit, g.shrunk = max(1, g.limit*factor), time.Now()
	}
}

// wake lets in who waits, first come, first served.
func (g *gate) wake() {
	for len(g.waiting) > 0 && g.busy < int(g.limit) {
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
		g.busy++
	}
}
