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

// A Session is a session to end. It is identified by its handle or its token; the other fields are set as far as they
// are known.
type Session struct {
	Handle   string
	Token    string
	Username string
	Realm    string
	Listed   bool // AM has just listed it or accepted its token; otherwise it is looked up before it is ended

	IdentityType string // user, agent or another; "" if it is not known

	LatestAccess time.Time // zero if it is not known
	Ends         time.Time // if it is not used before; zero if it is not known
}

// EndUnused returns when a session ends if it is not used before: the earlier of two times, either of which may be
// zero.
func EndUnused(maxIdle, maxSession time.Time) time.Time {
	if maxSession.IsZero() || !maxIdle.IsZero() && maxIdle.Before(maxSession) {
		return maxIdle
	}
	return maxSession
}

// State is what has happened to a session.
type State string

// AM answers true even for handles that it has never seen, so its next list decides. A session is Ended if AM listed it
// before, and AlreadyGone if AM did not, but something shows whose it was. NotFound is a handle or token that AM does
// not know and about which nothing else is known: it may be wrong. Planned is the state of all sessions in a dry run.
const (
	Ended       State = "ended"
	AlreadyGone State = "already gone"
	NotFound    State = "not found"
	StillListed State = "still listed"
	Refused     State = "refused"
	Unknown     State = "unknown"
	Planned     State = "planned"
)

// An Outcome is what has happened to one session, and why.
type Outcome struct {
	Session
	State      State
	Reason     string
	Connection string
	BaseURL    string    // the address of its server
	Settled    time.Time // when that was found out, by the clock of this machine
}

// Gone reports whether the session no longer exists.
func (o Outcome) Gone() bool { return o.State == Ended || o.State == AlreadyGone }

// Tally counts the outcomes by state: 12 ended, 1 still listed.
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

// Remaining returns nil if every session is gone or was only planned, and otherwise a *RemainingError.
func Remaining(outcomes []Outcome) error {
	left := slices.DeleteFunc(slices.Clone(outcomes), func(o Outcome) bool { return o.Gone() || o.State == Planned })
	if len(left) == 0 {
		return nil
	}
	return &RemainingError{left, len(outcomes)}
}

// RemainingError means that some of the sessions may still be alive.
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
	Sessions []Session // live sessions that will be ended
	Own      bool      // they are the caller's own session
	Unlisted []Session // users, one per realm, with client-side sessions, which no list shows
	Where    string    // the connection and its server
	Parts    []*Plan   // the plans of several connections, which the other fields combine
}

func (p *Plan) empty() bool { return len(p.Sessions) == 0 && len(p.Unlisted) == 0 }

// String returns how many sessions of how many users in which realms.
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

// realmNames returns "realm /alpha" or "realms /alpha, /bravo" for the sessions' realms; if there are many, only some.
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

// PlanOf returns the plan of a dry run.
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

// userKey returns the same text for names that AM treats as the same user: it compares case-insensitively.
func userKey(realm, username string) string { return crest.Fold(realm) + "\x00" + crest.Fold(username) }

// A target is a session that is being ended.
type target struct {
	Session
	own       bool          // it is the caller's own
	found     *rest.Session // the session in the last list; nil if it was not there
	lookupErr error         // why that is not known
	sent      bool
	answer    string // AM's answer
	err       error  // the error instead of an answer
	state     State  // "" until it is settled
	method    string // the method that ends it
	reason    string
	settled   time.Time
}

func (t *target) settle(state State, reason string) {
	t.state, t.reason, t.settled = state, reason, time.Now()
}

// learn adds what AM reports about the session.
func (t *target) learn(s *rest.Session) {
	t.IdentityType = cmp.Or(s.IdentityType(), t.IdentityType)
	t.LatestAccess, t.Ends = s.LatestAccess, EndUnused(s.MaxIdleExpiration, s.MaxSessionExpiration)
}
