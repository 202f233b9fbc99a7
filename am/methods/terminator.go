package methods

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// DefaultMax is the default maximum number of sessions that an operation ends.
const DefaultMax = 100

// A Terminator ends sessions of one connection. It shows a plan, enforces guards, sends batches concurrently, asks the
// server afterwards which sessions are left, and writes a journal.
type Terminator struct {
	Client    *rest.Client
	Inventory *inventory.Inventory

	Max     int                                // maximum number of sessions
	DryRun  bool                               // plan only
	Confirm func(context.Context, *Plan) error // an error stops the operation before anything is sent; it may take long; nil: no confirmation
	Notify  func(notice string)                // nil: notices are dropped
	Label   string                             // begins notices that do not name the connection

	Journal    *Journal // nil if there is none
	Connection string   // for the journal: the name of the connection,
	Who        string   // who runs the operation,
	Reason     string   // and why

	BatchSize int // handles per request; 0: DefaultBatchSize

	ticket  *ticket            // if it belongs to several [Terminators]
	longest *inventory.Longest // length of the longest list that the operation has seen
}

// A GuardError means that the operation was not started. No request that changes anything has been sent.
type GuardError struct{ message string }

func (e *GuardError) Error() string { return e.message }

func guarded(format string, args ...any) error { return &GuardError{fmt.Sprintf(format, args...)} }

// graceTime is how long an interrupted operation may take to finish its batches and to check their effect.
const graceTime = 30 * time.Second

// outlive returns a context that ends some time after the given one.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(graceTime, cancel) })
	return later, func() { stop(); cancel() }
}

// EndSessions ends the sessions, and returns the outcome of each in the same order, without duplicates. It leaves out
// the caller's own session, unless that is the only one.
//
// An error means that the operation was not started (a *GuardError) or could not go on; the outcomes, if there are any,
// show how far it got. If a session is still alive, that is not an error: see [Remaining].
func (e *Terminator) EndSessions(ctx context.Context, sessions []Session) ([]Outcome, error) {
	e = e.begin()
	if err := e.settleJournal(ctx); err != nil {
		return nil, err
	}
	targets := distinct(sessions)
	if err := e.resolve(ctx, targets); err != nil {
		return nil, err
	}
	own, err := e.own(ctx)
	if err != nil {
		return nil, err
	}
	targets, alone, err := e.excludeOwn(targets, own)
	if err != nil {
		return nil, err
	}
	if err := e.guard(ctx, &Plan{Sessions: alive(targets), Own: alone}, 0); err != nil || e.DryRun {
		return e.planned(targets), err
	}
	e.recheck(ctx, targets)
	err = e.carryOut(ctx, e.batches(targets), targets)
	return e.outcomes(targets), err
}

// distinct returns a target for each different handle and token.
func distinct(sessions []Session) []*target {
	var targets []*target
	at := map[[2]string]*target{}
	for _, s := range sessions {
		key := [2]string{s.Handle, s.Token}
		if before := at[key]; before != nil {
			before.Listed = before.Listed || s.Listed
			continue
		}
		t := &target{Session: s}
		at[key] = t
		targets = append(targets, t)
	}
	return targets
}

// alive returns the sessions to end.
func alive(targets []*target) (sessions []Session) {
	for _, t := range pending(targets) {
		sessions = append(sessions, t.Session)
	}
	return sessions
}

// pending returns the targets that are not settled yet.
func pending(targets []*target) (open []*target) {
	for _, t := range targets {
		if t.state == "" {
			open = append(open, t)
		}
	}
	return open
}

func (e *Terminator) outcomes(targets []*target) []Outcome {
	all := make([]Outcome, len(targets))
	for i, t := range targets {
		all[i] = Outcome{Session: t.Session, State: t.state, Reason: t.reason, Connection: e.Connection, BaseURL: e.Client.BaseURL(), Settled: t.settled}
	}
	return all
}

// planned returns the outcomes of a dry run.
func (e *Terminator) planned(targets []*target) []Outcome {
	if !e.DryRun {
		return nil
	}
	for _, t := range targets {
		if t.state == "" {
			t.settle(Planned, "")
		}
	}
	return e.outcomes(targets)
}

// guard stops a plan that is too large or is not confirmed. before is how many sessions the operation has already
// ended.
func (e *Terminator) guard(ctx context.Context, p *Plan, before int) error {
	if p.Parts == nil {
		p.Where = e.place()
	}
	n := before + len(p.Sessions)
	switch {
	case e.ticket == nil:
	case before == 0:
		return e.ticket.pass(ctx, p)
	default:
		n = e.ticket.add(len(p.Sessions))
	}
	switch {
	case n > e.Max && before > 0:
		return guarded("%s have begun since; with the %d ended, that is more than %d: raise --max", p, n-len(p.Sessions), e.Max)
	case n > e.Max && e.DryRun:
		e.announce("%s are more than %d and would be refused: narrow the condition or raise --max", p, e.Max)
		return nil
	case n > e.Max:
		return guarded("%s are more than %d: nothing was ended; narrow the condition or raise --max", p, e.Max)
	}
	if p.empty() || e.Confirm == nil || before > 0 {
		return nil
	}
	return e.Confirm(ctx, p)
}

// recheck removes sessions that have ended while the plan waited for confirmation. It always looks for those of agents,
// because the proof compares the lengths of lists.
func (e *Terminator) recheck(ctx context.Context, targets []*target) {
	open, reason := pending(targets), "it ended while the plan waited for confirmation"
	if e.Confirm == nil {
		open = slices.DeleteFunc(open, func(t *target) bool { return rest.FoundByName(t.IdentityType) })
		reason = "it has ended by itself"
	}
	e.check(ctx, open)
	for _, t := range open {
		if t.found == nil && t.lookupErr == nil {
			t.settle(AlreadyGone, reason)
		}
	}
}

func (e *Terminator) notify(format string, args ...any) {
	e.announce("%s"+format, append([]any{e.Label}, args...)...)
}

// announce sends a notice whose text already names the connections.
func (e *Terminator) announce(format string, args ...any) {
	if e.Notify != nil {
		e.Notify(fmt.Sprintf(format, args...))
	}
}

// An ownSession is the caller's own session.
type ownSession struct {
	*rest.SessionInfo // nil for a bearer token, which has no session
}

func (e *Terminator) own(ctx context.Context) (ownSession, error) {
	info, err := e.Client.OwnSession(ctx)
	if err != nil {
		return ownSession{}, fmt.Errorf("find amsql's own session, which must not be ended by accident: %w", err)
	}
	return ownSession{info}, nil
}

func (own ownSession) isOf(realm, username string) bool {
	return own.SessionInfo != nil && userKey(own.Realm, own.Username) == userKey(realm, username)
}

// excludeOwn leaves out the caller's own session and that of AM itself, unless there is no other; alone reports that it is the caller's.
func (e *Terminator) excludeOwn(targets []*target, own ownSession) (others []*target, alone bool, err error) {
	for _, t := range targets {
		if t.own, err = own.is(t); err != nil {
			return nil, false, err
		}
		switch {
		case len(targets) == 1:
			return targets, t.own, nil
		case t.own:
			e.notify("skipped amsql's own session: select it alone to end it")
		case isSystem(t):
			e.notify("skipped AM's own session (%s): select it alone to end it", systemUser)
		default:
			others = append(others, t)
		}
	}
	return others, false, nil
}

// systemUser is the account with which AM's servers sign in to the root realm (OpenAM 16.0.5: the session is listed,
// and ends in decades).
const systemUser = "dsameuser"

func isSystem(t *target) bool { return userKey(t.Realm, t.Username) == userKey("/", systemUser) }

var errWhichIsOwn = errors.New("the server does not report the handle of amsql's own session, which must not be ended with others of the same user: use another account")

// is reports whether a live session is the caller's own.
func (own ownSession) is(t *target) (bool, error) {
	switch {
	case own.SessionInfo == nil, t.state != "":
		return false, nil
	case own.Handle != "" && t.Handle != "":
		return own.Handle == t.Handle, nil
	case own.isOf(t.Realm, t.Username):
		return false, errWhichIsOwn
	}
	return false, nil
}

// EndUser ends all sessions of a user in one realm, or in all realms if realm is "". First it ends the listed sessions
// by their handles, repeatedly until no new one appears, so that the outcomes contain everything that was ended, and
// Max limits it. Then it sends logoutByUser for client-side sessions, which no list shows. See
// [Terminator.EndSessions].
func (e *Terminator) EndUser(ctx context.Context, realm, username string) ([]Outcome, error) {
	e = e.begin()
	if err := e.settleJournal(ctx); err != nil {
		return nil, err
	}
	realms, err := e.realms(ctx, realm)
	if err != nil {
		return nil, err
	}
	if realms, username, err = e.person(ctx, realms, username); err != nil {
		return nil, err
	}
	unlisted, err := e.unlisted(ctx, realms, username)
	if err != nil {
		return nil, err
	}
	var done []*target
	known := map[string]bool{}
	for round := 0; ; round++ {
		targets, hidden, err := e.listUser(ctx, realms, username, known, done)
		if err != nil {
			return e.outcomes(done), err
		}
		if round == 0 && len(known) == 0 {
			if err := e.findUser(ctx, realms, username); err != nil {
				return nil, err
			}
		}
		plan := &Plan{Sessions: alive(targets)}
		switch {
		case round == 0:
			plan.Unlisted = alive(unlisted)
		case round == maxRounds && len(targets) > 0:
			return e.outcomes(done), fmt.Errorf("%q logs in as fast as the sessions end: %s left after %d rounds; disable the user first", username, english.Plural(len(targets), "session", ""), round)
		}
		if plan.empty() && round == 0 {
			e.notify("AM lists no sessions of %q, so none was ended; client-side sessions are not listed, and AM ends them only if denylisting is on", username)
		}
		if e.DryRun && len(unlisted) > 0 {
			e.notify("AM would be asked to end %s", &Plan{Unlisted: plan.Unlisted})
		}
		if err := e.guard(ctx, plan, len(done)); err != nil || e.DryRun {
			return append(e.outcomes(done), e.planned(targets)...), err
		}
		if len(targets) == 0 {
			return e.outcomes(done), errors.Join(e.endUnlisted(ctx, unlisted), hidden)
		}
		if round == 0 {
			e.recheck(ctx, targets)
		}
		done = append(done, targets...)
		if err := e.carryOut(ctx, e.batches(targets), targets); err != nil {
			return e.outcomes(done), err
		}
	}
}

// realms returns the named realm, if the server has it, or all realms.
func (e *Terminator) realms(ctx context.Context, named string) ([]string, error) {
	if named == "" {
		paths, notice, err := e.Inventory.RealmPaths(ctx)
		if notice != "" {
			e.notify("%s", notice)
		}
		return paths, err
	}
	return []string{named}, e.findRealm(ctx, named)
}

// maxRounds limits how many times a user's new sessions are ended.
const maxRounds = 10

// listUser lists the sessions of users and agents of that name that are not in known, except the caller's own, and adds
// them to known. hidden is why there may be more, besides those that appear when some of these have ended.
func (e *Terminator) listUser(ctx context.Context, realms []string, username string, known map[string]bool, done []*target) (targets []*target, hidden, err error) {
	own, err := e.own(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, realm := range realms {
		listed, more, err := e.sessionsOf(ctx, realm, username, known, done)
		if err != nil {
			return nil, nil, fmt.Errorf("realm %s: %w", realm, err)
		}
		hidden = errors.Join(hidden, more)
		for _, s := range listed {
			t := &target{Session: Session{Handle: s.Handle, Username: username, Realm: realm, Listed: true}}
			t.learn(s)
			is, err := own.is(t)
			if err != nil {
				return nil, nil, err
			}
			if is {
				e.notify("skipped amsql's own session: select it alone to end it")
			}
			if !is && !known[s.Handle] {
				targets = append(targets, t)
			}
			known[s.Handle] = true
		}
	}
	return targets, hidden, nil
}

// unlisted returns the user in each realm that uses client-side sessions, or may use them: only logoutByUser can end
// these. It leaves out the caller's own user, because logoutByUser would end the caller's session, too.
func (e *Terminator) unlisted(ctx context.Context, realms []string, username string) (users []*target, err error) {
	version, err := e.Client.API(ctx)
	if err != nil || version < "3" { // logoutByUser exists since 5.1
		return nil, err
	}
	own, err := e.own(ctx)
	if err != nil {
		return nil, err
	}
	for _, realm := range realms {
		users = append(users, &target{Session: Session{Username: username, Realm: realm}})
	}
	e.each(users, func(t *target) {
		t.own = own.isOf(t.Realm, username)
		if clientSide, err := e.Inventory.ClientSide(ctx, t.Realm); err == nil && clientSide != nil && !*clientSide {
			t.settle(AlreadyGone, "the realm does not use client-side sessions")
		}
	})
	return slices.DeleteFunc(users, func(t *target) bool { return t.own || t.state != "" }), nil
}

// endUnlisted sends logoutByUser once for each realm. No list can prove its effect.
func (e *Terminator) endUnlisted(ctx context.Context, users []*target) error {
	later, cancel := outlive(ctx)
	defer cancel()
	r := &run{Terminator: e, work: later}
	var failures []error
	for _, t := range users {
		if err := ctx.Err(); err != nil {
			return err
		}
		answers, err := r.sendOnce(batch{"logout_by_user", []*target{t}, e.logoutByUser}) //nolint:contextcheck // it outlives an interruption
		switch {
		case err == nil:
			t.settle(Unknown, "no list shows client-side sessions")
			e.notify("AM was asked to end client-side sessions of %q in realm %s, which it does not list, and answered %t", t.Username, t.Realm, answers[t.Handle])
		case rest.IsUnsupported(err):
			t.settle(Unknown, err.Error())
			what := err.Error()
			if lacking := new(rest.UnsupportedError); errors.As(err, &lacking) {
				what = lacking.What() // without its advice to use handles, which only listed sessions have
			}
			e.notify("client-side sessions of %q in realm %s, if any, have not ended: %s; they last until they expire", t.Username, t.Realm, what)
		default:
			t.settle(Refused, err.Error())
			failures = append(failures, fmt.Errorf("end client-side sessions of %q in realm %s: %w", t.Username, t.Realm, err))
		}
	}
	return errors.Join(errors.Join(failures...), e.Journal.final(e, users))
}

func (e *Terminator) logoutByUser(ctx context.Context, targets []*target) (map[string]bool, error) {
	ok, err := e.Client.LogoutByUser(ctx, targets[0].Realm, targets[0].Username)
	return map[string]bool{targets[0].Handle: ok}, err
}
