package inventory

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// ByRealm yields the rows of each realm, several realms concurrently and in no particular order. The realms are those
// given, or else the connection's, or else all that the server lists. A realm that does not exist or fails is treated
// as by Sessions.
//
// When the sequence ends, or its consumer stops, all its requests and goroutines have ended.
func ByRealm[T any](ctx context.Context, inv *Inventory, realms []string, rowsOf func(ctx context.Context, realm string) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return Stream(ctx, func(ctx context.Context, send Sender[T]) error {
		return newScan(inv, Query{Realms: realms}).eachRealm(ctx, func(ctx context.Context, realm string) error {
			for row, err := range rowsOf(ctx, realm) {
				if err == nil {
					err = send(ctx, row)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// A Sender passes a row to the consumer, unless the context has ended. It can be called concurrently.
type Sender[T any] func(context.Context, T) error

// Stream yields what produce sends, and then its error. When the sequence ends, or its consumer stops, produce has
// returned.
func Stream[T any](ctx context.Context, produce func(context.Context, Sender[T]) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		rows, failure := make(chan T, batchSize), make(chan error, 1)
		go func() {
			defer close(rows)
			failure <- produce(ctx, func(ctx context.Context, row T) error {
				select {
				case rows <- row:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
		}()
		defer func() { // wait until everything has ended, even if it was stopped early
			cancel()
			for range rows {
			}
		}()
		for row := range rows {
			if !yield(row, nil) {
				return
			}
		}
		if err := <-failure; err != nil {
			var none T
			yield(none, err)
		}
	}
}

func (s *scan) eachRealm(ctx context.Context, do func(ctx context.Context, realm string) error) error {
	realms, err := s.realms(ctx)
	if err != nil {
		return err
	}
	return s.each(ctx, realms, func(ctx context.Context, i int) error {
		realm := realms[i]
		err := do(ctx, realm.path)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			s.note(realm)
			return nil
		}
		if err = s.fault(ctx, realm, err); err == nil || s.tolerates(err, "rows") {
			return nil
		}
		return err
	})
}

// note sends the notice about a realm that could be listed.
func (s *scan) note(realm target) {
	if realm.notice != "" {
		s.inventory.options.Notify(realm.notice)
	}
}

// fault adds the realm, or what to do, to a realm's error. If the query names a realm that does not exist, it sends a
// notice and returns nil. If AM lists the realm, something else was not found.
func (s *scan) fault(ctx context.Context, realm target, err error) error {
	if !rest.IsNotFound(err) {
		return fmt.Errorf("realm %s: %w", realm.path, err)
	}
	paths, unlisted := s.listRealms(ctx)
	if unlisted != nil {
		paths = nil
	}
	switch missing := notAmong(paths, realm.path); {
	case slices.ContainsFunc(paths, func(path string) bool { return crest.Same(path, realm.path) }):
		return fmt.Errorf("realm %s: %w", realm.path, err)
	case realm.asked:
		s.inventory.options.NotifyAbsent(missing)
		return nil
	default:
		return fmt.Errorf("%s: correct realms in the connection", missing)
	}
}

// tolerates reports whether a realm's error is only a notice, according to the connection's policy, and sends the
// notice.
func (s *scan) tolerates(err error, missing string) bool {
	if s.inventory.options.OnRealmError != Warn || rest.IsUnauthorized(err) {
		return false
	}
	s.inventory.options.Notify(fmt.Sprintf("%v: its %s are missing", err, missing))
	return true
}
