package inventory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// TokenStore is the directory in which AM keeps its sessions. It lists those of all realms in one pass, and nothing cuts the
// answer: what it cannot give completely is an error. An inventory in shards has a store that gives its shard's sessions alone,
// which it does not tell by their users.
type TokenStore interface {
	// Sessions are the live sessions of the realms, or of all if that is nil. Some of other realms may be among them.
	Sessions(ctx context.Context, realms, fields []string) iter.Seq2[*rest.Session, error]

	// SessionsOf are the live sessions of users, in all realms. Some of other users may be among them.
	SessionsOf(ctx context.Context, usernames, fields []string) iter.Seq2[*rest.Session, error]
}

// DefaultPatience is how long AM may take to answer what the store can do without.
const DefaultPatience = 15 * time.Second

// silenceLife is how long AM is not asked again after it has not answered.
const silenceLife = 10 * time.Second

// errSilent is AM that does not answer, of which the user has been told.
var errSilent = errors.New("AM does not respond")

// AskAM asks AM something that the token store can do without. If there is a store, and AM does not answer in time, that is
// a notice and no error. Without a store it is the request and nothing else.
func (inv *Inventory) AskAM(ctx context.Context, ask func(context.Context) error) (answered bool, err error) {
	if inv.options.Store == nil {
		return true, ask(ctx)
	}
	if time.Now().UnixNano() < inv.silence.Load() {
		inv.options.Notify(silenceNotice)
		return false, nil
	}
	bounded, cancel := context.WithTimeout(rest.WithoutRetries(ctx), inv.options.Patience)
	defer cancel()
	if err = ask(bounded); err == nil || ctx.Err() != nil || bounded.Err() == nil && !unanswered(err) {
		return true, err
	}
	inv.silence.Store(time.Now().Add(silenceLife).UnixNano())
	inv.options.Notify(silenceNotice)
	return false, nil
}

const silenceNotice = "AM does not respond: the sessions come only from the token store, with its spelling of realms and without is_current; amsql doctor shows what is wrong"

// unanswered reports whether an error comes from the way to AM, and not from AM.
func unanswered(err error) bool {
	var e *rest.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Status == 0 || e.Status == http.StatusBadGateway || e.Status == http.StatusServiceUnavailable || e.Status == http.StatusGatewayTimeout
}

// storeScan is a scan of the token store: one pass for all realms.
type storeScan struct {
	*scan
	open     bool                  // realms that nobody has named count, too
	realms   []*realmScan          // with those found
	targets  map[*realmScan]target // of the realms
	byFold   map[string]*realmScan
	byStored map[string]*realmScan // by the store's spelling; nil: not asked for
	names    map[string]string     // asked for, by their Fold
	started  time.Time
}

// scanStore lists the sessions of the realms that the query asks for from the token store.
func (s *scan) scanStore(ctx context.Context) error {
	pass := &storeScan{scan: s, started: time.Now(), targets: map[*realmScan]target{}, byFold: map[string]*realmScan{}, byStored: map[string]*realmScan{}}
	if err := pass.plan(ctx); err != nil {
		return err
	}
	if !pass.open && len(pass.realms) == 0 {
		return nil
	}
	var batch []*rest.Session
	for session, err := range pass.sessions(ctx) {
		if err != nil {
			return err
		}
		if !pass.take(session) {
			continue
		}
		if batch = append(batch, session); len(batch) == batchSize {
			if err := s.emit(ctx, batch); err != nil {
				return err
			}
			batch = nil
		}
	}
	if err := s.emit(ctx, batch); err != nil {
		return err
	}
	return pass.settleAll(ctx)
}

// plan finds the realms: those asked for or configured, else all that AM lists and the store has.
func (p *storeScan) plan(ctx context.Context) error {
	if p.query.Usernames != nil {
		p.names = map[string]string{}
		for _, name := range p.query.Usernames {
			p.names[crest.Fold(name)] = name
		}
		delete(p.names, "") // AM treats an empty name as a match for every user
	}
	var targets []target
	var err error
	if p.open = p.query.Realms == nil && p.inventory.options.Realms == nil; p.open {
		targets, err = p.listed(ctx)
	} else {
		targets, err = p.scan.realms(ctx)
	}
	for _, t := range targets {
		p.add(t)
	}
	p.progress.realms.Store(int64(len(targets)))
	return err
}

// listed are the realms that AM lists, for their spelling and for those without sessions; none if it does not.
func (p *storeScan) listed(ctx context.Context) (targets []target, err error) {
	paths, err := p.listRealms(ctx)
	if rest.IsForbidden(err) || errors.Is(err, errSilent) {
		return nil, nil
	}
	for _, path := range paths {
		targets = append(targets, target{path: path})
	}
	return targets, err
}

func (p *storeScan) add(t target) *realmScan {
	r := &realmScan{scan: p.scan, RealmScan: &RealmScan{Realm: t.path, Source: FromStore, Completeness: Complete, Started: p.started}}
	p.realms, p.byFold[crest.Fold(t.path)], p.targets[r] = append(p.realms, r), r, t
	return r
}

// sessions are what the store has of it, and some more.
func (p *storeScan) sessions(ctx context.Context) iter.Seq2[*rest.Session, error] {
	fields := p.query.Fields
	if fields != nil && p.names != nil {
		fields = append(slices.Clone(fields), rest.FieldUsername)
	}
	if p.names != nil {
		var names []string
		for _, name := range p.names {
			names = append(names, name)
		}
		return p.inventory.options.Store.SessionsOf(ctx, names, fields)
	}
	var paths []string
	if !p.open {
		for _, r := range p.realms {
			paths = append(paths, r.Realm)
		}
	}
	return p.inventory.options.Store.Sessions(ctx, paths, fields)
}

// take reports whether a session is one of those asked for, and gives it the query's spelling, else AM's.
func (p *storeScan) take(session *rest.Session) bool {
	r, known := p.byStored[session.Realm]
	if !known {
		if r = p.byFold[crest.Fold(session.Realm)]; r == nil && p.open {
			r = p.add(target{path: session.Realm})
		}
		p.byStored[session.Realm] = r
	}
	if r == nil {
		return false
	}
	if p.names != nil {
		name, asked := p.names[crest.Fold(session.Username)]
		if !asked {
			return false
		}
		session.Username = name
	}
	session.Realm = r.Realm
	r.rows.Add(1)
	return true
}

// settleAll files the evidence. A realm that is asked for and has no session may not exist, which AM knows.
func (p *storeScan) settleAll(ctx context.Context) error {
	var empty []*realmScan
	for _, r := range p.realms {
		if !p.open && r.rows.Load() == 0 {
			empty = append(empty, r)
		}
	}
	missing, err := p.missing(ctx, empty)
	if err != nil {
		return err
	}
	for _, r := range p.realms {
		var absent error
		if missing[r] {
			absent = &rest.Error{What: "the list of realms", Status: http.StatusNotFound}
		}
		if err := p.settle(ctx, p.targets[r], absent, r); err != nil {
			return err
		}
	}
	return nil
}

// missing are the realms that AM does not list, if it lists any to this account.
func (p *storeScan) missing(ctx context.Context, realms []*realmScan) (map[*realmScan]bool, error) {
	if len(realms) == 0 {
		return nil, nil
	}
	paths, err := p.listRealms(ctx)
	if rest.IsForbidden(err) || errors.Is(err, errSilent) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot find out whether a realm without sessions exists: %w", err)
	}
	missing := map[*realmScan]bool{}
	for _, r := range realms {
		missing[r] = !slices.ContainsFunc(paths, func(path string) bool { return crest.Same(path, r.Realm) })
	}
	return missing, nil
}
