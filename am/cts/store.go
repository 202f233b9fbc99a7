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

// Config says how to read one token store. The zero value of every field except URLs and an account means a default.
type Config struct {
	URLs   []string // ldaps://host:636, or ldap://host:389 for StartTLS; tried in order
	BaseDN string   // the entry whose children the sessions are; "": found below the server's naming contexts

	BindDN   string                 // "": the client's certificate signs in (SASL EXTERNAL)
	Password func() (string, error) // asked for at each sign-in, so that a rotated password needs no restart
	TLS      TLS

	Part    Part                // of all sessions
	Objects bool                // reads, if rows need them, the objects of sessions, which hold their tokens
	Timeout time.Duration       // how long the server may be silent; a minute by default
	Now     func() time.Time    // by the clock of AM, which writes the times of sessions; nil: this machine's
	Notify  func(notice string) // one line for the user; nil: nobody reads it
	Logger  hclog.Logger
}

// Store is one token store. It is safe for concurrent use and signs in when first asked for something.
type Store struct {
	config  Config
	servers []server
	idle    chan *connection // signed in, and not in use

	probing  *semaphore.Weighted // of one: a mutex whose wait ends with a context
	probed   probe
	probedAt time.Time

	paged    atomic.Bool // a limit on the size of answers is known
	searches atomic.Int64
}

// maxIdle is how many connections are kept for the next search.
const maxIdle = 4

// New checks the configuration and makes a store of it. It sends nothing.
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

// Address names the store's servers, for messages.
func (s *Store) Address() string { return addresses(s.servers) }

// Account names who asks the store, for messages.
func (s *Store) Account() string {
	return cmp.Or(s.config.BindDN, "the account of the client certificate")
}

// Searches is how many searches the store has been asked for so far.
func (s *Store) Searches() int64 { return s.searches.Load() }

// Close ends the connections that are not in use. A store that is used again makes others.
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

// Sessions yields every live session of the store's part, of the realms, or of all realms if that is nil, each once and in
// no promised order, as AM's own list shows it. A row may be of another realm whose name the directory takes for the same.
// Fields are rest.Field…, nil means all; the realm comes always.
//
// A session is live while both of its times are ahead: a directory keeps what has ended until AM has removed it.
//
// An error, such as a *Error, ends the sequence. A store that shows no session at all is an error: AM has one of its own.
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

// SessionsOf yields the live sessions of users, in whichever realm. A row may be of another user: the directory is asked for
// as much of each name as its filter says without doubt.
func (s *Store) SessionsOf(ctx context.Context, usernames, fields []string) iter.Seq2[*rest.Session, error] {
	return s.read(ctx, fields, func(ctx context.Context, p probe, now time.Time, l *listing) error {
		var filters []string
		for _, of := range ofUsers(usernames) {
			filters = append(filters, and(sessionsOnly, p.layout.live(now), of))
		}
		return l.run(ctx, filters...)
	})
}

// read yields the live sessions of the store's part that a listing finds.
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

// errEnough is a consumer who has had enough.
var errEnough = errors.New("enough")
