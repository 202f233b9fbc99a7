package rest

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// newMutex is a mutex whose wait ends with a context: who holds it waits for a server.
func newMutex() *semaphore.Weighted { return semaphore.NewWeighted(1) }

// lazy keeps the first value that could be had. Unlike sync.OnceValue it tries again after an error, with the next
// caller, and callers wait no longer than their contexts let them.
type lazy[T any] struct {
	mu    *semaphore.Weighted
	value atomic.Pointer[T]
}

func newLazy[T any]() *lazy[T] { return &lazy[T]{mu: newMutex()} }

func (l *lazy[T]) get(ctx context.Context, find func() (T, error)) (value T, err error) {
	if value, ok := l.peek(); ok {
		return value, nil
	}
	if err := l.mu.Acquire(ctx, 1); err != nil {
		return value, err // and not the cause, which may be what another request died of
	}
	defer l.mu.Release(1)
	if value, ok := l.peek(); ok {
		return value, nil
	}
	if value, err = find(); err == nil {
		l.value.Store(&value)
	}
	return value, err
}

// forget has the value found again.
func (l *lazy[T]) forget() { l.value.Store(nil) }

// peek returns the value if it is there already.
func (l *lazy[T]) peek() (value T, ok bool) {
	if p := l.value.Load(); p != nil {
		return *p, true
	}
	return value, false
}
