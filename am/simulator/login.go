package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

var (
	errAuthentication = fail(http.StatusUnauthorized, "Authentication Failed")
	errLocked         = fail(http.StatusUnauthorized, "Your account has been locked.")
	errQuota          = fail(http.StatusUnauthorized, "You have reached your session limit.")
	errInactiveRealm  = badRequest("Org is inactive")
	errRealmAlias     = badRequest("Invalid Domain Alias")

	errNoUser = errors.New("no such user")
)

// login creates a session for a user whose client has an address. It checks the password if one is given.
func (s *Server) login(r *realm, name string, password *string, from string) (*session, error) {
	who, err := s.recognise(r, name, password)
	if err != nil {
		return nil, err
	}
	maxTime, maxIdle, quota := s.limitsOf(r)
	if err := s.keepQuota(who, quota); err != nil {
		return nil, err
	}
	now := s.now()
	var inToken bool
	s.directory.read(func() { inToken = r.clientSide })
	if inToken {
		return s.store.clientSide(who, maxTime, maxIdle, now, from, s.clientSideToken), nil
	}
	return s.store.create(who, maxTime, maxIdle, now, from), nil
}

// recognise finds the identity for a name. Names are case-insensitive, and the session keeps the spelling.
func (s *Server) recognise(r *realm, name string, password *string) (*identity, error) {
	var active bool
	s.directory.read(func() { active = r.active })
	switch {
	case strings.IndexFunc(r.path, func(c rune) bool { return c > 0x7f }) >= 0:
		return nil, errRealmAlias
	case !active:
		return nil, errInactiveRealm
	case r.path == "/" && crest.Same(name, adminName):
		if password != nil && *password != adminPassword {
			return nil, errAuthentication
		}
		return s.store.identity(name, "/", true), nil
	}
	u := s.directory.user(r.path, name)
	switch {
	case u == nil && password == nil:
		return nil, fmt.Errorf("%w: %s", errNoUser, name)
	case u == nil:
		return nil, errAuthentication
	}
	var inactive, wrong bool
	s.directory.read(func() { inactive, wrong = u.inactive, password != nil && u.password != *password })
	switch {
	case wrong:
		return nil, errAuthentication
	case inactive:
		return nil, errLocked
	case u.id != u.name:
		name = u.id
	}
	return s.store.identity(name, r.path, false), nil
}

// quotaPicks choose the sessions that are ended to make room for a new one.
var quotaPicks = map[string]func([]*session) []*session{
	"DestroyNextExpiringAction": func(live []*session) []*session {
		return []*session{slices.MinFunc(live, func(a, b *session) int { return int(a.expires() - b.expires()) })}
	},
	"DestroyOldestAction": func(live []*session) []*session { return live[:1] },
	"DestroyAllAction":    func(live []*session) []*session { return live },
}

// keepQuota enforces the session quota of the global service, which is off by default.
func (s *Server) keepQuota(who *identity, quota int) error {
	if s.service.value("quotas", "iplanet-am-session-enable-session-constraint") != "ON" || who.admin && !s.quotaOfAll {
		return nil
	}
	now := s.now()
	var live []*session
	for _, x := range s.store.of(who.realm, who.key) {
		if x.ifAlive(now) != nil {
			live = append(live, x)
		}
	}
	if len(live) < quota || len(live) == 0 {
		return nil
	}
	name, _ := s.service.value("quotas", "behaviourWhenQuotaExhausted").(string)
	pick := quotaPicks[strings.TrimPrefix(name, quotaActions)]
	if pick == nil {
		return errQuota
	}
	for _, x := range pick(live) {
		s.store.end(x)
	}
	return nil
}
