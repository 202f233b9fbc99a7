package watch

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// Limits of how often AM is asked.
const (
	DefaultInterval = 10 * time.Second
	LeastInterval   = time.Second

	share       = 2               // after a look, wait this many times as long as it took
	longestWait = 5 * time.Minute // the longest wait after failures
)

// Run looks repeatedly, and shows each look, until the context ends or show fails. It also ends if the first look
// fails, or if AM no longer accepts the account, because trying again could lock it. After any other failure it waits
// longer each time.
func (w *Watcher) Run(ctx context.Context, every time.Duration, show func(*Look) error) error {
	failures := 0
	for first := true; ; first = false {
		began := time.Now()
		look, err := w.Look(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && (first || rest.IsUnauthorized(err)):
			return err
		case err != nil:
			look = &Look{At: began.UTC(), Failure: err}
			failures++
		case len(look.Realms) == 1 && look.Realms[inventory.Truncated] > 0: // no realm could be listed
			failures++
		default:
			failures = 0
		}
		look.Next = Pause(every, time.Since(began), failures)
		if err := show(look); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look.Next):
		}
	}
}

// Pause returns the time until the next look: the interval, or longer if looks take long or fail, plus or minus a tenth
// so that several watchers do not ask at the same time.
func Pause(every, took time.Duration, failures int) time.Duration {
	return pause(every, took, failures, rand.Float64()) //nolint:gosec // when, and no secret
}

func pause(every, took time.Duration, failures int, random float64) time.Duration {
	wait := max(every, share*took)
	if failures > 0 {
		wait = max(wait, min(wait<<min(failures, 10), longestWait))
	}
	return time.Duration(float64(wait) * (0.9 + random/5))
}
