package methods

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Terminators end sessions on several connections as one operation: nothing is sent to any server before all
// connections have a plan, the maximum of the first limits the total, and there is one confirmation for all.
type Terminators []*Terminator

// EndSessions ends sessions whose connection is not known. Each has one outcome. See [Terminator.EndSessions].
func (all Terminators) EndSessions(ctx context.Context, sessions []Session) ([]Outcome, error) {
	outcomes, err := all.together(ctx, func(ctx context.Context, e *Terminator) ([]Outcome, error) { return e.EndSessions(ctx, sessions) })
	return likeliest(outcomes), err
}

// EndSessionsBy ends the sessions of each connection, by its name. See [Terminator.EndSessions].
func (all Terminators) EndSessionsBy(ctx context.Context, byConnection map[string][]Session) ([]Outcome, error) {
	return all.together(ctx, func(ctx context.Context, e *Terminator) ([]Outcome, error) {
		return e.EndSessions(ctx, byConnection[e.Connection])
	})
}

// EndUser ends all sessions of a user. If only some connections have the user, that is not an error. See
// [Terminator.EndUser].
func (all Terminators) EndUser(ctx context.Context, realm, username string) ([]Outcome, error) {
	return all.together(ctx, func(ctx context.Context, e *Terminator) ([]Outcome, error) { return e.EndUser(ctx, realm, username) })
}

// together runs a function for all connections concurrently, and returns all outcomes in the order of the connections.
func (all Terminators) together(ctx context.Context, do func(context.Context, *Terminator) ([]Outcome, error)) ([]Outcome, error) {
	if len(all) == 1 {
		return do(ctx, all[0])
	}
	g := &gate{first: all[0], absent: len(all), opened: make(chan struct{})}
	results := make([][]Outcome, len(all))
	failures := make([]error, len(all))
	var group sync.WaitGroup
	for i, e := range all {
		one := *e
		one.ticket = &ticket{gate: g}
		group.Go(func() {
			results[i], failures[i] = do(ctx, &one)
			one.ticket.leave(ctx, &one, failures[i])
		})
	}
	group.Wait()
	if g.err != nil {
		return nil, g.err
	}
	return slices.Concat(results...), all.failure(failures)
}

// failure returns the errors with their connections. If only some connections lack a user, that is a notice.
func (all Terminators) failure(failures []error) error {
	var absent *NotFoundError
	var where []string
	var others []error
	for i, err := range failures {
		var e *NotFoundError
		switch {
		case errors.As(err, &e):
			absent, where = e, append(where, e.Where...)
		case err != nil:
			others = append(others, fmt.Errorf("connection %s: %w", all[i].Connection, err))
		}
	}
	if absent == nil {
		return errors.Join(others...)
	}
	if len(where) == len(all) {
		return &NotFoundError{What: absent.What, Where: where}
	}
	for _, place := range where {
		all[0].announce("%s not found in %s", absent.What, place)
	}
	return errors.Join(others...)
}

// likeliest returns one outcome for each session: that of the connection that has it, if there is one.
func likeliest(outcomes []Outcome) []Outcome {
	var kept []Outcome
	at := map[string]int{}
	for _, o := range outcomes {
		key := cmp.Or(o.Token, o.Handle)
		i, before := at[key]
		switch {
		case !before:
			at[key] = len(kept)
			kept = append(kept, o)
		case o.State == NotFound && kept[i].State == NotFound:
			kept[i].Connection += ", " + o.Connection
			kept[i].BaseURL += ", " + o.BaseURL
		case evidence(o.State) > evidence(kept[i].State):
			kept[i] = o
		}
	}
	return kept
}

// evidence is higher the more certain a state makes it that the connection has or had the session.
func evidence(s State) int {
	switch s {
	case NotFound:
		return 0
	case AlreadyGone:
		return 1
	case Unknown:
		return 2
	}
	return 3
}

// A gate makes each connection wait until all have a plan, and then lets all of them pass, or none.
type gate struct {
	first *Terminator  // its guards apply to all
	total atomic.Int64 // number of sessions in all plans

	mu     sync.Mutex
	absent int // number of connections without a plan so far
	plans  []*Plan
	failed []error

	opened chan struct{}
	err    error // why nobody may pass, once it is decided
}

// A ticket lets one connection pass the gate once.
type ticket struct {
	*gate
	used bool
}

// pass submits a plan and waits for those of the other connections.
func (t *ticket) pass(ctx context.Context, p *Plan) error {
	t.used = true
	t.add(len(p.Sessions))
	t.arrive(ctx, p, nil)
	select {
	case <-t.opened:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// add adds to the number of sessions to end, and returns the total of all connections.
func (t *ticket) add(n int) (total int) { return int(t.total.Add(int64(n))) }

// leave is called by a connection that has no plan. If it only lacks the user, the other connections go on.
func (t *ticket) leave(ctx context.Context, e *Terminator, err error) {
	switch {
	case t.used:
	case err == nil, isNotFound(err):
		t.arrive(ctx, nil, nil)
	default:
		t.arrive(ctx, nil, fmt.Errorf("connection %s: %w; nothing was ended on any connection", e.Connection, err))
	}
}

func (g *gate) arrive(ctx context.Context, p *Plan, err error) {
	g.mu.Lock()
	if p != nil {
		g.plans = append(g.plans, p)
	}
	if err != nil {
		g.failed = append(g.failed, err)
	}
	g.absent--
	last := g.absent == 0
	g.mu.Unlock()
	if !last {
		return
	}
	if g.err = errors.Join(g.failed...); g.err == nil {
		g.err = g.first.guard(ctx, joinPlans(g.plans), 0)
	}
	close(g.opened)
}

// joinPlans combines the plans of several connections, in the order of their names.
func joinPlans(plans []*Plan) *Plan {
	joined := &Plan{Parts: plans}
	slices.SortFunc(plans, func(a, b *Plan) int { return cmp.Compare(a.Where, b.Where) })
	for _, p := range plans {
		joined.Sessions = append(joined.Sessions, p.Sessions...)
		joined.Unlisted = append(joined.Unlisted, p.Unlisted...)
		joined.Own = joined.Own || p.Own
	}
	return joined
}
