package rest_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// deadTokens returns texts that are not live tokens: garbage, an altered token, a handle, and a token that has been
// logged out.
func (w *world) deadTokens() map[string]string {
	w.Helper()
	token := w.login(w.prefix + "dead")
	altered := "A" + token[1:]
	if altered == token {
		altered = "B" + token[1:]
	}
	handle := w.handle(token)
	w.must(w.admin.Logout(w.Context(), token))
	return map[string]string{"garbage": "garbage", "altered": altered, "truncated": token[:40], "handle": handle, "logged out": token}
}

func informationOfOnesOwn(w *world) {
	info, err := w.SessionInfo(w.Context(), "")
	w.must(err)
	if !info.Valid || info.Username != w.user || info.Realm != "/" || !strings.HasPrefix(info.Handle, "shandle:") ||
		!near(info.LatestAccess, w.Now()) || info.MaxIdleExpiration.Sub(info.LatestAccess) != 30*time.Minute || info.Properties != nil {
		w.Errorf("the caller's own session is %+v", info)
	}
}

func informationByToken(w *world) {
	name := w.prefix + "Told"
	token := w.login(name)
	info, err := w.SessionInfo(w.Context(), token)
	w.must(err)
	row := w.sessions(rest.SessionQuery{Realm: w.realm})[0]
	if !info.Valid || info.Username != name || info.Realm != w.realm || info.Handle != row.Handle ||
		info.UniversalID != "id="+name+",ou=user,o="+w.realm[1:]+",ou=services,dc=openam,dc=example,dc=org" ||
		!near(info.LatestAccess, row.LatestAccess) || !near(info.MaxSessionExpiration, row.MaxSessionExpiration) {
		w.Errorf("the session is %+v, and its row %+v", info, row)
	}
}

func informationOfWhatIsNoLiveToken(w *world) {
	for what, token := range w.deadTokens() {
		if info, err := w.SessionInfo(w.Context(), token); err != nil || info.Valid || info.Username != "" {
			w.Errorf("%s: %+v, %v; want an invalid session", what, info, err)
		}
	}
}

func informationOfOthersIsForAdministrators(w *world) {
	mine, yours := w.login(w.prefix+"me"), w.login(w.prefix+"you")
	also := w.login(w.prefix + "me")
	c := w.client(rest.Config{Credentials: rest.SSOToken(mine)})
	for _, token := range []string{"", mine, also} {
		if info, err := c.SessionInfo(w.Context(), token); err != nil || info.Username != w.prefix+"me" {
			w.Errorf("a user's own session: %+v, %v", info, err)
		}
	}
	for _, token := range []string{yours, "garbage"} {
		_, err := c.SessionInfo(w.Context(), token)
		expectStatus(w, err, http.StatusForbidden, "Forbidden")
	}
}

func onesOwnSessionHasItsHandle(w *world) {
	own, err := w.OwnSession(w.Context())
	w.must(err)
	rows := w.sessions(rest.SessionQuery{Realm: "/", Username: w.user})
	if !own.Valid || !slices.ContainsFunc(rows, func(s *rest.Session) bool { return s.Handle == own.Handle }) {
		w.Errorf("the caller's own session is %+v, and %s has %d", own, w.user, len(rows))
	}
}

func propertiesWithoutAWhitelist(w *world) {
	token := w.login(w.prefix + "plain")
	if got, err := w.SessionProperties(w.Context(), token); err != nil || len(got) != 0 || got == nil {
		w.Errorf("the properties are %v, %v; want none", got, err)
	}
	_, err := w.UpdateSessionProperties(w.Context(), token, map[string]string{"p1": "v"})
	expectStatus(w, err, http.StatusForbidden, "Forbidden")
}

func propertiesOfAWhitelist(w *world) {
	w.must(w.admin.CreateWhitelist(w.Context(), w.realm, "p1", "p2"))
	token := w.login(w.prefix + "rich")
	w.listed(token, "p1", "p2")
	steps := []map[string]string{
		{"p1": "", "p2": ""},
		{"p1": "one", "p2": "two words"},
		{"p1": "", "p2": `"quoted" \ and 日本 <é>`},
		{"p1": strings.Repeat("long ", 2000), "p2": "x"},
	}
	for i, want := range steps {
		if i > 0 {
			if got, err := w.UpdateSessionProperties(w.Context(), token, want); err != nil || !maps.Equal(got, want) {
				w.Errorf("the update returns %v, %v; want %v", got, err, want)
			}
		}
		if got, err := w.SessionProperties(w.Context(), token); err != nil || !maps.Equal(got, want) {
			w.Errorf("the properties are %v, %v; want %v", got, err, want)
		}
	}
	own := w.client(rest.Config{Credentials: rest.SSOToken(token)})
	want := map[string]string{"p1": "mine", "p2": ""}
	if got, err := own.UpdateSessionProperties(w.Context(), "", want); err != nil || !maps.Equal(got, want) {
		w.Errorf("the owner's update returns %v, %v; want %v", got, err, want)
	}
	if got, err := own.SessionProperties(w.Context(), ""); err != nil || !maps.Equal(got, want) {
		w.Errorf("the owner reads %v, %v; want %v", got, err, want)
	}
}

// listed waits until the properties of a session are those of a whitelist, which takes effect after a moment.
func (w *world) listed(token string, names ...string) {
	w.Helper()
	w.await("a whitelist holds", func() bool {
		got, err := w.SessionProperties(w.Context(), token)
		return err == nil && slices.Equal(slices.Sorted(maps.Keys(got)), names)
	})
}

func propertiesThatAreRefused(w *world) {
	w.must(w.admin.CreateWhitelist(w.Context(), w.realm, "p1", "p2"))
	token := w.login(w.prefix + "poor")
	w.listed(token, "p1", "p2")
	before := map[string]string{"p1": "a", "p2": "b"}
	_, err := w.UpdateSessionProperties(w.Context(), token, before)
	w.must(err)
	for what, properties := range map[string]map[string]string{
		"some":      {"p1": "x"},
		"unlisted":  {"p3": "x"},
		"more":      {"p1": "x", "p2": "y", "p3": "z"},
		"protected": {"AuthLevel": "5"},
	} {
		if _, err := w.UpdateSessionProperties(w.Context(), token, properties); !rest.IsForbidden(err) {
			w.Errorf("%s: %v, want 403", what, err)
		}
	}
	_, err = w.UpdateSessionProperties(w.Context(), token, map[string]string{})
	expectStatus(w, err, http.StatusBadRequest, "Bad Request")
	if got, err := w.SessionProperties(w.Context(), token); err != nil || !maps.Equal(got, before) {
		w.Errorf("the properties are %v, %v; want %v as before", got, err, before)
	}
	other := w.client(rest.Config{Credentials: rest.SSOToken(w.login(w.prefix + "other"))})
	if _, err := other.SessionProperties(w.Context(), token); !rest.IsForbidden(err) {
		w.Errorf("another user reads the properties: %v, want 403", err)
	}
}

func propertiesOfADeadSession(w *world) {
	w.must(w.admin.CreateWhitelist(w.Context(), w.realm, "p1"))
	for what, token := range w.deadTokens() {
		if _, err := w.SessionProperties(w.Context(), token); err == nil || rest.IsUnauthorized(err) {
			w.Errorf("the properties of %s: %v, want an error that is not about the client's own session", what, err)
		}
	}
}

func refreshTellsTheLimits(w *world) {
	w.must(w.admin.AddSessionService(w.Context(), w.realm, 7, 60, 5))
	var token string
	var got *rest.Timeouts
	w.await("the limits hold", func() (holds bool) {
		var err error
		token = w.login(w.prefix + "fresh")
		got, err = w.Refresh(w.Context(), token)
		w.must(err)
		return got.MaxIdleMinutes == 7
	})
	if got.Valid != nil || got.Username != w.prefix+"fresh" || got.Realm != w.realm || got.IdleSeconds != 0 ||
		got.MaxIdleMinutes != 7 || got.MaxMinutes != 60 || got.LeftSeconds < 3500 || got.LeftSeconds > 3600 {
		w.Errorf("refresh says %+v, want 7 and 60 minutes and an hour left", got)
	}
	own := w.client(rest.Config{Credentials: rest.SSOToken(token)})
	if _, err := own.Refresh(w.Context(), ""); !rest.IsForbidden(err) {
		w.Errorf("the owner refreshes: %v, want 403", err)
	}
	for what, token := range w.deadTokens() {
		if got, err := w.Refresh(w.Context(), token); err != nil || got.Valid == nil || *got.Valid {
			w.Errorf("refresh of %s says %+v, %v; want valid false", what, got, err)
		}
	}
}

func logoutOfALiveSession(w *world) {
	token, stays := w.login(w.prefix+"goes"), w.login(w.prefix+"stays")
	ended, err := w.Logout(w.Context(), "", token)
	if err != nil || !ended {
		w.Errorf("logout says %v, %v; want true", ended, err)
	}
	w.expectAlive(token, false)
	w.expectAlive(stays, true)
	w.expectAlive(w.admin.Token, true)
	if got := w.names(); !slices.Equal(got, []string{w.prefix + "stays"}) {
		w.Errorf("the realm has sessions of %q", got)
	}
	own := w.client(rest.Config{Credentials: rest.SSOToken(stays)})
	if ended, err := own.Logout(w.Context(), "", ""); err != nil || !ended {
		w.Errorf("logout of the caller's own session says %v, %v; want true", ended, err)
	}
	w.expectAlive(stays, false)
}

func logoutOfWhatIsNoLiveToken(w *world) {
	for what, token := range w.deadTokens() {
		if ended, err := w.Logout(w.Context(), "", token); err != nil || ended {
			w.Errorf("logout of %s says %v, %v; want false", what, ended, err)
		}
	}
	if info, err := w.SessionInfo(w.Context(), ""); err != nil || !info.Valid {
		w.Errorf("the client's own session is %+v, %v", info, err)
	}
}

func logoutByHandleOfLiveSessions(w *world) {
	a, b, stays := w.login(w.prefix+"a"), w.login(w.prefix+"b"), w.login(w.prefix+"a")
	first, second := w.handle(a), w.handle(b)
	got, err := w.LogoutByHandle(w.Context(), "", []string{first, second, first})
	if want := map[string]bool{first: true, second: true}; err != nil || !maps.Equal(got, want) {
		w.Errorf("logoutByHandle says %v, %v; want %v", got, err, want)
	}
	w.expectAlive(a, false)
	w.expectAlive(b, false)
	w.expectAlive(stays, true)
	if got := w.names(); !slices.Equal(got, []string{w.prefix + "a"}) {
		w.Errorf("the realm has sessions of %q", got)
	}
}

func logoutByHandleOfWhatIsNotAlive(w *world) {
	token := w.login(w.prefix + "gone")
	gone := w.handle(token)
	w.must(w.admin.Logout(w.Context(), token))
	altered := strings.Replace(gone, "shandle:A", "shandle:B", 1)
	for _, c := range []struct {
		handles []string
		want    map[string]bool
	}{
		{nil, map[string]bool{}},
		{[]string{}, map[string]bool{}},
		{[]string{gone}, map[string]bool{gone: true}},
		{[]string{altered}, map[string]bool{altered: true}},
		{[]string{"shandle:garbage"}, map[string]bool{"shandle:garbage": true}},
		{[]string{"garbage"}, map[string]bool{"garbage": false}},
		{[]string{gone, gone, "garbage"}, map[string]bool{gone: true, "garbage": false}},
	} {
		if got, err := w.LogoutByHandle(w.Context(), "", c.handles); err != nil || !maps.Equal(got, c.want) {
			w.Errorf("logoutByHandle of %q says %v, %v; want %v", c.handles, got, err, c.want)
		}
	}
}

func logoutByHandleOfOnesOwnSession(w *world) {
	before, after := w.login(w.prefix+"a"), w.login(w.prefix+"b")
	own := w.handle("")
	handles := []string{w.handle(before), own, w.handle(after)}
	got, err := w.LogoutByHandle(w.Context(), "", handles)
	if want := map[string]bool{handles[0]: true, own: true, handles[2]: false}; err != nil || !maps.Equal(got, want) {
		w.Errorf("logoutByHandle says %v, %v; want %v", got, err, want)
	}
	w.expectAlive(before, false)
	w.expectAlive(after, true)
	if again := w.handle(""); again == own {
		w.Error("the client's own session has not ended")
	}
}

func logoutByHandleIsForAdministrators(w *world) {
	token := w.login(w.prefix + "me")
	c := w.client(rest.Config{Credentials: rest.SSOToken(token)})
	_, err := c.LogoutByHandle(w.Context(), "", []string{w.handle(token)})
	expectStatus(w, err, http.StatusForbidden, "Forbidden")
	w.expectAlive(token, true)
}

// malformedToken looks like a token, but its second half cannot be parsed.
const malformedToken = "AQIC5wM2LY4Sfcx.*AAJTSQACMDEAAlNLABM1*"

func aTokenThatTheServerFailsAtIsInvalid(w *world) {
	status, _ := w.status(http.MethodPost, "sessions?_action=getSessionInfo&tokenId="+malformedToken, "protocol=1.0,resource=2.0")
	if status != http.StatusInternalServerError {
		w.Errorf("the server answers %d, and the case is about a 500", status)
	}
	if info, err := w.SessionInfo(w.Context(), malformedToken); err != nil || info.Valid {
		w.Errorf("the malformed token: %+v, %v; want an invalid session", info, err)
	}
}

func propertiesByNameAt12(w *world) {
	w.must(w.admin.CreateWhitelist(w.Context(), w.realm, "p1", "p2"))
	token := w.login(w.prefix + "named")
	w.listed(token, "p1", "p2")
	_, err := w.UpdateSessionProperties(w.Context(), token, map[string]string{"p1": "one", "p2": "two"})
	w.must(err)
	c := w.client(rest.Config{API: "1.2", Credentials: rest.Password{Username: w.user, Password: w.password}})
	for _, names := range [][]string{{"p1"}, {"p2", "p1"}} {
		for version, of := range map[string]*rest.Client{"1.2": c, "2.0": w.Client} {
			got, err := of.SessionProperties(w.Context(), token, names...)
			if keys := slices.Sorted(maps.Keys(got)); err != nil || !slices.Equal(keys, slices.Sorted(slices.Values(names))) || got["p1"] != "one" {
				w.Errorf("%q at %s: %v, %v", names, version, got, err)
			}
		}
	}
	if _, err := c.SessionProperties(w.Context(), token); !rest.IsUnsupported(err) {
		w.Errorf("all properties at 1.2: %v, want an *UnsupportedError", err)
	}
}
