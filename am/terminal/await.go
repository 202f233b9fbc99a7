package terminal

import (
	"context"
	"fmt"
	"io"
)

// Await waits for something that is typed or piped, until the context ends. The read itself cannot be stopped: it goes
// on in the background until the process ends.
func Await[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		value, err := read()
		done <- answer{value, err}
	}()
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case a := <-done:
		return a.value, a.err
	}
}

// ReadAll reads standard input to its end.
func (s Streams) ReadAll(ctx context.Context) ([]byte, error) {
	all, err := Await(ctx, func() ([]byte, error) { return io.ReadAll(s.In) })
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("read standard input: %w", err)
	}
	return all, err
}
