package methods

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// proofFields are the fields that lists need to show what is left.
var proofFields = []string{rest.FieldHandle, rest.FieldUsername, rest.FieldUniversalID, rest.FieldLatestAccess, rest.FieldMaxIdleExpiration, rest.FieldMaxSessionExpiration}

// resolve finds out which sessions are alive, and whose they are, before anything is sent. Sessions that AM does not
// list need not be ended, and there could be no proof of it.
func (e *Terminator) resolve(ctx context.Context, targets []*target) error {
	var known, nameless, tokens []*target
	for _, t := range targets {
		e.Journal.identify(e.Connection, t)
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
		case t.found == nil && (t.Username == "" || t.Realm == ""):
			t.settle(NotFound, "AM lists no such session: it has ended, or the handle is wrong")
		case t.found == nil:
			t.settle(AlreadyGone, "AM did not list it before")
		default:
			t.Listed = true
			if t.learn(t.found); !crest.Same(t.Username, t.found.Username) { // the input was wrong
				t.Username = t.found.Username
			}
		}
	}
	e.each(tokens, func(t *target) { e.resolveToken(ctx, t) })
	return nil
}

// search looks in all realms for handles about which nothing else is known.
func (e *Terminator) search(ctx context.Context, targets []*target) error {
	if len(targets) == 0 {
		return nil
	}
	wanted := make(map[string]*target, len(targets))
	for _, t := range targets {
		wanted[t.Handle] = t
	}
	var realms []*inventory.RealmScan
	all := inventory.Query{Fields: append([]string{rest.FieldRealm}, proofFields...), Tolerant: true, Evidence: &realms}
	for s, err := range e.Inventory.Sessions(ctx, all) {
		if err != nil {
			return fmt.Errorf("look for the sessions: %w", err)
		}
		if t := wanted[s.Handle]; t != nil {
			t.found, t.Username, t.Realm = s, s.Username, s.Realm
			if delete(wanted, s.Handle); len(wanted) == 0 {
				return nil
			}
		}
	}
	elsewhere, err := e.elsewhere(ctx, realms)
	if err != nil {
		return fmt.Errorf("look for the sessions: %w", err)
	}
	for _, t := range wanted {
		if elsewhere != "" {
			t.settle(Unknown, "it was not sent: AM did not list it, but "+elsewhere)
		}
	}
	return nil
}

// elsewhere returns where there may be sessions that the scans of realms did not find; "" if nowhere.
func (e *Terminator) elsewhere(ctx context.Context, realms []*inventory.RealmScan) (string, error) {
	slices.SortFunc(realms, func(a, b *inventory.RealmScan) int { return strings.Compare(a.Realm, b.Realm) })
	for _, r := range realms {
		switch {
		case r.Err != nil:
			return r.Err.Error(), nil //nolint:nilerr // it is the answer
		case r.Completeness != inventory.Complete:
			return fmt.Sprintf("sessions of realm %s may be missing (%s)", r.Realm, r.Reason), nil
		}
	}
	return e.Inventory.Unscanned(ctx)
}

// resolveToken asks AM about a token without resetting the idle time of its session.
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

// each runs a function for all targets, some of them concurrently.
func (e *Terminator) each(targets []*target, do func(*target)) {
	var group errgroup.Group
	group.SetLimit(e.Client.MaxConcurrency())
	for _, t := range targets {
		group.Go(func() error { do(t); return nil })
	}
	_ = group.Wait() // there are no errors
}

// secondLook is how long to wait before looking again for sessions that AM says it has ended: its servers share a token
// store, which may lag.
const secondLook = time.Second

// prove asks the server which sessions are left, and settles each of them.
func (e *Terminator) prove(ctx context.Context, targets []*target) {
	open := pending(targets)
	e.check(ctx, open)
	again := map[*target]error{}
	for _, t := range open {
		if lingers := t.found != nil && t.answer == "true"; lingers || unproven(t.lookupErr) != nil {
			again[t] = t.lookupErr
		}
	}
	if len(again) > 0 {
		pause(ctx, secondLook)
		e.check(ctx, slices.Collect(maps.Keys(again)))
	}
	for _, t := range open {
		if t.found == nil && e.disproved(again[t]) {
			t.lookupErr = nil
		}
		t.settle(e.verdict(t))
	}
}

// check looks whether the sessions still exist.
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

// verdict returns what happened to a session, according to AM's answer and its present list.
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

// refused reports whether AM processed the request and refused it.
func refused(err error) bool { return err != nil && !passing(err) }

// expired reports whether a session has ended by the server's clock, although AM may list it for up to another minute.
func (e *Terminator) expired(s *rest.Session) bool {
	now := e.Client.Now()
	past := func(t time.Time) bool { return !t.IsZero() && now.After(t) }
	return past(s.MaxIdleExpiration) || past(s.MaxSessionExpiration)
}

// fewUsers is how many users are looked up by name; if there are more, the realm's list is tried first.
const fewUsers = 16

// look lists the sessions of the targets' users, and records for each target whether it was found.
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
			name = "" // only the realm's list contains agents
		}
		byUser[name] = append(byUser[name], t)
	}
	if len(byUser) > fewUsers || byUser[""] != nil {
		if proven, err := e.compare(ctx, rest.SessionQuery{Realm: realm}, targets); proven || err != nil {
			return
		}
		for username, of := range byUser {
			byUser[username] = slices.DeleteFunc(of, func(t *target) bool { return t.found != nil })
		}
	}
	var group errgroup.Group
	group.SetLimit(e.Client.MaxConcurrency())
	for username, of := range byUser {
		if username == "" || len(of) == 0 { // AM treats an empty name as a match for every user
			continue
		}
		group.Go(func() error {
			_, _ = e.compare(ctx, rest.SessionQuery{Realm: realm, Username: username}, of) // each target has its own error
			return nil
		})
	}
	_ = group.Wait() // there are no other errors
}

// compare requests one list, looks for the targets in it, and reports whether it proves that the others have ended.
func (e *Terminator) compare(ctx context.Context, q rest.SessionQuery, targets []*target) (proven bool, err error) {
	list, err := e.list(ctx, q)
	byHandle := make(map[string]*rest.Session, len(list.Sessions))
	for _, s := range list.Sessions {
		byHandle[s.Handle] = s
	}
	cut := missing(q, list)
	for _, t := range targets {
		t.found, t.lookupErr = byHandle[t.Handle], err
		if t.found == nil && cut != nil {
			t.lookupErr = cut
		}
	}
	return err == nil && cut == nil, err
}
