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

// Query selects sessions.
type Query struct {
	Realms    []string // full paths; nil: the connection's realms, or else all that the server lists
	Except    []string // realms that are not needed, spelled as in rows
	Usernames []string // nil: all users. An empty list that is not nil matches no session, as in SQL
	Logins    []string // the same by the names that users log in with, if Usernames is nil; sessions of agents have none
	Fields    []string // rest.Field… that rows need; realm is always set; nil: all
	Limit     int64    // stop after this number; 0: no limit

	Statement *Statement // what the queries of a statement share; may be nil

	Previous *Previous     // the result of an earlier scan, for comparison with lists that may be truncated; may be nil
	Evidence *[]*RealmScan // receives the completeness of each realm after all sessions; may be nil
	Tolerant bool          // a realm that is truncated or fails is evidence and not an error, regardless of Options
}

// Options describe an inventory. With the zero value, it asks the server for limits and accepts nothing incomplete.
type Options struct {
	Realms      []string // the realms of a query that names none; nil: all that the server lists
	ListCap     int      // maximum number of sessions in a list; 0: read from the server, or else DefaultListCap
	UserListCap int      // length at which a list of identities may be truncated; 0: found out by listing parts
	Shard       Shard    // the shard of users and their sessions; identities are in the shard of their realm

	OnTruncation Policy // Fail, Warn or Strict
	OnRealmError Policy // Fail or Warn

	Store    TokenStore    // lists sessions instead of AM; may be nil
	Patience time.Duration // how long to wait for AM if the store can do without it; 0: DefaultPatience

	Notify func(notice string) // called with a line for the user, one call at a time
	// NotifyByUser replaces Notify for realms that are ByUser; nil: Notify.
	NotifyByUser func(notice string)
	// NotifyAbsent replaces Notify for realms that a query names and that do not exist; nil: Notify.
	NotifyAbsent func(notice string)
	// NotifyUnproven replaces Notify for realms whose list may or may not be complete, with nothing to prove either;
	// nil: Notify.
	NotifyUnproven func(notice string)
	Progress       func(Progress) // called from time to time, and at the end
}

// Policy is what to do if sessions may be missing.
type Policy string

// With Fail, which is also the meaning of the zero value, a truncated list is an error, with Warn a notice. With
// Strict, a list from which only sessions of unknown identities may be missing is an error as well.
const (
	Fail   Policy = "error"
	Warn   Policy = "warn"
	Strict Policy = "strict"
)

// The defaults of AM: 120 sessions in a list (AM 5 to PingAM 8, OpenAM), 1,000 identities in a list (OpenAM measured).
const (
	DefaultListCap     = 120
	DefaultUserListCap = 1000
)

// SmallestListCap is lower than any list cap that an administrator sets. If the cap is not known, shorter lists are
// complete.
const SmallestListCap = 20

// Inventory lists the sessions of one deployment. It is safe for concurrent use.
type Inventory struct {
	client          *rest.Client
	options         Options
	timeLimit       time.Duration // a list that takes this long may be truncated
	searchTimeLimit time.Duration // and a list of identities, or a search for one, that takes this long

	capAsking *semaphore.Weighted // a mutex whose wait can be cancelled by a context
	cap       listCap
	capRead   time.Time

	silence    atomic.Int64      // until when AM counts as not responding, in Unix nanoseconds
	paths      memo[[]string]    // of the realms that AM lists, for scans of the token store
	listable   memo[bool]        // by realm: whether the account can certainly see identities
	named      memo[[]rest.User] // by realm, name, and whether the status is needed
	agentNames memo[agentNames]  // by realm
	limits     memo[Limits]      // by realm
	clientSide memo[*bool]       // by realm
}

// New returns an inventory of the client's deployment.
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
	return &Inventory{client: client, options: options, timeLimit: storeTimeLimit, searchTimeLimit: searchTimeLimit, capAsking: semaphore.NewWeighted(1)}
}

// Sessions yields every session that matches the query, each once, as they arrive and in no particular order. Rows have
// the realm and, with Usernames, the user name in the query's spelling, because AM compares both case-insensitively. With
// Logins, the account must be allowed to look up users, unless they certainly log in with the names in sessions.
//
// An error ends the sequence: a *TruncatedError comes last, after all rows that could be found. When the sequence ends,
// or its consumer stops, all its requests and goroutines have ended.
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

// Scan runs the inventory, and yields its evidence instead of the sessions: one row for each realm, in the order in
// which they are completed. A realm that is truncated or fails also has a row.
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
	known bool // configured, or read from the server

	confirmed bool // configured, so shorter lists are assumed to be complete unless something suggests otherwise
}

// reached reports whether the cap has truncated a list of this length.
func (c listCap) reached(rows int) bool { return rows >= c.rows }

// ListCap returns the maximum number of sessions that AM returns in a list, and how it is known: configured, read or
// assumed.
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

// capLife is how long a cap that was read stays valid: a join may need it thousands of times.
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
