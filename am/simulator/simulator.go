package simulator

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options describe a Server. The zero value is a new OpenAM 16.0.5: the root realm, amadmin and demo.
type Options struct {
	Profile    string           // "openam" (default), "am-5.5", "am-7", "pingam-8.1" or "aic"
	Realms     int              // number of realms besides the root: /alpha, /bravo, /alpha/nested, /charlie, …
	Users      int              // total number of identities, distributed over the realms
	Sessions   int              // total number of sessions, distributed over the users, with various ages and idle times
	ListCap    int              // maximum number of rows of a session query; 0: 120
	UserCap    int              // maximum number of rows of a user query; 0: 1000
	Latency    time.Duration    // delay of every answer
	Faults     []string         // rules of ParseFault
	Seed       uint64           // for names, tokens and times
	Clock      func() time.Time // nil: time.Now
	CookieName string           // the name of the session cookie; "": the product's default

	Deployments []string // names of Deployments to imitate
}

const (
	defaultListCap = 120
	defaultUserCap = 1000

	adminName, adminPassword = "amadmin", "ampassword"
	demoName, userPassword   = "demo", "changeit"
)

// A Server is a simulated AM. It is an http.Handler, safe for concurrent use.
type Server struct {
	profile *profile
	options Options
	secret  uint64
	cookie  string
	clock   func() time.Time
	started int64

	directory *directory
	store     *store
	service   *sessionService
	userCap   atomic.Int64
	logins    logins
	account   *serviceAccount // of the cloud
	bearers   bearers

	directoryHas directoryHas

	storeLimit atomic.Int64 // maximum number of sessions that the token store returns for a query; 0: all

	httpOnly   bool   // new tokens are only in a cookie
	noZeroPage bool   // the headers with name and password are ignored
	otp        bool   // signing in needs a one-time password
	quotaOfAll bool   // quotas also apply to administrators
	endless    bool   // every third session never ends
	tenant     string // the only host name at which the token endpoint answers; "": any
	front      front
	agents     bool // agents have sessions in every realm except the root
	clientSide bool // every realm except the root has client-side sessions
	idm        bool // IDM manages the users of every realm except the root

	log    requestLog
	faults struct {
		sync.RWMutex
		rules []*Fault
	}
}

// An OptionError means that an option is invalid.
type OptionError struct {
	Option string // the name of the field of [Options]
	Err    error
}

func (e *OptionError) Error() string { return fmt.Sprintf("simulator: %s: %v", e.Option, e.Err) }

// Unwrap returns what is wrong with the option.
func (e *OptionError) Unwrap() error { return e.Err }

func wrongOption(option, format string, args ...any) error {
	return &OptionError{option, fmt.Errorf(format, args...)}
}

// New returns a server. If an option is invalid, the error is an [OptionError].
func New(options Options) (*Server, error) {
	p := profileNamed(options.Profile)
	if p == nil {
		return nil, wrongOption("Profile", "must be one of %s, not %q", strings.Join(Profiles(), ", "), options.Profile)
	}
	for _, o := range []struct {
		name  string
		value int
	}{
		{"Realms", options.Realms}, {"Users", options.Users}, {"Sessions", options.Sessions},
		{"ListCap", options.ListCap}, {"UserCap", options.UserCap}, {"Latency", int(options.Latency)},
	} {
		if o.value < 0 {
			return nil, wrongOption(o.name, "must not be negative")
		}
	}
	if p.cloud && options.Realms > len(cloudRealms) {
		return nil, wrongOption("Realms", "must be %d at most, not %d: profile %s has only /alpha and /bravo", len(cloudRealms), options.Realms, p.name)
	}
	s := newServer(p, options)
	if err := s.deploy(options.Deployments); err != nil {
		return nil, &OptionError{"Deployments", err}
	}
	if err := s.SetFaults(options.Faults...); err != nil {
		return nil, &OptionError{"Faults", err}
	}
	if err := s.install(); err != nil {
		return nil, err
	}
	return s, nil
}

func newServer(p *profile, options Options) *Server {
	s := &Server{
		profile: p, options: options,
		secret:    mix(options.Seed ^ 0x616d73716c),
		cookie:    options.CookieName,
		clock:     options.Clock,
		directory: newDirectory(p.sharedUsers, rootAliases(p)),
		service:   newSessionService(p, orElse(options.ListCap, defaultListCap)),
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.cookie == "" {
		s.cookie = orElse(p.cookie, fmt.Sprintf("%015x", mix(s.secret)>>4))
	}
	s.started = s.now()
	s.store = newStore(p, s.secret, options.Sessions)
	s.userCap.Store(int64(orElse(options.UserCap, defaultUserCap)))
	s.log.on.Store(true)
	return s
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

func rootAliases(p *profile) []string {
	if p.domain == "" {
		return []string{}
	}
	return []string{"openam", "openam." + p.domain}
}

// Profiles returns the names of the profiles.
func Profiles() []string {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.name
	}
	return names
}

// now returns the time on the server's clock, in milliseconds.
func (s *Server) now() int64 { return s.clock().UnixMilli() }

// ContextPath returns the first element of every path: /openam or /am.
func (s *Server) ContextPath() string { return s.profile.context }

// CookieName returns the name of the session cookie.
func (s *Server) CookieName() string { return s.cookie }

// Admin returns the administrator's credentials for the root realm.
func (s *Server) Admin() (username, password string) { return adminName, adminPassword }

// SetListCap sets the maximum number of rows of a session query, as a PUT to the global session service does.
func (s *Server) SetListCap(n int) { s.service.set("search", "maxSessionListSize", n) }

// SetStoreLimit sets the maximum number of sessions that the token store returns for a query, below AM's cap; 0: all.
func (s *Server) SetStoreLimit(n int) { s.storeLimit.Store(int64(n)) }

// SetUserCap sets the maximum number of rows of a user query.
func (s *Server) SetUserCap(n int) { s.userCap.Store(int64(n)) }

// listCap returns the maximum number of rows of a session query.
func (s *Server) listCap() int {
	n := s.service.number("search", "maxSessionListSize")
	if limit := int(s.storeLimit.Load()); limit > 0 {
		return min(n, limit)
	}
	return n
}

// AddRealm creates a realm whose parent exists: /alpha, /alpha/nested.
func (s *Server) AddRealm(path string) error {
	parent, name := (&realm{path: path}).parentAndName()
	if reason := checkRealmName(name); reason != "" {
		return fmt.Errorf("simulator: realm %s: %s", path, reason)
	}
	if err := s.directory.addRealm(s.newRealm(joinRealm(parent, name))); err != nil {
		return fmt.Errorf("simulator: realm %s: %w", path, err)
	}
	return nil
}

func (s *Server) newRealm(path string) *realm {
	return &realm{path: path, active: true, aliases: []string{}}
}

// AddUser creates an identity. If IDM manages the identities of the realm, as in the cloud, it gets a UUID, which is the
// user name in its sessions.
func (s *Server) AddUser(realm, name, password string) error {
	if s.directory.realm(realm) == nil {
		return fmt.Errorf("simulator: user %s: no realm %s", name, realm)
	}
	if err := s.directory.addUser(realm, s.newUser(realm, name, password)); err != nil {
		return fmt.Errorf("simulator: user %s in realm %s: %w", name, realm, err)
	}
	return nil
}

func (s *Server) newUser(realm, name, password string) *user {
	u := &user{name: name, id: name, password: password, created: s.now()}
	if s.managesUsers(realm) {
		u.id = s.uuid(realm + "\x00" + name)
	}
	return u
}

// managesUsers reports whether IDM manages the identities of a realm. AM 7 is the first whose list of users contains
// both names.
func (s *Server) managesUsers(realm string) bool {
	if s.idm {
		return realm != "/" && s.profile.pagedUsers
	}
	return s.profile.cloud
}

// uuid derives a UUID from the seed and a text.
func (s *Server) uuid(text string) string {
	h := s.secret
	for i := 0; i < len(text); i++ {
		h = mix(h ^ uint64(text[i]))
	}
	a, b := h, mix(h)
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", uint32(a>>32), uint16(a>>16), a&0xfff, 0x8000|b>>48&0x3fff, b&0xffffffffffff)
}

// DeleteUser removes an identity. Its sessions stay, as on a real server.
func (s *Server) DeleteUser(realm, name string) error {
	u, err := s.knownUser(realm, name)
	if err == nil {
		s.directory.removeUser(realm, u)
	}
	return err
}

// DisableUser prevents an identity from logging in. Its sessions stay.
func (s *Server) DisableUser(realm, name string) error {
	u, err := s.knownUser(realm, name)
	if err == nil {
		s.directory.change(func() { u.inactive = true })
	}
	return err
}

// RenameUser changes the name that an identity logs in with, if its sessions have another name. Another identity may have
// the same login name, as after two directories have been merged.
func (s *Server) RenameUser(realm, name, login string) error {
	u, err := s.knownUser(realm, name)
	if err == nil && u.id == u.name {
		return fmt.Errorf("simulator: user %s in realm %s has one name", name, realm)
	}
	if err == nil {
		s.directory.change(func() { u.name = login })
	}
	return err
}

func (s *Server) knownUser(realm, name string) (*user, error) {
	u := s.directory.user(realm, name)
	if u == nil {
		return nil, fmt.Errorf("simulator: no user %s in realm %s", name, realm)
	}
	return u, nil
}

// Login creates a session without a request or a password.
func (s *Server) Login(realm, name string) (Session, error) {
	r := s.directory.realm(realm)
	if r == nil {
		return Session{}, fmt.Errorf("simulator: login of %s: no realm %s", name, realm)
	}
	x, err := s.login(r, name, nil, "")
	if err != nil {
		return Session{}, fmt.Errorf("simulator: login of %s in realm %s: %w", name, realm, err)
	}
	return s.export(x), nil
}

// LoginAgent creates a session of a web or Java agent, which ends in 42 years and which no query finds by name. If
// there is a user of that name, the session belongs to the user, because AM looks for users first (measured on OpenAM
// 16.0.5). Otherwise the agent gets a profile.
func (s *Server) LoginAgent(realm, name string) (Session, error) {
	r := s.directory.realm(realm)
	if r == nil {
		return Session{}, fmt.Errorf("simulator: login of agent %s: no realm %s", name, realm)
	}
	if s.directory.user(r.path, name) != nil {
		return s.Login(realm, name)
	}
	s.directory.addAgent(r, name)
	return s.export(s.lasting(s.store.identityOf(kindAgent, name, r.path, false))), nil
}

// Sessions returns the live sessions in order of creation, including the server's own: what a complete inventory must
// find. It does not include client-side sessions, which no inventory can find.
func (s *Server) Sessions() []Session {
	now := s.now()
	var out []Session
	for _, x := range s.store.everywhere() {
		if x.ifAlive(now) != nil {
			out = append(out, s.export(x))
		}
	}
	return out
}
