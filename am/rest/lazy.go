package rest

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// newMutex returns a mutex with a wait that a context can cancel, because its holder may be waiting for a server.
func newMutex() *semaphore.Weighted { return semaphore.NewWeighted(1) }

// lazy computes a value when it is first needed. Unlike sync.OnceValue, it tries again after an error when the next
// caller asks, and a caller stops waiting when its context ends.
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
		return value, err // not context.Cause, which may be the error of another request
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

// forget discards the value, so that the next caller computes it again.
func (l *lazy[T]) forget() { l.value.Store(nil) }

// peek returns the value if it has been computed.
func (l *lazy[T]) peek() (value T, ok bool) {
	if p := l.value.Load(); p != nil {
		return *p, true
	}
	return value, false
}
