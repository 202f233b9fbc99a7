package methods

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// A Session is one to be ended: named by its handle or by its token, and otherwise as far as it is known.
type Session struct {
	Handle   string
	Token    string
	Username string
	Realm    string
	Listed   bool // AM listed it, or took its token, just now; otherwise it is looked for before it is ended

	IdentityType string // user, agent or another; "" if unknown

	LatestAccess time.Time // zero if it is not known
	Ends         time.Time // unless it is used before; zero if it is not known
}

// EndUnused is when a session ends unless it is used before: the earlier of two times, either of which may be zero.
func EndUnused(maxIdle, maxSession time.Time) time.Time {
	if maxSession.IsZero() || !maxIdle.IsZero() && maxIdle.Before(maxSession) {
		return maxIdle
	}
	return maxSession
}

// State is what has become of a session.
type State string

// AM says true of handles that it has never seen, so what it lists afterwards decides. A session is Ended if AM had
// listed it before, AlreadyGone if it had not, though it is known whose it was. NotFound is a handle or a token that AM
// does not know, and of which nothing else is known: it may be wrong. Planned is all that a dry run says.
const (
	Ended       State = "ended"
	AlreadyGone State = "already gone"
	NotFound    State = "not found"
	StillListed State = "still listed"
	Refused     State = "refused"
	Unknown     State = "unknown"
	Planned     State = "planned"
)

// An Outcome is what has become of one session, and why.
type Outcome struct {
	Session
	State      State
	Reason     string
	Connection string
	BaseURL    string    // of its server
	Settled    time.Time // when that was found out, by the clock of this machine
}

// Gone reports whether no such session is left.
func (o Outcome) Gone() bool { return o.State == Ended || o.State == AlreadyGone }

// Tally counts the outcomes by their states: 12 ended, 1 still listed.
func Tally(outcomes []Outcome) string {
	counts := map[State]int{}
	for _, o := range outcomes {
		counts[o.State]++
	}
	var parts []string
	for _, state := range []State{Planned, Ended, AlreadyGone, NotFound, StillListed, Refused, Unknown} {
		if counts[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
		}
	}
	return strings.Join(parts, ", ")
}

// Remaining is nil if every session is gone, or was only planned for.
func Remaining(outcomes []Outcome) error {
	left := slices.DeleteFunc(slices.Clone(outcomes), func(o Outcome) bool { return o.Gone() || o.State == Planned })
	if len(left) == 0 {
		return nil
	}
	return &RemainingError{left, len(outcomes)}
}

// RemainingError says that some of the sessions may live on.
type RemainingError struct {
	Left []Outcome
	Of   int
}

func (e *RemainingError) Error() string {
	first := e.Left[0]
	if !slices.ContainsFunc(e.Left, func(o Outcome) bool { return o.State != NotFound }) {
		return fmt.Sprintf("%d of %s not found in %s: %s", len(e.Left), english.Plural(e.Of, "session", ""), place(first.Connection, first.BaseURL), first.Reason)
	}
	return fmt.Sprintf("%d of %s may not have ended (%s); the first, of %s: %s",
		len(e.Left), english.Plural(e.Of, "session", ""), Tally(e.Left), first.whose(), cmp.Or(first.Reason, string(first.State)))
}

func (s Session) whose() string {
	if s.Username == "" {
		return "an unknown user"
	}
	return fmt.Sprintf("%q in realm %s", s.Username, s.Realm)
}

// A Plan is what an operation is about to do.
type Plan struct {
	Sessions []Session // alive, and to be ended
	Own      bool      // they are the caller's own session
	Unlisted []Session // users, each in a realm, whose client-side sessions no list shows
	Where    string    // the connection and its server
	Parts    []*Plan   // of several connections, which the other fields have together
}

func (p *Plan) empty() bool { return len(p.Sessions) == 0 && len(p.Unlisted) == 0 }

// String says how many sessions of how many users in which realms.
func (p *Plan) String() string {
	var parts []string
	for _, part := range p.Parts {
		if !part.empty() {
			parts = append(parts, part.String())
		}
	}
	if len(parts) > 0 {
		return strings.Join(parts, "; ")
	}
	on := ""
	if p.Where != "" {
		on = " on " + p.Where
	}
	if len(p.Sessions) > 0 || len(p.Unlisted) == 0 {
		users := map[string]bool{}
		for _, s := range p.Sessions {
			users[userKey(s.Realm, s.Username)] = true
		}
		parts = append(parts, fmt.Sprintf("%s of %s in %s%s",
			english.Plural(len(p.Sessions), "session", ""), english.Plural(len(users), "user", ""), realmNames(p.Sessions), on))
	}
	if p.Own {
		parts = append(parts, "amsql's own")
	}
	if len(p.Unlisted) > 0 {
		parts = append(parts, fmt.Sprintf("client-side sessions of %q in %s%s, which no list shows", p.Unlisted[0].Username, realmNames(p.Unlisted), on))
	}
	return strings.Join(parts, ", ")
}

// realmNames are "realm /alpha" or "realms /alpha, /bravo" for the sessions' realms; of many, some.
func realmNames(sessions []Session) string {
	realms := map[string]bool{}
	for _, s := range sessions {
		realms[s.Realm] = true
	}
	names := slices.Sorted(maps.Keys(realms))
	noun := english.PluralWord(len(names), "realm ", "realms ")
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	return noun + strings.Join(names, ", ")
}

// PlanOf is what a dry run had in mind.
func PlanOf(outcomes []Outcome) *Plan {
	p := &Plan{}
	for _, o := range outcomes {
		if o.State == Planned {
			p.Where = place(o.Connection, o.BaseURL)
			p.Sessions = append(p.Sessions, o.Session)
		}
	}
	return p
}

// userKey is the same for what AM takes for the same user: it compares without regard to case.
func userKey(realm, username string) string { return crest.Fold(realm) + "\x00" + crest.Fold(username) }

// A target is a session on its way.
type target struct {
	Session
	own       bool          // it is the caller's own
	found     *rest.Session // in the last list; nil if it is not there
	lookupErr error         // why that cannot be told
	sent      bool
	answer    string // AM's
	err       error  // what came instead of that
	state     State  // "" until it is settled
	method    string // by which it was to be ended
	reason    string
	settled   time.Time
}

func (t *target) settle(state State, reason string) {
	t.state, t.reason, t.settled = state, reason, time.Now()
}

// learn takes over what AM says of the session.
func (t *target) learn(s *rest.Session) {
	t.IdentityType = cmp.Or(s.IdentityType(), t.IdentityType)
	t.LatestAccess, t.Ends = s.LatestAccess, EndUnused(s.MaxIdleExpiration, s.MaxSessionExpiration)
}
