package simulator

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// A session is in memory, as on the server that created it. A query lists the state in the token store, which may be
// older. Fields that change are atomic, so that listing needs no lock.
type session struct {
	key      int64
	who      *identity
	row      string // of who; repeated here because it makes listing faster
	created  int64  // in milliseconds since 1970, like all times here
	maxTime  int32  // in minutes
	maxIdle  int32
	internal bool         // belongs to the server itself or to an agent, and is never idle
	latest   atomic.Int64 // latest access, in memory
	listed   atomic.Int64 // latest access, in the token store
	gone     atomic.Bool
	props    atomic.Pointer[map[string]string]
	token    string // of a client-side session, which is in no store
	from     string // the address of the client; "": derived from the key
}

// An identity is a user or an agent in a realm, spelled as at login.
type identity struct {
	kind    string
	name    string // as typed
	key     string // in lower case
	realm   string // in lower case
	uid     string // the universal identifier, as typed
	admin   bool
	row     string // its part of a row: username, universalId and realm, in lower case as in the token store
	atUID   int    // index of universalId in row
	atRealm int    // index of realm in row
}

// A shelf contains the sessions of a realm. Its lists are only appended to or replaced, so readers can keep them.
type shelf struct {
	all        []*session // in order of creation
	gone       int
	byUser     map[string][]*session   // by name in lower case: queries by name find only users (measured on OpenAM 16.0.5)
	identities map[[2]string]*identity // by kind and by name as typed
}

type store struct {
	profile *profile
	secret  uint64

	mu      sync.RWMutex
	made    uint64
	byKey   map[int64]*session
	shelves map[string]*shelf // by the Fold of the realm's path
	tokens  map[string]*session
	sweepAt int
	// slab contains future sessions, which are adjacent in memory, so that a listing reads them in sequence.
	slab []session
}

const (
	minute   = 60_000 // in milliseconds
	slabSize = 64

	// writeInterval is how long the token store may lag behind the latest access (measured on OpenAM 16.0.5).
	writeInterval = minute
	// reapDelay is how long an expired session stays listed (measured on OpenAM 16.0.5: more than 12 and less than 35 s).
	reapDelay = 30_000
)

func newStore(p *profile, secret uint64, sessions int) *store {
	return &store{
		profile: p, secret: secret,
		byKey:   make(map[int64]*session, sessions+16),
		shelves: map[string]*shelf{},
		tokens:  map[string]*session{},
		sweepAt: max(1024, 2*sessions),
	}
}

// create adds a session of the identity, with a client at an address.
func (st *store) create(who *identity, maxTime, maxIdle int, created int64, from string) *session {
	st.mu.Lock()
	defer st.mu.Unlock()
	s := st.blank(who, maxTime, maxIdle, created, created)
	s.from = from
	st.add(s)
	if len(st.byKey) >= st.sweepAt {
		st.sweep(created)
	}
	return s
}

func (st *store) blank(who *identity, maxTime, maxIdle int, created, latest int64) *session {
	st.made++
	if len(st.slab) == 0 {
		st.slab = make([]session, slabSize)
	}
	s := &st.slab[0]
	st.slab = st.slab[1:]
	s.key, s.who, s.row, s.created = int64(mix(st.secret+st.made)), who, who.row, created
	s.maxTime, s.maxIdle = int32(maxTime), int32(maxIdle)
	s.latest.Store(latest)
	s.listed.Store(latest)
	return s
}

func (st *store) add(s *session) {
	st.byKey[s.key] = s
	sh := st.shelf(s.who.realm)
	sh.all = append(sh.all, s)
	if s.who.kind == kindUser {
		sh.byUser[s.who.key] = append(sh.byUser[s.who.key], s)
	}
}

func (st *store) shelf(realm string) *shelf {
	key := crest.Fold(realm)
	sh := st.shelves[key]
	if sh == nil {
		sh = &shelf{byUser: map[string][]*session{}, identities: map[[2]string]*identity{}}
		st.shelves[key] = sh
	}
	return sh
}

// identity finds or creates the identity of a user who logs in to a realm.
func (st *store) identity(name, realm string, admin bool) *identity {
	return st.identityOf(kindUser, name, realm, admin)
}

func (st *store) identityOf(kind, name, realm string, admin bool) *identity {
	realm = crest.Lower(realm)
	st.mu.Lock()
	defer st.mu.Unlock()
	sh := st.shelf(realm)
	who := sh.identities[[2]string{kind, name}]
	if who == nil {
		who = newIdentity(st.profile, kind, name, realm, admin)
		sh.identities[[2]string{kind, name}] = who
	}
	return who
}

func newIdentity(p *profile, kind, name, realm string, admin bool) *identity {
	who := &identity{kind: kind, name: name, key: crest.Fold(name), realm: realm, admin: admin, uid: p.universalID(kind, name, realm, admin)}
	var row []byte
	if display, known := displayName(name); known {
		row = append(appendString(append(row, `"username":`...), crest.Lower(display)), ',')
	}
	who.atUID = len(row)
	row = append(appendString(append(row, `"universalId":`...), crest.Lower(who.uid)), ',')
	who.atRealm = len(row)
	row = append(appendString(append(row, `"realm":`...), realm), ',')
	who.row = string(row)
	return who
}

// display returns the username as getSessionInfo shows it.
func (who *identity) display() (string, bool) { return displayName(who.name) }

// clientSide creates a session that exists only in its token: no query lists it, and no logout ends it.
func (st *store) clientSide(who *identity, maxTime, maxIdle int, now int64, from string, token func(*session) string) *session {
	st.mu.Lock()
	defer st.mu.Unlock()
	s := st.blank(who, maxTime, maxIdle, now, now)
	s.from = from
	s.token = token(s)
	st.tokens[s.token] = s
	return s
}

// find returns the live session of a token, or nil. The error is errMalformed if the text looks like a token but has an
// invalid extension.
func (st *store) find(token string, now int64) (*session, error) {
	st.mu.RLock()
	s := st.tokens[token]
	st.mu.RUnlock()
	if s != nil {
		return s.ifAlive(now), nil
	}
	key, sealed, found, err := st.profile.tokens.parse(token, st.secret)
	if !found {
		return nil, err
	}
	if s = st.byStorageKey(key, now); s == nil {
		return nil, nil
	}
	var buf [64]byte
	if string(st.profile.tokens.appendSealed(buf[:0], st.secret, key, forToken)) != sealed {
		return nil, nil
	}
	return s, nil
}

func (st *store) byStorageKey(key, now int64) *session {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.byKey[key].ifAlive(now)
}

// end removes a session.
func (st *store) end(s *session) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if s.token != "" || s.gone.Swap(true) {
		return
	}
	delete(st.byKey, s.key)
	sh := st.shelf(s.who.realm)
	sh.forget(s)
	if sh.gone++; sh.gone > 1024 && sh.gone > len(sh.all)/2 {
		sh.compact()
	}
}

// forget removes a session from its user's list by replacing the list.
func (sh *shelf) forget(s *session) {
	if s.who.kind != kindUser {
		return
	}
	rest := slices.DeleteFunc(slices.Clone(sh.byUser[s.who.key]), func(o *session) bool { return o == s })
	if len(rest) == 0 {
		delete(sh.byUser, s.who.key)
		return
	}
	sh.byUser[s.who.key] = rest
}

func (sh *shelf) compact() {
	live := make([]*session, 0, len(sh.all)-sh.gone)
	for _, s := range sh.all {
		if !s.gone.Load() {
			live = append(live, s)
		}
	}
	sh.all, sh.gone = live, 0
}

// sweep removes sessions that expired long ago.
func (st *store) sweep(now int64) {
	for key, s := range st.byKey {
		if now >= s.expires()+reapDelay {
			s.gone.Store(true)
			delete(st.byKey, key)
			sh := st.shelf(s.who.realm)
			sh.forget(s)
			sh.gone++
		}
	}
	for _, sh := range st.shelves {
		sh.compact()
	}
	st.sweepAt = max(1024, 2*len(st.byKey))
}

// of returns a realm's sessions in order of creation, or only those of user if it is not "". The caller must not change
// the list.
func (st *store) of(realm, user string) []*session {
	st.mu.RLock()
	defer st.mu.RUnlock()
	sh := st.shelves[crest.Fold(realm)]
	if sh == nil {
		return nil
	}
	if user == "" {
		return sh.all
	}
	return sh.byUser[crest.Fold(user)]
}

// everywhere returns the sessions of all realms in order of creation.
func (st *store) everywhere() []*session {
	st.mu.RLock()
	defer st.mu.RUnlock()
	all := make([]*session, 0, len(st.byKey))
	for _, sh := range st.shelves {
		all = append(all, sh.all...)
	}
	slices.SortStableFunc(all, func(a, b *session) int {
		switch {
		case a.created < b.created:
			return -1
		case a.created > b.created:
			return 1
		}
		return strings.Compare(a.who.realm, b.who.realm)
	})
	return all
}
