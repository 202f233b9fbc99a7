package simulator

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// A realm is a realm as it was created. Its path is case-insensitive.
type realm struct {
	path    string
	active  bool
	aliases []string
	agents  []string // names of agents with profiles

	limits     *limits    // the realm's own session service
	whitelist  *whitelist // its own session property whitelist
	clientSide bool       // new sessions are client-side
}

// limits are the values of a realm's session service. After the service has been removed, they may be null.
type limits struct{ maxTime, maxIdle, quota, caching *int }

// A whitelist contains the session properties that clients may read and set, and those that rows of a query contain.
type whitelist struct{ names, inQueries []string }

type user struct {
	name     string // login name
	id       string // the name in sessions: the login name, or a UUID if IDM manages the identity
	password string
	mail     string
	given    string
	family   string
	inactive bool
	created  int64
	modified int64
}

// A directory contains realms and identities.
type directory struct {
	shared bool

	mu     sync.RWMutex
	realms []*realm              // in order of creation; the root is first
	byPath map[string]*realm     // by Fold
	stores map[string]*userStore // by the Fold of the realm's path, or one for all realms
}

type userStore struct {
	order []*user
	byKey map[string]*user // by the Folds of the name and of the ID
}

func newDirectory(shared bool, rootAliases []string) *directory {
	root := &realm{path: "/", active: true, aliases: rootAliases}
	return &directory{
		shared: shared,
		realms: []*realm{root},
		byPath: map[string]*realm{"/": root},
		stores: map[string]*userStore{},
	}
}

func (r *realm) parentAndName() (parent, name string) {
	at := strings.LastIndexByte(r.path, '/')
	if r.path == "/" {
		return "", "/"
	}
	return r.path[:max(at, 1)], r.path[at+1:]
}

func (r *realm) id() string { return base64.RawURLEncoding.EncodeToString([]byte(r.path)) }

func joinRealm(parent, name string) string { return strings.TrimSuffix(parent, "/") + "/" + name }

// realm finds a realm by its path.
func (d *directory) realm(path string) *realm {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.byPath[crest.Fold(path)]
}

func (d *directory) list() []*realm {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Clone(d.realms)
}

var (
	errExists   = errors.New("exists")
	errNoParent = errors.New("no such parent realm")
)

const (
	forbiddenInRealmNames = "\"#$%&+,/:;<=>?@\\ "
	realmNameRule         = `Realm names cannot contain: [ , ", #, $, %, &, +, ,, /, :, ;, <, =, >, ?, @, \]`
)

// reservedRealms are names of endpoints, which realms cannot have.
var reservedRealms = []string{"users", "groups", "agents", "realms", "sessions", "authenticate", "serverinfo", "applications", "policies"}

// checkRealmName returns why AM refuses the name, or "".
func checkRealmName(name string) string {
	switch {
	case name == "" || strings.ContainsAny(name, forbiddenInRealmNames):
		return realmNameRule
	case strings.Contains(name, "*") || slices.Contains(reservedRealms, strings.ToLower(name)):
		return fmt.Sprintf("Organization name %s is invalid", name)
	}
	return ""
}

// addRealm creates a realm whose parent exists.
func (d *directory) addRealm(r *realm) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	parent, _ := r.parentAndName()
	if d.byPath[crest.Fold(parent)] == nil {
		return errNoParent
	}
	key := crest.Fold(r.path)
	if d.byPath[key] != nil {
		return errExists
	}
	d.byPath[key] = r
	d.realms = append(d.realms, r)
	return nil
}

func (d *directory) removeRealm(r *realm) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.byPath, crest.Fold(r.path))
	d.realms = slices.DeleteFunc(d.realms, func(o *realm) bool { return o == r })
}

// change runs f while nobody else reads or changes the directory.
func (d *directory) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// read runs f while nobody changes the directory.
func (d *directory) read(f func()) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	f()
}

// store returns the identity store of a realm, or nil if it is empty. The caller holds the lock.
func (d *directory) store(realm string) *userStore { return d.stores[d.storeKey(realm)] }

func (d *directory) storeKey(realm string) string {
	if d.shared {
		return ""
	}
	return crest.Fold(realm)
}

func (d *directory) addUser(realm string, u *user) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.store(realm)
	if st == nil {
		st = &userStore{byKey: map[string]*user{}}
		d.stores[d.storeKey(realm)] = st
	}
	if st.byKey[crest.Fold(u.name)] != nil {
		return errExists
	}
	st.order = append(st.order, u)
	st.byKey[crest.Fold(u.name)] = u
	st.byKey[crest.Fold(u.id)] = u
	return nil
}

// user finds an identity by name or ID.
func (d *directory) user(realm, name string) *user {
	d.mu.RLock()
	defer d.mu.RUnlock()
	st := d.store(realm)
	if st == nil {
		return nil
	}
	return st.byKey[crest.Fold(name)]
}

func (d *directory) removeUser(realm string, u *user) {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.store(realm)
	delete(st.byKey, crest.Fold(u.name))
	delete(st.byKey, crest.Fold(u.id))
	st.order = slices.DeleteFunc(st.order, func(o *user) bool { return o == u })
}

// users returns copies of the matching identities of a realm in order of creation, at most limit.
func (d *directory) users(realm string, limit int, matches func(*user) bool) []user {
	d.mu.RLock()
	defer d.mu.RUnlock()
	st := d.store(realm)
	if st == nil {
		return nil
	}
	var found []user
	for _, u := range st.order {
		if len(found) == limit {
			break
		}
		if matches(u) {
			found = append(found, *u)
		}
	}
	return found
}

// latin1 reports whether a header can contain the text.
func latin1(s string) bool {
	for _, r := range s {
		if r > 0xff || r == utf8.RuneError {
			return false
		}
	}
	return true
}
