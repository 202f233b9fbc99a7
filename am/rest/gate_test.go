package rest

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crowd sends n requests through a gate to a server that takes the time that slow returns for each, and returns the
// maximum number of concurrent requests.
func crowd(t *testing.T, g *gate, n int, slow func(busy int32) time.Duration) int32 {
	t.Helper()
	var busy, most atomic.Int32
	var running sync.WaitGroup
	for range n {
		running.Go(func() {
			if err := g.acquire(t.Context()); err != nil {
				t.Error(err)
				return
			}
			defer g.release()
			now := busy.Add(1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			took := slow(now)
			time.Sleep(took)
			g.observe("a request", took)
			busy.Add(-1)
		})
	}
	running.Wait()
	return most.Load()
}

func (g *gate) state() (busy, waiting int, limit float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.busy, len(g.waiting), g.limit
}

func expectEmpty(t *testing.T, g *gate) {
	t.Helper()
	if busy, waiting, _ := g.state(); busy != 0 || waiting != 0 {
		t.Errorf("%d are under way and %d wait, want nobody", busy, waiting)
	}
}

func TestTheGateOpensToItsCeilingWhileTheServerIsQuick(t *testing.T) {
	for _, ceiling := range []int{1, 2, 4, 16, 64} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(ceiling)
			most := crowd(t, g, 4000, func(int32) time.Duration { return 10 * time.Millisecond })
			if int(most) != ceiling {
				t.Errorf("with a ceiling of %d there were %d at once", ceiling, most)
			}
			expectEmpty(t, g)
		})
	}
}

func TestTheGateReachesItsCeilingAgainAndNoMore(t *testing.T) {
	for _, ceiling := range []int{1, 3, 4, 16} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(ceiling)
			g.overloaded(&http.Response{StatusCode: http.StatusTooManyRequests})
			if _, _, limit := g.state(); ceiling > 1 && limit >= float64(ceiling) {
				t.Fatalf("with a ceiling of %d the gate stands at %v after a 429", ceiling, limit)
			}
			most := crowd(t, g, 8000, func(int32) time.Duration { return 10 * time.Millisecond })
			if _, _, limit := g.state(); int(most) != ceiling || limit != float64(ceiling) {
				t.Errorf("with a ceiling of %d there were %d at once, and the gate stands at %v", ceiling, most, limit)
			}
			expectEmpty(t, g)
		})
	}
}

func TestTheGateStaysNarrowWhereMoreIsNoGain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(64)
		// The server can process two requests at a time. More of them wait, and make it slower.
		crowd(t, g, 500, func(busy int32) time.Duration {
			return 10 * time.Millisecond * time.Duration(max(1, busy*busy/4))
		})
		if _, _, limit := g.state(); limit > 16 {
			t.Errorf("the gate stands at %.1f, though the server is overrun at 8", limit)
		}
		expectEmpty(t, g)
	})
}

func TestTheGateHalvesWhenTheServerSaysThatItIsTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(16)
		g.limit = 16
		for i, step := range []struct {
			status int
			pause  time.Duration
			want   float64
		}{
			{http.StatusOK, 0, 16},
			{http.StatusInternalServerError, 0, 16},
			{http.StatusTooManyRequests, 0, 8},
			{http.StatusTooManyRequests, 0, 8}, // answers to requests that were sent together
			{http.StatusServiceUnavailable, 2 * time.Second, 4},
			{http.StatusServiceUnavailable, 2 * time.Second, 2},
			{http.StatusServiceUnavailable, 2 * time.Second, 1},
			{http.StatusServiceUnavailable, 2 * time.Second, 1},
		} {
			time.Sleep(step.pause)
			g.overloaded(&http.Response{StatusCode: step.status})
			if _, _, got := g.state(); got != step.want {
				t.Errorf("step %d: after %d the gate stands at %v, want %v", i, step.status, got, step.want)
			}
		}
	})
}

func TestTheGateLetsInWhoComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		if err := g.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		var order []int
		var running sync.WaitGroup
		for i := range 5 {
			running.Go(func() {
				if err := g.acquire(t.Context()); err != nil {
					t.Error(err)
				}
				order = append(order, i) // one at a time, because of the gate's own lock
				g.release()
			})
			synctest.Wait()
		}
		g.release()
		running.Wait()
		for i, got := range order {
			if got != i {
				t.Errorf("they came in as %v", order)
				break
			}
		}
		expectEmpty(t, g)
	})
}

func TestWhoGivesUpAtTheGateTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		g.limit = 2
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		for range 2 {
			if err := g.acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var running sync.WaitGroup
		for range 50 {
			running.Go(func() {
				if err := g.acquire(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("who gave up got %v, want %v, and not what another request died of", err, context.Canceled)
				}
			})
		}
		synctest.Wait()
		cancel(reason)
		running.Wait()
		if busy, waiting, _ := g.state(); busy != 2 || waiting != 0 {
			t.Errorf("%d are under way and %d wait, want 2 and nobody", busy, waiting)
		}
		g.release()
		g.release()
		expectEmpty(t, g)
	})
}

// The turn may come when its waiter is giving up. It must then go to the next one.
func TestAPlaceIsNotLostBetweenTurnAndGivingUp(t *testing.T) {
	g := newGate(1)
	for range 2000 {
		if err := g.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if g.acquire(ctx) == nil {
				g.release()
			}
		})
		running.Go(cancel)
		running.Go(g.release)
		running.Wait()
	}
	expectEmpty(t, g)
}

func TestTheGateForgivesASlowAnswerAmongMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(16)
		var count atomic.Int32
		crowd(t, g, 4000, func(int32) time.Duration {
			if count.Add(1)%50 == 0 {
				return 700 * time.Millisecond // more than twice what sixteen requests one after the other would take
			}
			return 10 * time.Millisecond
		})
		if _, _, limit := g.state(); limit != 16 {
			t.Errorf("the gate stands at %.1f, want 16", limit)
		}
		expectEmpty(t, g)
	})
}

// A turn that comes when its waiter gives up is passed on. Otherwise the gate would be narrower for good.
func TestATurnThatNobodyWaitsForAnyMoreIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		for range 200 {
			if err := g.acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if g.acquire(ctx) == nil {
					g.release()
				}
			}()
			synctest.Wait()
			cancel()
			g.release()
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.acquire(ctx); err != nil {
			t.Errorf("nothing is under way, and a request waits: %v", err)
		}
	})
}
