package rest

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// gate bounds the requests under way and finds the concurrency that the server keeps up with. With every round of
// requests that the server answers well it opens to the double, and by one once it has had to narrow: by a third where
// requests of one kind take longer than if the server served them one after the other, and by half where it says that it
// is too much (429, 503).
type gate struct {
	ceiling int

	mu       sync.Mutex
	waiting  []chan struct{}
	limit    float64
	busy     int
	best     map[string]time.Duration // by kind of request: the shortest latency seen, slowly forgotten
	narrowed time.Time                // when the limit was last lowered
}

const (
	startConcurrency = 4
	tolerance        = 2 // times what one after the other would take
	forgetting       = 1.001
)

func newGate(ceiling int) *gate {
	return &gate{ceiling: ceiling, limit: min(startConcurrency, float64(ceiling)), best: map[string]time.Duration{}}
}

// enter waits for a place, which leave gives back.
func (g *gate) enter(ctx context.Context) error {
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

// abandon gives up a turn, or passes it on where it came at the same moment.
func (g *gate) abandon(turn chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, turn); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		return
	}
	g.busy--
	g.admit()
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	g.admit()
}

// overloaded is told of every answer, those that are repeated too.
func (g *gate) overloaded(response *http.Response) {
	if response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.narrow(0.5, time.Second)
}

// learn is told how long a request took whose kind tells what to expect: not a listing, which takes what it takes.
func (g *gate) learn(kind string, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	best := g.best[kind]
	if best == 0 || took < best {
		best = took
	}
	g.best[kind] = time.Duration(float64(best)*forgetting) + 1
	switch {
	case float64(took) > tolerance*g.limit*float64(best):
		g.narrow(2.0/3, took)
	case g.busy >= int(g.limit):
		more := 1 / g.limit
		if g.narrowed.IsZero() {
			more = 1
		}
		g.limit = min(float64(g.ceiling), g.limit+more)
	}
	g.admit()
}

// narrow lowers the limit, once in a while: the requests under way were sent under the old one.
func (g *gate) narrow(factor float64, pause time.Duration) {
	if time.Since(g.narrowed) > pause {
		g.limit, g.narrowed = max(1, g.limit*factor), time.Now()
	}
}

// admit lets in who waits, first come, first served.
func (g *gate) admit() {
	for len(g.waiting) > 0 && g.busy < int(g.limit) {
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
		g.busy++
	}
}
