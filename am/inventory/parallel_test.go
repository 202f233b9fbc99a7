package inventory_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

func TestParallelMapKeepsTheOrderAndAsksAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := make([]int, 100)
		for i := range keys {
			keys[i] = i
		}
		var busy, most atomic.Int32
		start := time.Now()
		var got []int
		for n, err := range inventory.ParallelMap(t.Context(), keys, 10, func(_ context.Context, key int) (int, error) {
			for now := busy.Add(1); now > most.Load(); {
				most.Store(now)
			}
			defer busy.Add(-1)
			time.Sleep(time.Duration(1+key%7) * time.Millisecond)
			return key, nil
		}) {
			must(t, err)
			got = append(got, n)
		}
		if !slices.Equal(got, keys) {
			t.Errorf("the answers come in the order %v", got)
		}
		if took := time.Since(start); took > 150*time.Millisecond || most.Load() < 5 || most.Load() > 12 {
			t.Errorf("it takes %v, with %d asked at once; want about 10 at once", took, most.Load())
		}
	})
}

func TestParallelMapEndsWithAnErrorItsContextAndItsConsumer(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		stopAt, failAt, cancelAt int
		want                     error
	}{
		"an error":     {stopAt: -1, failAt: 5, cancelAt: -1, want: broken},
		"the consumer": {stopAt: 5, failAt: -1, cancelAt: -1},
		"the context":  {stopAt: -1, failAt: -1, cancelAt: 5, want: context.Canceled},
	} {
		synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			keys := make([]int, 50)
			for i := range keys {
				keys[i] = i
			}
			var last error
			n := 0
			for key, err := range inventory.ParallelMap(ctx, keys, 4, func(ctx context.Context, key int) (int, error) {
				if time.Sleep(time.Millisecond); key == c.failAt {
					return key, broken
				}
				return key, ctx.Err()
			}) {
				if last = err; err == nil {
					n++
				}
				if key == c.cancelAt {
					cancel()
				}
				if key == c.stopAt {
					break
				}
			}
			if !errors.Is(last, c.want) || n < 5 || n > 15 {
				t.Errorf("%s: it ends with %v after %d answers, want %v", name, last, n, c.want)
			}
		})
	}
}
