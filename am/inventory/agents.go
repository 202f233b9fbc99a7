package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// An agentList contains the sessions in the list of a realm that no query by name finds: those of agents, and of other
// identities that are not users (OpenAM 16.0.5 measured).
type agentList struct {
	asking *semaphore.Weighted // a mutex whose wait can be cancelled by a context
	listed bool

	sessions map[string][]*rest.Session // by the Folds of the names
	rows     int                        // length of the complete list
	took     time.Duration
}

// shortList is the highest list cap at which listing a realm is cheap. Up to it, every query that names users also
// looks for agents. Above it, a query does so only if a name does not belong to a user, or also belongs to an agent.
const shortList = 10_000

// mayBeAgents reports whether the list of the realm may contain agents with these names, so that it is worth
// requesting, and which of the names without sessions do not belong to users. If the account cannot find out whether a
// user's name is also an agent's, it does not request the list, which may have a million rows, but records a doubt.
func (r *realmScan) mayBeAgents(ctx context.Context, names, none []string) (unknown []string, wanted bool, err error) {
	if unknown, err = r.unknown(ctx, none); err != nil || len(unknown) > 0 {
		return unknown, true, err
	}
	agents, reason, err := r.inventory.agentsNamed(ctx, r.Realm, names)
	if reason != "" {
		r.completed(fmt.Sprintf("only the list of the realm shows sessions of agents: if %q is also an agent, some of its sessions may be missing (%s)", slices.Min(names), reason))
	}
	return nil, len(agents) > 0, err
}

// agentsOf requests the realm's list, unless that has been done.
func (s *Statement) agentsOf(ctx context.Context, r *realmScan) (*agentList, error) {
	fields := r.fields(true)
	if fields != nil {
		fields = append(fields, rest.FieldUniversalID)
		slices.Sort(fields)
		fields = slices.Compact(fields)
	}
	kept, _ := s.agents.LoadOrStore(crest.Fold(r.Realm)+"\x00"+strings.Join(fields, ","), &agentList{asking: semaphore.NewWeighted(1)})
	l := kept.(*agentList)
	if err := l.asking.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer l.asking.Release(1)
	if l.listed {
		return l, nil
	}
	l.sessions, l.rows = map[string][]*rest.Session{}, 0
	for session, err := range r.ask(ctx, "", fields, &l.took) {
		if err != nil {
			return nil, err
		}
		if l.rows++; !session.FoundByName() {
			name := crest.Fold(session.Username)
			l.sessions[name] = append(l.sessions[name], session)
		}
	}
	l.listed = true
	return l, nil
}

// agents sends the sessions of agents that have one of the names. none are the names for which no session of a user was
// found.
func (r *realmScan) agents(ctx context.Context, names, none []string, sent *handles) error {
	if r.limit.rows > shortList {
		var wanted bool
		var err error
		if none, wanted, err = r.mayBeAgents(ctx, names, none); !wanted || err != nil {
			return err
		}
	}
	list, err := r.query.Statement.agentsOf(ctx, r)
	if err != nil {
		return err
	}
	r.longest.Saw(list.rows)
	out, identify := r.batch(), fingerprints()
	for _, name := range names {
		for _, session := range list.sessions[crest.Fold(name)] {
			// One without a handle cannot have been sent: no list of a user contains it.
			if session.Handle != "" && !sent.first(identify(session)) {
				continue
			}
			own := *session // a copy, because the statement keeps the original
			if err := out.add(ctx, r.spelled(&own, name)); err != nil {
				return err
			}
		}
	}
	if r.limit.reached(list.rows) || r.limit.suspicious(list.rows) || list.took >= r.inventory.timeLimit {
		r.settleLater(func(ctx context.Context) error { return r.doubtAgents(ctx, list, names, none) })
	}
	return out.flush(ctx)
}

// doubtAgents records what may be missing if the realm's list, which alone contains agents, may be truncated.
func (r *realmScan) doubtAgents(ctx context.Context, list *agentList, names, none []string) error {
	reason := r.doubt(list.rows)
	if r.doubted = reason; r.limit.reached(list.rows) {
		reason = fmt.Sprintf("AM truncates the list of the realm at %d", r.limit.rows)
	}
	doubt, unless := r.truncate, r.completed
	if reason == "" {
		reason, doubt, unless = cmp.Or(r.inventory.slow(list.rows, list.took), r.unproven(list.rows)), r.suspect, r.suspect
	}
	if reason == "" {
		return nil
	}
	for _, name := range names {
		if list.sessions[crest.Fold(name)] != nil {
			doubt(fmt.Sprintf("%s, and only that list shows sessions of agents such as %q", reason, name))
			return nil
		}
	}
	unknown, err := r.unknown(ctx, none)
	if err != nil {
		return err
	}
	reason += ", and only that list shows sessions of agents"
	if len(unknown) > 0 {
		unless(fmt.Sprintf("%s: if %q is an agent, some of its sessions may be missing", reason, slices.Min(unknown)))
		return nil
	}
	agents, untold, err := r.inventory.agentsNamed(ctx, r.Realm, names)
	switch {
	case len(agents) > 0:
		unless(fmt.Sprintf("%s: %q is also an agent, and some of its sessions may be missing", reason, slices.Min(agents)))
	case untold != "":
		unless(fmt.Sprintf("%s: if %q is also an agent, some of its sessions may be missing (%s)", reason, slices.Min(names), untold))
	}
	return err
}

// fewNames is for how many names a statement asks whether users have them, with a request for each. If the list of the
// realm takes longer than that, it asks for more names: one for each rowsPerName rows.
const fewNames, rowsPerName = 50, 500

// unknown returns the names that do not belong to users, as far as finding out is worth the requests.
func (r *realmScan) unknown(ctx context.Context, names []string) ([]string, error) {
	if r.query.Statement.names.Add(int64(len(names))) > int64(max(fewNames, r.limit.rows/rowsPerName)) {
		return names, nil
	}
	return r.inventory.unknown(ctx, r.Realm, names)
}

// unknown returns the names that do not belong to users, or all of them if it cannot find out.
func (inv *Inventory) unknown(ctx context.Context, realm string, names []string) (unknown []string, err error) {
	known := map[string]bool{}
	for user, err := range inv.usersNamed(ctx, realm, names, false) {
		if rest.IsRefused(err) || isSlowSearch(err) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		known[user.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return known[name] }), nil
}

// agentNames contains the names of a realm's agents, or why the account cannot list them.
type agentNames struct {
	names  map[string]bool // by Fold
	untold string
}

// agentsNamed returns those of the names that agents of a realm have, or why the account cannot list agents. It does
// not find agents whose profiles have been deleted. One list answers for all names.
func (inv *Inventory) agentsNamed(ctx context.Context, realm string, names []string) (found []string, untold string, err error) {
	agents, err := inv.agentNames.get(crest.Fold(realm), func() (agentNames, error) {
		known, err := inv.client.AgentNames(ctx, realm)
		if err != nil && ctx.Err() == nil && !rest.IsUnauthorized(err) {
			return agentNames{untold: err.Error()}, nil
		}
		return agentNames{names: known}, err
	})
	for _, name := range names {
		if agents.names[crest.Fold(name)] {
			found = append(found, name)
		}
	}
	return found, agents.untold, err
}

// IsAgent reports whether a realm has an agent of that name, whose sessions no query by name finds; untold is why the
// account cannot find out.
func (inv *Inventory) IsAgent(ctx context.Context, realm, name string) (is bool, untold string, err error) {
	found, untold, err := inv.agentsNamed(ctx, realm, []string{name})
	return len(found) > 0, untold, err
}

// IsUserAlone reports whether a realm has a user of that name and no agent, as far as the account can find out.
func (inv *Inventory) IsUserAlone(ctx context.Context, realm, name string) (bool, error) {
	unknown, err := inv.unknown(ctx, realm, []string{name})
	if err != nil || len(unknown) > 0 {
		return false, err
	}
	agent, untold, err := inv.IsAgent(ctx, realm, name)
	return !agent && untold == "", err
}
