package cts

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/semaphore"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// Config describes how to read a token store. For every field except URLs and the account, the zero value means a
// default.
type Config struct {
	URLs   []string // ldaps://host:636, or ldap://host:389 for StartTLS; tried in order
	BaseDN string   // the entry whose children are the sessions; "": it is found through the server's naming contexts

	BindDN   string                 // "": the client's certificate signs in (SASL EXTERNAL)
	Password func() (string, error) // called at each sign-in, so that a rotated password needs no restart
	TLS      TLS

	Part    Part                // the part of all sessions to read
	Objects bool                // if rows need them, also read the objects of sessions, which contain their tokens
	Timeout time.Duration       // how long the server may be silent; a minute by default
	Now     func() time.Time    // the time on the clock of AM, which writes the times of sessions; nil: this machine's
	Notify  func(notice string) // called with a line for the user; may be nil
	Logger  hclog.Logger
}

// Store is a token store. It is safe for concurrent use, and signs in before its first search.
type Store struct {
	config  Config
	servers []server
	idle    chan *connection // connections that are signed in and not in use

	probing  *semaphore.Weighted // a mutex whose wait can be cancelled by a context
	probed   probe
	probedAt time.Time

	paged    atomic.Bool // it is known that the server limits the size of answers
	searches atomic.Int64
}

// maxIdle is the maximum number of idle connections.
const maxIdle = 4

// New checks the configuration and returns a store. It sends nothing.
func New(config Config) (*Store, error) {
	servers, err := parseServers(config.URLs)
	if err != nil {
		return nil, err
	}
	if err := config.checkAccount(); err != nil {
		return nil, err
	}
	if _, err := ldap.ParseDN(config.BaseDN); err != nil {
		return nil, errors.New("token_store_base_dn is not a distinguished name such as " + container)
	}
	if err := config.TLS.load(); err != nil {
		return nil, err
	}
	config.Timeout = cmp.Or(config.Timeout, time.Minute)
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Notify == nil {
		config.Notify = func(string) {}
	}
	if config.Logger == nil {
		config.Logger = hclog.NewNullLogger()
	}
	return &Store{config: config, servers: servers, idle: make(chan *connection, maxIdle), probing: semaphore.NewWeighted(1)}, nil
}

func (c Config) checkAccount() error {
	if c.BindDN == "" {
		if c.TLS.CertFile == "" {
			return errors.New("token_store_bind_dn is missing: name the account that reads the token store, or its certificate in token_store_client_cert_file")
		}
		return nil
	}
	if _, err := ldap.ParseDN(c.BindDN); err != nil {
		return errors.New("token_store_bind_dn is not a distinguished name such as uid=amsql-reader,dc=example,dc=com")
	}
	if c.Password == nil {
		return errors.New("token_store_password is missing")
	}
	return nil
}

// Address returns the addresses of the store's servers, for messages.
func (s *Store) Address() string { return addresses(s.servers) }

// Account returns the name of the account, for messages.
func (s *Store) Account() string {
	return cmp.Or(s.config.BindDN, "the account of the client certificate")
}

// Searches returns the number of searches sent so far.
func (s *Store) Searches() int64 { return s.searches.Load() }

// Close closes the connections that are not in use. The store can be used again after that.
func (s *Store) Close() {
	for {
		select {
		case c := <-s.idle:
			c.close()
		default:
			return
		}
	}
}

// Sessions yields every live session in the store's part, of these realms (nil means all realms), each once, in no
// particular order, as AM's own list shows it. There may be rows of other realms whose names the directory treats as
// equal. The fields are rest.Field… (nil means all); the realm is always set.
//
// A session is live while both of its expiration times are in the future: a directory keeps ended sessions until AM
// removes them.
//
// An error, such as a *Error, ends the sequence. If the account can see no session at all, that is an error, because AM
// always has one of its own.
func (s *Store) Sessions(ctx context.Context, realms, fields []string) iter.Seq2[*rest.Session, error] {
	return s.read(ctx, fields, func(ctx context.Context, p probe, now time.Time, l *listing) error {
		part, of := s.config.Part, p.layout.inRealms(realms)
		if attribute := p.layout.parting.sliced; attribute != "" && !part.whole() {
			sliced := slicing{listing: l, part: part, attribute: attribute, filter: and(sessionsOnly, of)}
			return sliced.run(ctx, now)
		}
		return l.run(ctx, and(sessionsOnly, p.layout.live(now), part.filter(p.layout), of))
	})
}

// SessionsOf yields the live sessions of users, in any realm. There may be rows of other users: if a filter cannot
// express a name exactly, the search uses only the beginning of the name.
func (s *Store) SessionsOf(ctx context.Context, usernames, fields []string) iter.Seq2[*rest.Session, error] {
	return s.read(ctx, fields, func(ctx context.Context, p probe, now time.Time, l *listing) error {
		var filters []string
		for _, of := range ofUsers(usernames) {
			filters = append(filters, and(sessionsOnly, p.layout.live(now), of))
		}
		return l.run(ctx, filters...)
	})
}

// read yields the live sessions in the store's part that a listing finds.
func (s *Store) read(ctx context.Context, fields []string, list func(context.Context, probe, time.Time, *listing) error) iter.Seq2[*rest.Session, error] {
	return func(yield func(*rest.Session, error) bool) {
		p, err := s.probe(ctx)
		if err != nil || p.empty {
			yieldError(yield, err)
			return
		}
		now, part, more := s.config.Now(), s.config.Part, true
		d := p.layout.decoder(part.fields(p.layout, fields), s.config.Objects)
		l := &listing{store: s, base: p.base, attributes: d.attributes(), each: func(from *ldap.Entry) error {
			e, err := d.session(from)
			if err != nil || e.ended(now) || !part.has(p.layout, e) {
				return err
			}
			if more = yield(&e.Session, nil); !more {
				return errEnough
			}
			return nil
		}}
		if err := list(ctx, p, now, l); err != nil && more {
			yield(nil, err)
		}
		if d.unreadable > 0 {
			s.config.Notify(d.notice())
		}
	}
}

func yieldError(yield func(*rest.Session, error) bool, err error) {
	if err != nil {
		yield(nil, err)
	}
}

// errEnough means that the consumer needs no more entries.
var errEnough = errors.New("enough")
