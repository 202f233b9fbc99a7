package inventory

import (
	"context"
	"iter"
	"sync"
)

// ParallelMap calls fn for each key, at most limit at a time and some ahead of the consumer, and yields the results in
// the order of the keys. An error ends the sequence. When it ends, or its consumer stops, everything has ended.
func ParallelMap[K, V any](ctx context.Context, keys []K, limit int, fn func(context.Context, K) (V, error)) iter.Seq2[V, error] {
	type answer struct {
		value V
		err   error
	}
	type question struct {
		key K
		to  chan answer
	}
	return func(yield func(V, error) bool) {
		parent := ctx
		ctx, cancel := context.WithCancel(parent)
		questions, answers := make(chan question), make(chan chan answer, ahead*limit)
		var group sync.WaitGroup
		defer group.Wait()
		defer cancel()
		for range min(limit, len(keys)) { // not one goroutine for each key, because each stack would have to grow
			group.Go(func() {
				for q := range questions {
					value, err := fn(ctx, q.key)
					q.to <- answer{value, err}
				}
			})
		}
		group.Go(func() {
			defer close(answers)
			defer close(questions)
			for _, key := range keys {
				q := question{key, make(chan answer, 1)}
				select {
				case answers <- q.to:
				case <-ctx.Done():
					return
				}
				questions <- q
			}
		})
		for one := range answers {
			a := <-one
			if !yield(a.value, a.err) || a.err != nil {
				return
			}
		}
		if err := context.Cause(parent); err != nil {
			var none V
			yield(none, err)
		}
	}
}

// ahead is how many times more results may wait than calls run concurrently.
const ahead = 4
