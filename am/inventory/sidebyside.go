package inventory

import (
	"context"
	"iter"
	"sync"
)

// SideBySide asks about each key, no more than so many ahead of the consumer, and yields the answers in the order of the
// keys. An error ends the sequence. When it ends, or its consumer stops, nothing of it is left.
//
// How many requests are under way at once is the client's to say.
func SideBySide[K, V any](ctx context.Context, keys []K, ahead int, ask func(context.Context, K) (V, error)) iter.Seq2[V, error] {
	type answer struct {
		value V
		err   error
	}
	return func(yield func(V, error) bool) {
		parent := ctx
		ctx, cancel := context.WithCancel(parent)
		answers := make(chan chan answer, ahead)
		var group sync.WaitGroup
		defer group.Wait()
		defer cancel()
		group.Go(func() {
			defer close(answers)
			for _, key := range keys {
				one := make(chan answer, 1)
				select {
				case answers <- one:
				case <-ctx.Done():
					return
				}
				group.Go(func() {
					value, err := ask(ctx, key)
					one <- answer{value, err}
				})
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
