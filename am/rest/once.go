package rest

import (
	"context"
	"sync/atomic"
)

// lock is a mutex whose wait ends with a context: who holds it waits for a server.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) acquire(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err() // the cause may be what another request died of
	}
}

func (l lock) release() { <-l }

// once keeps the first value that could be had. Unlike sync.Once it tries again after an error, with the next caller.
type once[T any] struct {
	finding lock
	value   atomic.Pointer[T]
}

func (o *once[T]) get(ctx context.Context, find func() (T, error)) (value T, err error) {
	if value, ok := o.peek(); ok {
		return value, nil
	}
	if err := o.finding.acquire(ctx); err != nil {
		return value, err
	}
	defer o.finding.release()
	if value, ok := o.peek(); ok {
		return value, nil
	}
	if value, err = find(); err == nil {
		o.value.Store(&value)
	}
	return value, err
}

// peek returns the value if it is there already.
func (o *once[T]) peek() (value T, ok bool) {
	if p := o.value.Load(); p != nil {
		return *p, true
	}
	return value, false
}
