package rest_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

func (w *world) realms() map[string]*rest.Realm {
	w.Helper()
	realms := map[string]*rest.Realm{}
	for _, r := range collect(w, w.Realms(w.Context())) {
		realms[r.Path()] = r
	}
	return realms
}

func realmsAreListedWithThoseNested(w *world) {
	nested := []string{w.realm + "/nested", w.realm + "/nested/deep", w.realm + "/Mixed-Case"}
	for _, realm := range nested {
		w.must(w.admin.CreateRealm(w.Context(), realm))
	}
	realms := w.realms()
	for _, path := range append(nested, "/", w.realm) {
		if r := realms[path]; r == nil || !r.Active {
			w.Errorf("%s is listed as %+v", path, r)
		}
	}
	// The sessions of every realm in the list can be queried.
	for _, path := range append(nested, w.realm) {
		if _, err := firstError(w.Sessions(w.Context(), rest.SessionQuery{Realm: path})); err != nil {
			w.Errorf("%s: %v", path, err)
		}
	}
}

func anInactiveRealmIsListedAsSuch(w *world) {
	token := w.login(w.prefix + "inside")
	id := w.realms()[w.realm].ID
	name := strings.TrimPrefix(w.realm, "/")
	w.change(http.MethodPut, "global-config/realms/"+id, "protocol=1.0,resource=1.0", map[string]any{"name": name, "active": false, "parentPath": "/", "aliases": []string{}})
	if r := w.realms()[w.realm]; r == nil || r.Active {
		w.Errorf("the inactive realm is listed as %+v", r)
	}
	if got := w.names(); len(got) != 1 {
		w.Errorf("the inactive realm has sessions of %q, want one", got)
	}
	_, err := w.as(w.prefix + "inside").API(w.Context())
	expectStatus(w, err, http.StatusBadRequest, "Org is inactive")
	w.expectAlive(token, true)
}

func realmsAreForAdministrators(w *world) {
	name := w.prefix + "plain"
	w.must(w.admin.CreateUser(w.Context(), w.realm, name, userPassword))
	n, err := firstError(w.as(name).Realms(w.Context()))
	if n != 0 || !rest.IsForbidden(err) {
		w.Errorf("a user gets %d realms and %v, want a 403", n, err)
	}
}

func aRealmWithoutASessionServiceHasNone(w *world) {
	service, err := w.SessionService(w.Context(), w.realm)
	if service != nil || err != nil {
		w.Errorf("the session service is %+v, %v; want none and no error", service, err)
	}
}

func aRealmsSessionServiceHasItsLimits(w *world) {
	for _, idle := range []int{11, 22} {
		w.must(w.admin.AddSessionService(w.Context(), w.realm, idle, 99, 7))
		s, err := w.SessionService(w.Context(), w.realm)
		w.must(err)
		if s == nil || number(s.MaxIdleMinutes) != idle || number(s.MaxSessionMinutes) != 99 || number(s.QuotaLimit) != 7 || number(s.MaxCachingMinutes) != 3 {
			w.Errorf("the session service is %+v, want %d, 99, 7, 3", s, idle)
		}
	}
	name := w.prefix + "plain"
	w.must(w.admin.CreateUser(w.Context(), w.realm, name, userPassword))
	if _, err := w.as(name).SessionService(w.Context(), w.realm); !rest.IsForbidden(err) {
		w.Errorf("a user reads the session service: %v, want 403", err)
	}
}

func aRealmWithoutASessionServiceHasTheGlobalLimits(w *world) {
	const global = "global-config/services/session"
	set := func(idle int) {
		w.Helper()
		w.change(http.MethodPut, global, "protocol=1.0,resource=1.0", map[string]any{"dynamic": map[string]any{"maxIdleTime": idle}})
		time.Sleep(400 * time.Millisecond) // openamtest waits as long for a change to take effect
	}
	defer set(30)
	for _, idle := range []int{47, 30} {
		set(idle)
		var s *rest.SessionService
		w.await("the limits hold", func() bool {
			var err error
			s, err = w.SessionDefaults(w.Context(), w.realm)
			w.must(err)
			return number(s.MaxIdleMinutes) == idle
		})
		if number(s.MaxIdleMinutes) != idle || number(s.MaxSessionMinutes) != 120 || number(s.QuotaLimit) != 5 || number(s.MaxCachingMinutes) != 3 {
			w.Errorf("the defaults are %d, %d, %d, %d; want %d, 120, 5, 3", number(s.MaxIdleMinutes), number(s.MaxSessionMinutes), number(s.QuotaLimit), number(s.MaxCachingMinutes), idle)
		}
	}
	if _, err := w.SessionDefaults(w.Context(), w.realm+"/nowhere"); !rest.IsNotFound(err) {
		w.Errorf("the defaults of no realm: %v, want 404", err)
	}
}

func number(p *int) int {
	if p == nil {
		return -1
	}
	return *p
}

// users returns the names and states that a query by our client finds, sorted.
func (w *world) users(q rest.UserQuery) []string {
	w.Helper()
	q.Realm = w.realm
	var got []string
	for _, u := range collect(w, w.Users(w.Context(), q)) {
		got = append(got, strings.Trim(u.Login+"="+u.Status, "="))
		if u.ID != strings.ToLower(u.Login) {
			w.Errorf("sessions call %q %q", u.Login, u.ID)
		}
	}
	slices.Sort(got)
	return got
}

func (w *world) expectUsers(q rest.UserQuery, want ...string) {
	w.Helper()
	if got := w.users(q); !slices.Equal(got, want) {
		w.Errorf("%+v finds %q, want %q", q, got, want)
	}
}

func (w *world) newUsers(names ...string) {
	w.Helper()
	for _, name := range names {
		w.must(w.admin.CreateUser(w.Context(), w.realm, name, userPassword))
	}
}

func usersAreListedWithTheirStatus(w *world) {
	on, off := w.prefix+"on", w.prefix+"off"
	w.newUsers(on, off)
	w.change(http.MethodPut, w.realmPath()+"users/"+off, "protocol=1.0,resource=2.0", map[string]any{"inetUserStatus": []string{"Inactive"}})
	if all, err := w.ListsAllUsers(w.Context(), w.realm); all || err != nil {
		w.Errorf("all users are listed for certain: %v, %v; want not", all, err)
	}
	// A real OpenAM sometimes lists a new identity without its status, for longer than two seconds (measured on fresh
	// servers, too). A status that is in the list is right; a missing one is NULL in am_user.
	listed := w.users(rest.UserQuery{Prefix: w.prefix, Status: true})
	if slices.Contains(listed, on) {
		w.Logf("the status of %s is not told", on)
		listed[slices.Index(listed, on)] += "=Active"
	}
	if want := []string{off + "=Inactive", on + "=Active"}; !slices.Equal(listed, want) {
		w.Errorf("users are listed as %q, want %q", listed, want)
	}
	w.expectUsers(rest.UserQuery{ID: off, Status: true}, off+"=Inactive")
	w.expectUsers(rest.UserQuery{ID: off}, off)
}

func usersAreFoundByTheBeginningOfTheirNames(w *world) {
	p := w.prefix + "q" // no other case has names that begin like this
	w.newUsers(p, p+"a", p+"ab", p+"B", p+"ba", p+"c")
	w.expectUsers(rest.UserQuery{Prefix: p}, p, p+"B", p+"a", p+"ab", p+"ba", p+"c")
	w.expectUsers(rest.UserQuery{Prefix: p + "a"}, p+"a", p+"ab")
	w.expectUsers(rest.UserQuery{Prefix: p + "b"}, p+"B", p+"ba")
	w.expectUsers(rest.UserQuery{Prefix: strings.ToUpper(p) + "A"}, p+"a", p+"ab")
	w.expectUsers(rest.UserQuery{Prefix: p, Except: []string{p + "a"}}, p, p+"B", p+"ba", p+"c")
	w.expectUsers(rest.UserQuery{Prefix: p, Except: []string{p + "a", p + "b"}}, p, p+"c")
	w.expectUsers(rest.UserQuery{Prefix: p, Except: []string{p + "a", p + "b", p + "c"}}, p)
	w.expectUsers(rest.UserQuery{Prefix: p + "x"})
	w.expectUsers(rest.UserQuery{ID: p + "b"}, p+"B")
	w.expectUsers(rest.UserQuery{ID: p + "*"})
	w.expectUsers(rest.UserQuery{ID: p + "x"})
}

func usersWithOddNamesAreFound(w *world) {
	for _, name := range oddNames {
		w.newUsers(name)
		if got := w.users(rest.UserQuery{ID: name}); !slices.Equal(got, []string{name}) {
			w.Errorf("%q finds %q", name, got)
		}
		if got := w.users(rest.UserQuery{Prefix: name}); !slices.Contains(got, name) {
			w.Errorf("names that begin with %q are %q", name, got)
		}
	}
}

func aUserListIsCutAt1000(w *world) {
	p := w.prefix + "z"
	var names []string
	for i := range 1010 {
		names = append(names, fmt.Sprintf("%s%d%03d", p, i/1000, i%1000))
	}
	var mu sync.Mutex
	var failures []error
	inParallel(names, func(name string) {
		if err := w.admin.CreateUser(w.Context(), w.realm, name, userPassword); err != nil {
			mu.Lock()
			failures = append(failures, err)
			mu.Unlock()
		}
	})
	w.must(errors.Join(failures...))
	for _, c := range []struct {
		q    rest.UserQuery
		want int
	}{
		{rest.UserQuery{}, 1000},
		{rest.UserQuery{Prefix: p}, 1000},
		{rest.UserQuery{Prefix: p + "0"}, 1000},
		{rest.UserQuery{Prefix: p + "1"}, 10},
		{rest.UserQuery{Prefix: p, Except: []string{p + "00"}}, 910},
		{rest.UserQuery{Prefix: p + "00"}, 100},
	} {
		if got := w.users(c.q); len(got) != c.want {
			w.Errorf("%+v finds %d users, want %d", c.q, len(got), c.want)
		}
	}
}

func serverInformationNeedsNoLogin(w *world) {
	c := w.client(rest.Config{Credentials: rest.SSOToken("garbage")})
	info, err := c.ServerInfo(w.Context())
	if err != nil || info.CookieName != "iPlanetDirectoryPro" || info.Realm != "/" {
		w.Errorf("the server says %+v, %v", info, err)
	}
	if name, err := c.CookieName(w.Context()); err != nil || name != "iPlanetDirectoryPro" {
		w.Errorf("the cookie is %q, %v", name, err)
	}
}

func theServersVersionNeedsAnAdministrator(w *world) {
	version, err := w.ServerVersion(w.Context())
	if err != nil || version.Version != "16.0.5" || version.Revision != "a901278f65" {
		w.Errorf("the version is %+v, %v; want 16.0.5", version, err)
	}
	name := w.prefix + "plain"
	w.newUsers(name)
	_, err = w.as(name).ServerVersion(w.Context())
	expectStatus(w, err, http.StatusForbidden, "insufficient privileges")
}
