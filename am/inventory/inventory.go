package inventory

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// Query asks for sessions.
type Query struct {
	Realms    []string // full paths; nil: the connection's, else all that the server lists
	Except    []string // realms that are not wanted, spelled as rows have them
	Usernames []string // nil: all. An empty, non-nil list has no sessions, as in SQL
	Fields    []string // rest.Field… that rows shall hold; realm comes always; nil: all
	Limit     int64    // stop after so many; 0: none
	Agents    *Agents  // what other queries of the statement have found of agents; nil: there are none

	Previous *Previous     // what an earlier scan found, to compare lists with that may be cut; nil: there is none
	Evidence *[]*RealmScan // receives, after all sessions, how complete each realm's are; nil: nobody asks
	Tolerant bool          // a realm that is cut or fails is evidence, whatever Options say, and not an error
}

// Options say how an inventory is made. The zero value asks the server what it can and takes nothing incomplete.
type Options struct {
	Realms      []string // what a query without realms asks; nil: all that the server lists
	ListCap     int      // maximum number of sessions in a list; 0: as the server says, else DefaultListCap
	UserListCap int      // maximum number of identities in a list, if it may be cut; 0: found out by asking for parts
	Shard       Shard    // of users, with their sessions; identities are in the shard of their realm

	OnTruncation Policy // Fail, Warn or Strict
	OnRealmError Policy // Fail or Warn

	Store    TokenStore    // lists sessions in AM's place; nil: AM does
	Patience time.Duration // how long AM may take to answer what the store can do without; 0: DefaultPatience

	Notify func(notice string) // one line for the user; one call at a time
	// NotifyByUser is Notify for realms that are ByUser; nil: Notify.
	NotifyByUser func(notice string)
	// NotifyAbsent is Notify for realms that a query asks for and that do not exist; nil: Notify.
	NotifyAbsent func(notice string)
	// NotifyUnproven is Notify for realms of which nothing shows that the list is complete, nor that it is not; nil: Notify.
	NotifyUnproven func(notice string)
	Progress       func(Progress) // called now and then, and at the end
}

// Policy is what becomes of an answer that may lack sessions.
type Policy string

// Fail, the zero value's meaning, makes a cut list an error; Warn a notice; Strict makes an error even of a list that
// is complete except for sessions of identities that no listing knows.
const (
	Fail   Policy = "error"
	Warn   Policy = "warn"
	Strict Policy = "strict"
)

// What AM has unless it is configured otherwise: 120 sessions in a list (AM 5 to PingAM 8, OpenAM), 1,000 identities in a
// list (OpenAM measured).
const (
	DefaultListCap     = 120
	DefaultUserListCap = 1000
)

// SmallestListCap is a number of sessions that no administrator sets the list cap below. If the cap is not known, shorter
// lists are complete.
const SmallestListCap = 20

// Inventory lists the sessions of one deployment. It is safe for concurrent use.
type Inventory struct {
	client    *rest.Client
	options   Options
	timeLimit time.Duration // of a list: one that takes as long may be cut

	capAsking *semaphore.Weighted // of one: a mutex whose wait ends with a context
	cap       listCap
	capRead   time.Time

	silence    atomic.Int64      // until when AM is taken not to answer, in Unix nanoseconds
	paths      memo[[]string]    // of realms that AM lists, for scans of the token store
	listable   memo[bool]        // by realm: whether the account is known to see identities
	named      memo[[]rest.User] // by realm, name and whether with the status
	agentNames memo[agentNames]  // by realm
	limits     memo[Limits]      // by realm
	clientSide memo[*bool]       // by realm
}

// New makes an inventory of the client's deployment.
func New(client *rest.Client, options Options) *Inventory {
	options.OnTruncation = cmp.Or(options.OnTruncation, Fail)
	options.OnRealmError = cmp.Or(options.OnRealmError, Fail)
	options.Patience = cmp.Or(options.Patience, DefaultPatience)
	var notifying sync.Mutex
	notify := options.Notify
	options.Notify = func(notice string) {
		notifying.Lock()
		defer notifying.Unlock()
		if notify != nil {
			notify(notice)
		}
	}
	if options.NotifyByUser == nil {
		options.NotifyByUser = options.Notify
	}
	if options.NotifyAbsent == nil {
		options.NotifyAbsent = options.Notify
	}
	if options.NotifyUnproven == nil {
		options.NotifyUnproven = options.Notify
	}
	return &Inventory{client: client, options: options, timeLimit: storeTimeLimit, capAsking: semaphore.NewWeighted(1)}
}

// Sessions yields every session that the query asks for, each once, as they arrive and in no promised order. A row
// carries the realm, and with Usernames the user name, as the query spells it: AM compares both without regard to case.
//
// An error ends the sequence: a *TruncatedError comes last, after all rows that could be had.
// When the sequence ends, or its consumer stops, no request and no goroutine of it is left.
func (inv *Inventory) Sessions(ctx context.Context, q Query) iter.Seq2[*rest.Session, error] {
	return func(yield func(*rest.Session, error) bool) {
		s := newScan(inv, q)
		for session, err := range s.run(ctx) {
			if !yield(session, err) || err != nil {
				return
			}
		}
		if q.Evidence != nil {
			*q.Evidence = s.evidence
		}
		if err := s.verdict(); err != nil && !q.Tolerant {
			yield(nil, err)
		}
	}
}

// Scan makes the inventory and yields its evidence instead of the sessions: one row a realm, in the order of their
// ending. A realm that is cut or fails is a row that says so.
func (inv *Inventory) Scan(ctx context.Context, q Query) iter.Seq2[*RealmScan, error] {
	return func(yield func(*RealmScan, error) bool) {
		var evidence []*RealmScan
		q.Fields, q.Evidence, q.Tolerant = []string{}, &evidence, true
		for _, err := range inv.Sessions(ctx, q) {
			if err != nil {
				yield(nil, err)
				return
			}
		}
		for _, r := range evidence {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// listCap is the maximum number of sessions AM returns in a list.
type listCap struct {
	rows  int
	known bool // configured, or said by the server

	confirmed bool // configured: then nothing else is taken to cut shorter lists, except for doubt
}

// reached reports whether a list of so many rows is cut by the cap.
func (c listCap) reached(rows int) bool { return rows >= c.rows }

// ListCap is the maximum number of sessions AM returns in a list, and how it is known: configured, read or assumed.
func (inv *Inventory) ListCap(ctx context.Context) (rows int, how string, err error) {
	limit, err := inv.listCap(ctx)
	switch {
	case inv.options.ListCap > 0:
		how = "configured"
	case limit.known:
		how = "read"
	default:
		how = "assumed"
	}
	return limit.rows, how, err
}

// capLife is how long a cap read from the server is taken as true: a join may ask thousands of times.
const capLife = 10 * time.Second

func (inv *Inventory) listCap(ctx context.Context) (listCap, error) {
	if inv.options.ListCap > 0 {
		return listCap{rows: inv.options.ListCap, known: true, confirmed: true}, nil
	}
	if err := inv.capAsking.Acquire(ctx, 1); err != nil {
		return listCap{}, err
	}
	defer inv.capAsking.Release(1)
	if time.Since(inv.capRead) < capLife {
		return inv.cap, nil
	}
	rows, err := inv.client.ListCap(ctx)
	var refused *rest.Error
	switch {
	case err == nil && rows > 0:
		inv.cap = listCap{rows: rows, known: true}
	case ctx.Err() != nil, rest.IsUnauthorized(err), err != nil && (!errors.As(err, &refused) || refused.Status == 0):
		return listCap{}, err
	default:
		inv.cap = listCap{rows: DefaultListCap}
	}
	inv.capRead = time.Now()
	return inv.cap, nil
}
