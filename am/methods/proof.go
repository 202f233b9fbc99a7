package methods

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// proofFields are what a list must hold to tell what is left.
var proofFields = []string{rest.FieldHandle, rest.FieldUsername, rest.FieldUniversalID, rest.FieldLatestAccess, rest.FieldMaxIdleExpiration, rest.FieldMaxSessionExpiration}

// resolve finds out which of the sessions are alive, and whose, before anything is sent: those that AM does not list
// need not be ended, and could not be proven to be.
func (e *Terminator) resolve(ctx context.Context, targets []*target) error {
	var known, nameless, tokens []*target
	for _, t := range targets {
		switch {
		case t.Token != "":
			tokens = append(tokens, t)
		case t.Listed:
		case t.Realm != "" && t.Username != "":
			known = append(known, t)
		default:
			nameless = append(nameless, t)
		}
	}
	if err := e.search(ctx, nameless); err != nil {
		return err
	}
	e.look(ctx, known)
	e.lookAmongAgents(ctx, known)
	for _, t := range append(known, nameless...) {
		switch {
		case t.state != "":
		case t.lookupErr != nil:
			t.settle(Unknown, fmt.Sprintf("it was not sent: %v", t.lookupErr))
		case t.found == nil && (t.Username == "" || t.Realm == "") && !e.Journal.has(e.Connection, t.fingerprint()):
			t.settle(NotFound, "AM lists no such session: it has ended, or the handle is wrong")
		case t.found == nil:
			t.settle(AlreadyGone, "AM did not list it before")
		default:
			t.Listed = true
			t.learn(t.found)
		}
	}
	e.each(tokens, func(t *target) { e.resolveToken(ctx, t) })
	return nil
}

// search looks in all realms for handles of which nothing else is known.
func (e *Terminator) search(ctx context.Context, targets []*target) error {
	if len(targets) == 0 {
		return nil
	}
	wanted := make(map[string]*target, len(targets))
	for _, t := range targets {
		wanted[t.Handle] = t
	}
	for s, err := range e.Inventory.Strict().Sessions(ctx, inventory.Query{Fields: append([]string{rest.FieldRealm}, proofFields...)}) {
		var cut *inventory.TruncatedError
		if errors.As(err, &cut) {
			for _, t := range wanted {
				t.settle(Unknown, fmt.Sprintf("AM did not list it, but: %v", err))
			}
			break
		}
		if err != nil {
			return fmt.Errorf("look for the sessions: %w", err)
		}
		if t := wanted[s.Handle]; t != nil {
			t.found, t.Username, t.Realm = s, s.Username, s.Realm
			if delete(wanted, s.Handle); len(wanted) == 0 {
				break
			}
		}
	}
	return nil
}

// resolveToken asks AM about a token without resetting its session's idle time.
func (e *Terminator) resolveToken(ctx context.Context, t *target) {
	info, err := e.Client.SessionInfo(ctx, t.Token)
	switch {
	case err != nil:
		t.settle(Unknown, fmt.Sprintf("it was not sent: ask about token %s: %v", Fingerprint(t.Token), err))
		return
	case !info.Valid:
		t.settle(NotFound, "AM does not know the token: its session has ended, or the token is wrong")
		return
	}
	t.learn(&info.Session)
	t.Listed = true
	t.Username, t.Realm, t.Handle = info.Username, info.Realm, info.Handle
}

// each does something for all targets, some at a time.
func (e *Terminator) each(targets []*target, do func(*target)) {
	var group errgroup.Group
	group.SetLimit(e.Client.MaxConcurrency())
	for _, t := range targets {
		group.Go(func() error { do(t); return nil })
	}
	_ = group.Wait() // there are no errors
}

// secondLook is how long what AM says it ended may stay listed: its servers share a token store.
const secondLook = time.Second

// prove asks the server what is left and settles every session.
func (e *Terminator) prove(ctx context.Context, targets []*target) {
	open := pending(targets)
	e.check(ctx, open)
	var lingering []*target
	for _, t := range open {
		if t.found != nil && t.answer == "true" {
			lingering = append(lingering, t)
		}
	}
	if len(lingering) > 0 {
		pause(ctx, secondLook)
		e.check(ctx, lingering)
	}
	for _, t := range open {
		t.settle(e.verdict(t))
	}
}

// check looks whether the sessions are still there.
func (e *Terminator) check(ctx context.Context, targets []*target) {
	var byHandle, tokens []*target
	for _, t := range targets {
		if t.found, t.lookupErr = nil, nil; t.Token == "" {
			byHandle = append(byHandle, t)
		} else {
			tokens = append(tokens, t)
		}
	}
	e.look(ctx, byHandle)
	e.each(tokens, func(t *target) {
		info, err := e.Client.SessionInfo(ctx, t.Token)
		if t.lookupErr = err; err == nil && info.Valid {
			t.found = &info.Session
		}
	})
}

// verdict is what has become of a session by what AM answered and what it lists now.
func (e *Terminator) verdict(t *target) (State, string) {
	answered := "AM was not asked to end it"
	switch {
	case t.err != nil:
		answered = t.err.Error()
	case t.sent:
		answered = "AM answered " + t.answer
	}
	switch {
	case t.own && rest.IsUnauthorized(t.lookupErr):
		return Ended, "AM no longer accepts its token"
	case t.lookupErr != nil:
		return Unknown, fmt.Sprintf("%s, and cannot be asked again: %v", answered, t.lookupErr)
	case t.found == nil && !t.sent:
		return AlreadyGone, "it has ended by itself"
	case t.found == nil && t.err != nil:
		return Ended, "AM no longer lists it, although: " + answered
	case t.found == nil:
		return Ended, ""
	case t.Token != "" && t.err == nil:
		return Refused, "AM answered that it is logged out, but the token is still valid: a client-side session, which AM ends only if denylisting is on"
	case t.answer == "true" && e.expired(t.found):
		return AlreadyGone, "it has expired, but AM lists it for up to another minute"
	case t.sent && (t.answer == "false" || refused(t.err)):
		return Refused, answered
	}
	return StillListed, answered
}

// refused reports whether AM looked at the request and would not.
func refused(err error) bool { return err != nil && !passing(err) }

// expired reports whether a session has ended by the server's clock, though AM lists it for up to a minute more.
func (e *Terminator) expired(s *rest.Session) bool {
	now := e.Client.Now()
	past := func(t time.Time) bool { return !t.IsZero() && now.After(t) }
	return past(s.MaxIdleExpiration) || past(s.MaxSessionExpiration)
}

// fewUsers are asked for by name; of more, the realm's list is tried first.
const fewUsers = 16

// look lists the sessions of the targets' users, and so finds the targets or not.
func (e *Terminator) look(ctx context.Context, targets []*target) {
	byRealm := map[string][]*target{}
	for _, t := range targets {
		byRealm[t.Realm] = append(byRealm[t.Realm], t)
	}
	var group sync.WaitGroup
	for realm, of := range byRealm {
		group.Go(func() { e.lookIn(ctx, realm, of) })
	}
	group.Wait()
}

func (e *Terminator) lookIn(ctx context.Context, realm string, targets []*target) {
	byUser := map[string][]*target{}
	for _, t := range targets {
		name := t.Username
		if !rest.FoundByName(t.IdentityType) {
			name = "" // the list of the realm alone has it
		}
		byUser[name] = append(byUser[name], t)
	}
	if len(byUser) > fewUsers || byUser[""] != nil {
		if complete, err := e.compare(ctx, rest.SessionQuery{Realm: realm}, targets); complete || err != nil {
			return
		}
	}
	var group errgroup.Group
	group.SetLimit(e.Client.MaxConcurrency())
	for username, of := range byUser {
		if username == "" { // AM treats an empty name as a match for every user
			continue
		}
		group.Go(func() error {
			_, _ = e.compare(ctx, rest.SessionQuery{Realm: realm, Username: username}, of) // each has its error
			return nil
		})
	}
	_ = group.Wait() // nothing fails as a whole
}

// lookAmongAgents looks among the sessions of agents for those not found by name, if the name may be a user's or an agent's.
func (e *Terminator) lookAmongAgents(ctx context.Context, targets []*target) {
	byRealm := map[string][]*target{}
	for _, t := range targets {
		if t.found == nil && t.lookupErr == nil && t.IdentityType == "" {
			byRealm[t.Realm] = append(byRealm[t.Realm], t)
		}
	}
	for realm, of := range byRealm {
		agents, complete, err := e.Inventory.AgentSessions(ctx, realm, proofFields)
		for _, t := range of {
			for _, s := range agents[crest.Fold(t.Username)] {
				if s.Handle == t.Handle {
					t.found = s
				}
			}
			switch {
			case t.found != nil:
			case err != nil:
				t.lookupErr = err
			case !complete:
				t.lookupErr = e.unlessUser(ctx, realm, t.Username)
			}
		}
	}
}

// unlessUser is why a session of that name, which a list that may be cut does not show, cannot be called gone: it may be an
// agent's. That of a user, whose name no agent has, would have been found by the name.
func (e *Terminator) unlessUser(ctx context.Context, realm, username string) error {
	known, err := e.Inventory.IsUserAlone(ctx, realm, username)
	if known || err != nil {
		return err
	}
	return truncated(rest.SessionQuery{Realm: realm})
}

// truncated is why a list does not tell whether a session is alive.
func truncated(q rest.SessionQuery) error {
	whose := "of realm " + q.Realm
	if q.Username != "" {
		whose = fmt.Sprintf("of %q in realm %s", q.Username, q.Realm)
	}
	return fmt.Errorf("AM truncates the list %s, which would show it: raise the cap (global session service, search.maxSessionListSize)", whose)
}

// compare asks for one list and looks for the targets in it.
func (e *Terminator) compare(ctx context.Context, q rest.SessionQuery, targets []*target) (complete bool, err error) {
	q.Fields = proofFields
	listed, complete, err := e.Inventory.List(ctx, q)
	byHandle := make(map[string]*rest.Session, len(listed))
	for _, s := range listed {
		byHandle[s.Handle] = s
	}
	for _, t := range targets {
		t.found, t.lookupErr = byHandle[t.Handle], err
		if t.found == nil && !complete && err == nil {
			t.lookupErr = truncated(q)
		}
	}
	return complete, err
}
