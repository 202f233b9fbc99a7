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

// TokenStore is the directory in which AM stores its sessions. It lists all realms in one pass and never truncates the
// answer: if the answer is not complete, there is an error. The store of an inventory in shards contains only the
// sessions of its shard, which it determines by other values than users.
type TokenStore interface {
	// Sessions yields the live sessions of the realms; nil means all. There may be sessions of other realms.
	Sessions(ctx context.Context, realms, fields []string) iter.Seq2[*rest.Session, error]

	// SessionsOf yields the live sessions of users, in all realms. There may be sessions of other users.
	SessionsOf(ctx context.Context, usernames, fields []string) iter.Seq2[*rest.Session, error]
}

// DefaultPatience is how long to wait for AM if the store can do without it.
const DefaultPatience = 15 * time.Second

// silenceLife is how long AM is not asked again after it has not responded.
const silenceLife = 10 * time.Second

// errSilent means that AM does not respond. The user has been notified.
var errSilent = errors.New("AM does not respond")

// AskAM asks AM something that the token store can do without. If there is a store, and AM does not respond in time,
// that is a notice and not an error. Without a store, it only calls ask.
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

// unanswered reports whether an error occurred on the way to AM, rather than in AM.
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
	open     bool                  // sessions of realms that nobody has named count, too
	realms   []*realmScan          // including those found in the store
	targets  map[*realmScan]target // of the realms
	byFold   map[string]*realmScan
	byStored map[string]*realmScan // by the store's spelling; nil: not part of the query
	names    map[string]string     // names in sessions of the query's users, by their Folds; nil: all
	seen     map[string]bool       // Folds of the names of all sessions
	started  time.Time
}

// scanStore lists the sessions of the query's realms from the token store.
func (s *scan) scanStore(ctx context.Context) error {
	pass := &storeScan{scan: s, started: time.Now(), targets: map[*realmScan]target{}, byFold: map[string]*realmScan{}, byStored: map[string]*realmScan{}, seen: map[string]bool{}}
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
	if err := pass.noteLogins(ctx); err != nil {
		return err
	}
	return pass.settleAll(ctx)
}

// noteLogins sends a notice for names without sessions that are login names, once for each statement: a host that does
// not tell which queries are of one statement may send thousands, for a join.
func (p *storeScan) noteLogins(ctx context.Context) error {
	var none []string
	for fold, name := range p.names {
		if !p.seen[fold] {
			none = append(none, name)
		}
	}
	if len(none) == 0 || p.query.Usernames == nil || !p.inStatement {
		return nil
	}
	for _, r := range p.realms {
		answered, err := p.inventory.AskAM(ctx, func(ctx context.Context) error {
			return p.inventory.NoteLogins(ctx, p.query.Statement, r.Realm, none)
		})
		if !answered || err != nil {
			return err
		}
	}
	return nil
}

// plan determines the realms: those of the query or the configuration, or else all that AM lists and the store
// contains.
func (p *storeScan) plan(ctx context.Context) error {
	if p.query.Usernames != nil {
		p.find(p.query.Usernames)
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
	if err == nil && p.query.Usernames == nil && p.query.Logins != nil {
		err = p.findLogins(ctx)
	}
	return err
}

// find limits the scan to sessions with one of the names.
func (p *storeScan) find(names []string) {
	if p.names == nil {
		p.names = map[string]string{}
	}
	for _, name := range names {
		p.names[crest.Fold(name)] = name
	}
	delete(p.names, "") // AM treats an empty name as a match for every user
}

// findLogins limits the scan to the users with one of the query's login names, if AM lists realms and answers.
func (p *storeScan) findLogins(ctx context.Context) error {
	for _, r := range p.realms {
		var names []string
		answered, err := p.inventory.AskAM(ctx, func(ctx context.Context) (err error) {
			names, err = p.inventory.namesOf(ctx, r.Realm, p.query.Logins)
			return err
		})
		if err != nil {
			return fmt.Errorf("realm %s: %w", r.Realm, err)
		}
		if !answered {
			p.names = nil
			return nil
		}
		p.find(names)
	}
	return nil
}

// listed returns the realms that AM lists, for their spelling and because some have no sessions; none if AM does not
// respond.
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

// sessions yields the store's sessions for the scan, and perhaps others.
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

// take reports whether a session belongs to the query, and changes it to the query's spelling, or else AM's.
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
		if p.seen[crest.Fold(name)] = true; p.query.Usernames != nil {
			session.Username = name
		}
	}
	session.Realm = r.Realm
	r.rows.Add(1)
	return true
}

// settleAll stores the evidence. If a realm in the query has no session, it may not exist, and AM is asked.
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

// missing returns the realms that AM does not list, if it lists any for this account.
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
