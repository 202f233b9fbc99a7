package methods

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// AM shows sessions of agents only in the list of the realm (OpenAM 16.0.5 measured). If a token store stops at a number
// that nobody knows, that list lacks sessions without a sign. When sessions end, a complete list becomes shorter, whereas
// a truncated one contains others instead.

// list requests one list. If the operation has seen a longer one, nothing has truncated this one below the cap: caps and
// limits apply to the whole deployment.
func (e *Terminator) list(ctx context.Context, q rest.SessionQuery) (inventory.List, error) {
	q.Fields = proofFields
	l, err := e.Inventory.List(ctx, q)
	if err == nil && e.longest.Saw(len(l.Sessions)) {
		l.Unproven = ""
	}
	return l, err
}

// begin returns a terminator for one operation.
func (e *Terminator) begin() *Terminator {
	operation := *e
	operation.longest = &inventory.Longest{}
	return &operation
}

// A missingError means that a list does not show whether a session that it lacks has ended.
type missingError struct {
	query rest.SessionQuery
	list  inventory.List
}

func (e *missingError) Error() string {
	whose := "of realm " + e.query.Realm
	if e.query.Username != "" {
		whose = fmt.Sprintf("of %q in realm %s", e.query.Username, e.query.Realm)
	}
	return fmt.Sprintf("the list %s cannot be relied on: %s", whose, cmp.Or(e.list.Doubt, e.list.Unproven))
}

// missing returns nil if a session that the list lacks has ended.
func missing(q rest.SessionQuery, l inventory.List) *missingError {
	if l.Complete() {
		return nil
	}
	return &missingError{q, l}
}

// unproven returns the error of a list that may be complete, or nil if err is another error.
func unproven(err error) *missingError {
	var cut *missingError
	if errors.As(err, &cut) && cut.list.Doubt == "" {
		return cut
	}
	return nil
}

// disproved reports whether the list of an error has turned out to be complete: a later one is longer.
func (e *Terminator) disproved(err error) bool {
	cut := unproven(err)
	return cut != nil && e.longest.Saw(len(cut.list.Sessions))
}

// sessionsOf lists the sessions of a user and of an agent of that name in a realm. hidden is why there may be more,
// besides those that appear when some of these have ended.
func (e *Terminator) sessionsOf(ctx context.Context, realm, username string, known map[string]bool, done []*target) (sessions []*rest.Session, hidden, err error) {
	query := rest.SessionQuery{Realm: realm, Username: username}
	user, err := e.list(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	more := e.hiddenSessions(missing(query, user), user.Sessions, known, len(done) == 0)
	query.Username = ""
	listed, err := e.list(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	agents := agentsNamed(listed.Sessions, username)
	if cut := missing(query, listed); cut != nil {
		ofAgent := func(t *target) bool { return t.Realm == realm && !rest.FoundByName(t.IdentityType) }
		seen := len(agents) > 0 || slices.ContainsFunc(done, ofAgent)
		var others []*rest.Session
		others, hidden, err = e.hiddenAgents(ctx, username, cut, seen, len(done) == 0)
		agents = append(agents, others...)
	}
	return append(user.Sessions, agents...), errors.Join(more, hidden), err
}

// hiddenSessions returns why a user may have sessions that a list will not show, because it contains only known ones, which
// have not ended or are still listed. The first time, it only sends a notice that the plan may lack sessions.
func (e *Terminator) hiddenSessions(cut *missingError, listed []*rest.Session, known map[string]bool, first bool) error {
	if cut == nil || slices.ContainsFunc(listed, func(s *rest.Session) bool { return !first && !known[s.Handle] }) {
		return nil
	}
	hidden := fmt.Errorf("%q may have more sessions: %w", cut.query.Username, cut)
	if first {
		e.notify("%v", hidden)
		return nil
	}
	return hidden
}

func agentsNamed(sessions []*rest.Session, username string) (agents []*rest.Session) {
	for _, s := range sessions {
		if !s.FoundByName() && crest.Same(s.Username, username) {
			agents = append(agents, s)
		}
	}
	return agents
}

// hiddenAgents returns why an agent may have sessions that the realm's list does not contain, and those that a second
// list contains. If a session of the agent has been seen, the name is known to be an agent's. If that cannot be found
// out, it sends a notice, but only the first time.
func (e *Terminator) hiddenAgents(ctx context.Context, username string, cut *missingError, seen, first bool) (more []*rest.Session, hidden, err error) {
	untold, is := "", seen
	if !is {
		if is, untold, err = e.Inventory.IsAgent(ctx, cut.query.Realm, username); err != nil {
			return nil, nil, err
		}
	}
	if untold != "" && first {
		e.notify("if %q is also an agent in realm %s, its sessions may be missing here: %v (%s)", username, cut.query.Realm, cut, untold)
	}
	if !is {
		return nil, nil, nil
	}
	hidden = fmt.Errorf("agent %q may have more sessions: %w", username, cut)
	if cut.list.Doubt != "" {
		return nil, hidden, nil
	}
	if first { // after sessions have ended, the next list shows whether this one is complete
		if e.DryRun || !seen {
			e.notify("%v", hidden)
		}
		return nil, nil, nil
	}
	pause(ctx, secondLook)
	later, err := e.list(ctx, cut.query)
	if err != nil || later.Complete() || e.disproved(cut) {
		hidden = nil
	}
	return agentsNamed(later.Sessions, username), hidden, err
}

// lookAmongAgents looks in the lists of the realms for targets that were not found by name, if the name may be that of a
// user or an agent.
func (e *Terminator) lookAmongAgents(ctx context.Context, targets []*target) {
	byRealm := map[string][]*target{}
	for _, t := range targets {
		if t.found == nil && t.lookupErr == nil && t.IdentityType == "" {
			byRealm[t.Realm] = append(byRealm[t.Realm], t)
		}
	}
	for realm, of := range byRealm {
		_, _ = e.compare(ctx, rest.SessionQuery{Realm: realm}, of) // each target has its own error
		for _, t := range of {
			var cut *missingError
			if errors.As(t.lookupErr, &cut) {
				t.lookupErr = e.unlessUser(ctx, t.Username, cut)
			}
		}
	}
}

// unlessUser returns the error if a session that the realm's list lacks may be an agent's. If the name belongs to a user
// and not to an agent, the session would have been found by name. If nothing suggests that the list is truncated, only
// known agents count: the name may be that of a user who has been deleted.
func (e *Terminator) unlessUser(ctx context.Context, username string, cut *missingError) error {
	if cut.list.Doubt != "" {
		alone, err := e.Inventory.IsUserAlone(ctx, cut.query.Realm, username)
		if alone || err != nil {
			return err
		}
		return cut
	}
	agent, untold, err := e.Inventory.IsAgent(ctx, cut.query.Realm, username)
	if err == nil && (agent || untold != "") {
		return cut
	}
	return err
}
