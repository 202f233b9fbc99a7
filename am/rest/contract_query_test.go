package rest_test

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

func aQueryFindsTheSessionsOfARealm(w *world) {
	a, b := w.prefix+"a", w.prefix+"b"
	w.logins(w.realm, a, b, a)
	rows := w.sessions(rest.SessionQuery{Realm: w.realm})
	var users []string
	for _, s := range rows {
		users = append(users, s.Username)
		if s.Realm != w.realm || !strings.HasPrefix(s.Handle, "shandle:") || s.Properties != nil ||
			s.UniversalID != "id="+s.Username+",ou=user,o="+w.realm[1:]+",ou=services,dc=openam,dc=example,dc=org" {
			w.Errorf("unexpected row %+v", s)
		}
		if !near(s.LatestAccess, w.Now()) || s.MaxIdleExpiration.Sub(s.LatestAccess) != 30*time.Minute ||
			!near(s.MaxSessionExpiration, w.Now().Add(2*time.Hour)) {
			w.Errorf("at %s: unexpected times in %+v", w.Now(), s)
		}
	}
	if want := []string{a, b, a}; !slices.Equal(users, want) {
		w.Errorf("the sessions are of %q, want %q, oldest first", users, want)
	}
}

func aQueryFindsTheSessionsOfAUser(w *world) {
	a, b := w.prefix+"a", w.prefix+"b"
	w.logins(w.realm, a, b, a)
	for user, want := range map[string]int{a: 2, b: 1, w.prefix: 0, a + "a": 0, "*": 0, w.prefix + "*": 0} {
		rows := w.sessions(rest.SessionQuery{Realm: w.realm, Username: user})
		if len(rows) != want {
			w.Errorf("%q has %d sessions, want %d", user, len(rows), want)
		}
		for _, s := range rows {
			if s.Username != user {
				w.Errorf("%q has a session of %q", user, s.Username)
			}
		}
	}
}

func aQueryFindsOddNames(w *world) {
	w.logins(w.realm, oddNames...)
	for _, name := range oddNames {
		rows := w.sessions(rest.SessionQuery{Realm: w.realm, Username: name})
		if len(rows) != 1 || rows[0].Username != name {
			w.Errorf("%q has the sessions %+v, want one", name, rows)
		}
	}
	if got, want := w.names(), slices.Sorted(slices.Values(oddNames)); !slices.Equal(got, want) {
		w.Errorf("the realm has sessions of %q, want %q", got, want)
	}
}

func aQueryComparesWithoutRegardToCase(w *world) {
	name := w.prefix + "MixedCase"
	token := w.login(name)
	for _, asked := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
		rows := w.sessions(rest.SessionQuery{Realm: w.realm, Username: asked})
		if len(rows) != 1 || rows[0].Username != strings.ToLower(name) {
			w.Errorf("%q has the sessions %+v, want one of %q", asked, rows, strings.ToLower(name))
		}
	}
	if rows := w.sessions(rest.SessionQuery{Realm: strings.ToUpper(w.realm)}); len(rows) != 1 || rows[0].Realm != w.realm {
		w.Errorf("%s has the sessions %+v, want one in %s", strings.ToUpper(w.realm), rows, w.realm)
	}
	info, err := w.SessionInfo(w.Context(), token)
	if err != nil || info.Username != name {
		w.Errorf("getSessionInfo says %+v, %v; want %s as typed", info, err, name)
	}
}

func aQueryLeavesSubRealmsOut(w *world) {
	nested := w.realm + "/nested"
	w.must(w.admin.CreateRealm(w.Context(), nested))
	w.logins(w.realm, w.prefix+"out")
	w.logins(nested, w.prefix+"in")
	for realm, want := range map[string]string{w.realm: w.prefix + "out", nested: w.prefix + "in", nested + "/": w.prefix + "in", nested[1:]: w.prefix + "in"} {
		rows := w.sessions(rest.SessionQuery{Realm: realm})
		if len(rows) != 1 || rows[0].Username != want {
			w.Errorf("%s has the sessions %+v, want one of %s", realm, rows, want)
		}
	}
}

func aQueryOfAnUnknownRealmIsNotFound(w *world) {
	for _, realm := range []string{w.realm + "x", w.realm + "/missing", "/missing" + w.realm} {
		n, err := firstError(w.Sessions(w.Context(), rest.SessionQuery{Realm: realm}))
		if n != 0 || !rest.IsNotFound(err) || !strings.Contains(err.Error(), "realm "+realm) {
			w.Errorf("%s answers %d rows and %v, want a 404 that names it", realm, n, err)
		}
	}
}

func aQueryOfTheRootListsAdministrators(w *world) {
	own := w.handle("")
	for _, realm := range []string{"", "/"} {
		rows := w.sessions(rest.SessionQuery{Realm: realm})
		if !slices.ContainsFunc(rows, func(s *rest.Session) bool { return s.Handle == own && s.Username == w.user && s.Realm == "/" }) {
			w.Errorf("realm %q does not list the client's own session: %+v", realm, rows)
		}
		system := slices.IndexFunc(rows, func(s *rest.Session) bool { return s.Username == "dsameuser" })
		if system < 0 || rows[system].MaxSessionExpiration.Before(w.Now().AddDate(40, 0, 0)) {
			w.Errorf("realm %q does not list the server's own session until 2068", realm)
		}
	}
}

func aQueryProjectsFields(w *world) {
	w.login(w.prefix + "fields")
	whole := *w.sessions(rest.SessionQuery{Realm: w.realm})[0]
	for _, c := range []struct {
		fields []string
		want   rest.Session
	}{
		{[]string{rest.FieldUsername}, rest.Session{Username: whole.Username}},
		{[]string{rest.FieldHandle, rest.FieldRealm}, rest.Session{Handle: whole.Handle, Realm: whole.Realm}},
		{[]string{rest.FieldLatestAccess, rest.FieldProperties}, rest.Session{LatestAccess: whole.LatestAccess}},
		{nil, whole},
	} {
		rows := w.sessions(rest.SessionQuery{Realm: w.realm, Fields: c.fields})
		if len(rows) != 1 || !same(*rows[0], c.want) {
			w.Errorf("with the fields %q the rows are %+v, want %+v", c.fields, rows, c.want)
		}
	}
	_, err := firstError(w.Sessions(w.Context(), rest.SessionQuery{Realm: w.realm, Fields: []string{rest.FieldProperties}}))
	expectStatus(w, err, http.StatusBadRequest, "Must define return fields for attribute query.")
}

func same(a, b rest.Session) bool {
	return a.Username == b.Username && a.UniversalID == b.UniversalID && a.Realm == b.Realm && a.Handle == b.Handle &&
		a.LatestAccess.Equal(b.LatestAccess) && a.MaxIdleExpiration.Equal(b.MaxIdleExpiration) && a.MaxSessionExpiration.Equal(b.MaxSessionExpiration)
}

func aQueryIsForAdministrators(w *world) {
	name := w.prefix + "plain"
	w.must(w.admin.CreateUser(w.Context(), w.realm, name, userPassword))
	c := w.as(name)
	for _, user := range []string{"", name} {
		n, err := firstError(c.Sessions(w.Context(), rest.SessionQuery{Realm: w.realm, Username: user}))
		expectStatus(w, err, http.StatusForbidden, "only an administrator may")
		if n != 0 || !rest.IsForbidden(err) || !strings.Contains(err.Error(), name) {
			w.Errorf("%d rows and %v, want a 403 that names %s", n, err, name)
		}
	}
}

func aListIsCutAt120TheOldestKept(w *world) {
	w.must(w.admin.SetListCap(w.Context(), 120))
	first := map[string]bool{}
	var tokens []string
	for _, step := range []struct{ logins, want int }{{119, 119}, {1, 120}, {1, 120}, {15, 120}} {
		more, err := w.admin.LoginMany(w.Context(), w.realm, userPassword, slices.Repeat([]string{w.many()}, step.logins)...)
		w.must(err)
		tokens = append(tokens, more...)
		for _, q := range []rest.SessionQuery{{Realm: w.realm}, {Realm: w.realm, Username: w.many()}, {Realm: w.realm, Fields: []string{rest.FieldHandle}}} {
			rows := w.sessions(q)
			if len(rows) != step.want {
				w.Errorf("of %d sessions there are %d rows, want %d (%+v)", len(tokens), len(rows), step.want, q)
			}
			for _, s := range rows {
				if len(tokens) <= 120 {
					first[s.Handle] = true
				} else if !first[s.Handle] {
					w.Errorf("of %d sessions one that is not among the oldest 120 is listed: %s", len(tokens), s.Handle)
				}
			}
		}
	}
	w.must(w.admin.LogoutMany(w.Context(), tokens[:20]...))
	if rows := w.sessions(rest.SessionQuery{Realm: w.realm}); len(rows) != 116 {
		w.Errorf("when 20 of the oldest have gone there are %d rows, want the other 116", len(rows))
	}
	w.must(w.admin.LogoutMany(w.Context(), tokens...))
}

// many returns a user who exists.
func (w *world) many() string {
	w.must(w.admin.CreateUser(w.Context(), w.realm, w.prefix+"many", userPassword))
	return w.prefix + "many"
}

func theListCapIsReadAndChanged(w *world) {
	w.logins(w.realm, slices.Repeat([]string{w.prefix + "few"}, 4)...)
	old, err := w.ListCap(w.Context())
	w.must(err)
	w.Cleanup(func() {
		w.change(http.MethodPut, "global-config/services/session", "protocol=1.0,resource=1.0", listCap(old))
	})
	for _, limit := range []int{3, 5000, 2} {
		w.must(w.admin.SetListCap(w.Context(), limit))
		if got, err := w.ListCap(w.Context()); err != nil || got != limit {
			w.Errorf("the cap reads %d, %v; want %d", got, err, limit)
		}
		if rows := w.sessions(rest.SessionQuery{Realm: w.realm}); len(rows) != min(limit, 4) {
			w.Errorf("with the cap at %d there are %d rows of 4", limit, len(rows))
		}
	}
	name := w.prefix + "plain"
	w.must(w.admin.CreateUser(w.Context(), w.realm, name, userPassword))
	_, err = w.as(name).ListCap(w.Context())
	expectStatus(w, err, http.StatusForbidden, "the list cap")
}

func listCap(n int) map[string]any {
	return map[string]any{"search": map[string]int{"maxSessionListSize": n}}
}
