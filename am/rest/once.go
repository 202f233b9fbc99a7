package rest

import "sync"

// once keeps the first value that could be had. Unlike sync.Once it tries again after an error.
type once[T any] struct {
	mu    sync.Mutex
	done  bool
	value T
}

func (o *once[T]) get(find func() (T, error)) (T, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done {
		return o.value, nil
	}
	value, err := find()
	if err == nil {
		o.value, o.done = value, true
	}
	return value, err
}

// peek returns the value if it is there already.
func (o *once[T]) peek() (T, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.value, o.done
}
