package rest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestALazyValueIsFoundOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newLazy[int]()
		var found atomic.Int32
		var running sync.WaitGroup
		for range 100 {
			running.Go(func() {
				value, err := o.get(t.Context(), func() (int, error) {
					time.Sleep(time.Second)
					found.Add(1)
					return 7, nil
				})
				if value != 7 || err != nil {
					t.Errorf("got %d, %v; want 7", value, err)
				}
			})
		}
		running.Wait()
		if n := found.Load(); n != 1 {
			t.Errorf("it was found %d times", n)
		}
	})
}

func TestALazyValueIsTriedAgainAfterAnError(t *testing.T) {
	o := newLazy[string]()
	failure := errors.New("not now")
	for i, c := range []struct {
		value string
		err   error
	}{{"", failure}, {"", failure}, {"a", nil}, {"a", nil}} {
		if _, ok := o.peek(); ok != (i == 3) {
			t.Errorf("before the %dth call there is a value: %v", i, ok)
		}
		value, err := o.get(t.Context(), func() (string, error) { return "a", c.err })
		if !errors.Is(err, c.err) || err == nil && value != c.value {
			t.Errorf("the %dth call got %q, %v; want %q, %v", i, value, err, c.value, c.err)
		}
	}
}

// While another caller asks a slow server, a caller can stop waiting, or look without waiting.
func TestALazyValueLetsGoOfWhoDoesNotWantToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newLazy[int]()
		var running sync.WaitGroup
		running.Go(func() {
			if _, err := o.get(t.Context(), func() (int, error) { time.Sleep(time.Hour); return 1, nil }); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if _, ok := o.peek(); ok {
			t.Error("there is a value before it is found")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := o.get(ctx, func() (int, error) { return 2, nil })
		if waited := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || waited != time.Second {
			t.Errorf("after %s got %v, want the deadline after a second", waited, err)
		}
		running.Wait()
		if value, ok := o.peek(); value != 1 || !ok {
			t.Errorf("the value is %d, %v; want 1", value, ok)
		}
	})
}
