package inventory

import (
	"sync"
	"time"
)

// memo keeps answers for some seconds, because a join asks for the same values row after row.
type memo[V any] struct {
	mu      sync.Mutex
	answers map[string]remembered[V]
}

type remembered[V any] struct {
	value V
	at    time.Time
}

// memoSize is the maximum number of answers; when it is reached, all are dropped.
const memoSize = 10_000

// get returns the answer for a key, and calls ask only if there is none. Errors are not kept.
func (m *memo[V]) get(key string, ask func() (V, error)) (V, error) {
	if value, ok := m.recent(key); ok {
		return value, nil
	}
	at := time.Now()
	value, err := ask()
	if err != nil {
		return value, err
	}
	m.put(key, value, at)
	return value, nil
}

func (m *memo[V]) put(key string, value V, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answers == nil || len(m.answers) >= memoSize {
		m.answers = map[string]remembered[V]{}
	}
	m.answers[key] = remembered[V]{value, at}
}

func (m *memo[V]) recent(key string) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.answers[key]
	return a.value, ok && time.Since(a.at) < capLife
}
