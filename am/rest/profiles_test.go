package rest_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// products contains, for each product, the version that the client chooses, and what that version can do.
var products = []struct {
	profile       string
	api           string
	validates     bool
	resetsIdle    bool
	logsOutUsers  bool
	tokenInURL    bool
	listsAllUsers bool
	ownHandle     bool
}{
	{profile: "openam", api: "2.0", tokenInURL: true, ownHandle: true},
	{profile: "am-5.5", api: "3.0", ownHandle: true},
	{profile: "am-7", api: "4.0", validates: true, resetsIdle: true, ownHandle: true},
	{profile: "pingam-8.1", api: "4.0", validates: true, resetsIdle: true, logsOutUsers: true, ownHandle: true},
	{profile: "aic", api: "4.0", validates: true, resetsIdle: true, logsOutUsers: true, listsAllUsers: true},
}

// product is a simulated server with two users in /alpha, and a client that is signed in as the product requires.
type product struct {
	*testing.T
	*rest.Client
	server *simulator.Server
}

func start(t *testing.T, profile string) *product {
	t.Helper()
	server, err := simulator.New(simulator.Options{Profile: profile, Realms: 2})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	config := rest.Config{BaseURL: listener.URL + server.ContextPath()}
	if id, jwk := server.ServiceAccount(); id != "" {
		config.Credentials = rest.ServiceAccount{ID: id, JWK: string(jwk)}
	} else {
		user, password := server.Admin()
		config.Credentials = rest.Password{Username: user, Password: password}
	}
	c, err := rest.New(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"anna", "bert"} {
		if err := server.AddUser("/alpha", name, userPassword); err != nil {
			t.Fatal(err)
		}
	}
	return &product{T: t, Client: c, server: server}
}

func (p *product) login(name string) simulator.Session {
	p.Helper()
	s, err := p.server.Login("/alpha", name)
	if err != nil {
		p.Fatal(err)
	}
	return s
}

// left returns the users who are logged in to /alpha, according to the server.
func (p *product) left() []string {
	var users []string
	for _, s := range p.server.Sessions() {
		if s.Realm == "/alpha" {
			users = append(users, s.Username)
		}
	}
	slices.Sort(users)
	return users
}

func TestEveryProductIsSpokenToInItsVersion(t *testing.T) {
	for _, want := range products {
		t.Run(want.profile, func(t *testing.T) {
			p := start(t, want.profile)
			ctx := t.Context()
			if api, err := p.API(ctx); err != nil || api != want.api {
				t.Errorf("the version is %q, %v; want %s", api, err, want.api)
			}
			anna := p.login("anna")

			info, err := p.SessionInfo(ctx, anna.Token)
			if err != nil || !info.Valid || info.Username != anna.Username || info.Realm != "/alpha" {
				t.Errorf("getSessionInfo: %+v, %v; want %s", info, err, anna.Username)
			}
			valid, err := p.Validate(ctx, anna.Token)
			if supported := err == nil && valid.Valid && valid.Username == anna.Username; supported != want.validates || !supported && !rest.IsUnsupported(err) {
				t.Errorf("validate: %+v, %v; supported: %v", valid, err, want.validates)
			}
			info, err = p.SessionInfoAndResetIdleTime(ctx, anna.Token)
			if supported := err == nil && info.Valid; supported != want.resetsIdle || !supported && !rest.IsUnsupported(err) {
				t.Errorf("getSessionInfoAndResetIdleTime: %+v, %v; supported: %v", info, err, want.resetsIdle)
			}
			limits, err := p.Refresh(ctx, anna.Token)
			if err != nil || limits.Username != anna.Username || limits.MaxIdleMinutes != 30 {
				t.Errorf("refresh: %+v, %v", limits, err)
			}
			if _, err := p.SessionProperties(ctx, anna.Token); err != nil {
				t.Errorf("getSessionProperties: %v", err)
			}
			own, err := p.OwnSession(ctx)
			if hasHandle := own != nil && own.Handle != ""; err != nil || hasHandle != want.ownHandle {
				t.Errorf("the caller's own session: %+v, %v; with a handle: %v", own, err, want.ownHandle)
			}
			if all, err := p.ListsAllUsers(ctx, "/alpha"); err != nil || all != want.listsAllUsers {
				t.Errorf("all users are listed for certain: %v, %v; want %v", all, err, want.listsAllUsers)
			}
			if err := p.Close(ctx); err != nil {
				t.Errorf("sign-out: %v", err)
			}
			for _, r := range p.server.Requests() {
				if inURL := strings.Contains(r.Query, "tokenId="); inURL && !want.tokenInURL {
					t.Errorf("a token is in the URL of %s", r.Action)
				}
			}
		})
	}
}

func TestEveryProductListsAndEndsSessions(t *testing.T) {
	for _, want := range products {
		t.Run(want.profile, func(t *testing.T) {
			p := start(t, want.profile)
			ctx := t.Context()
			first, second, bert := p.login("anna"), p.login("anna"), p.login("bert")
			third := p.login("anna")
			rows := collect(t, p.Sessions(ctx, rest.SessionQuery{Realm: "/alpha", Username: first.Username}))
			if len(rows) != 3 || rows[0].Username != first.Username || rows[0].Handle != first.Handle {
				t.Errorf("%s has the sessions %+v, want three", first.Username, rows)
			}
			if rows := collect(t, p.Sessions(ctx, rest.SessionQuery{Realm: "/bravo"})); len(rows) != 0 {
				t.Errorf("/bravo has the sessions %+v", rows)
			}
			if ended, err := p.Logout(ctx, "", first.Token); err != nil || !ended {
				t.Errorf("logout: %v, %v", ended, err)
			}
			if ended, err := p.Logout(ctx, "", first.Token); err != nil || ended {
				t.Errorf("logout again: %v, %v", ended, err)
			}
			if ended, err := p.LogoutByHandle(ctx, "", []string{second.Handle}); err != nil || !ended[second.Handle] {
				t.Errorf("logoutByHandle: %v, %v", ended, err)
			}
			if got, expected := p.left(), slices.Sorted(slices.Values([]string{bert.Username, third.Username})); !slices.Equal(got, expected) {
				t.Errorf("%q are left, want %q", got, expected)
			}
			ended, err := p.LogoutByUser(ctx, "/alpha", third.Username)
			if ended != want.logsOutUsers || !ended && !rest.IsUnsupported(err) {
				t.Errorf("logoutByUser: %v, %v; supported: %v", ended, err, want.logsOutUsers)
			}
			if got := p.left(); want.logsOutUsers && !slices.Equal(got, []string{bert.Username}) {
				t.Errorf("%q are left, want bert's", got)
			}
			if info, err := p.SessionInfo(ctx, first.Token); err != nil || info.Valid {
				t.Errorf("an ended session: %+v, %v; want an invalid one", info, err)
			}
		})
	}
}

func TestEveryProductListsRealmsUsersAndLimits(t *testing.T) {
	for _, want := range products {
		t.Run(want.profile, func(t *testing.T) {
			p := start(t, want.profile)
			ctx := t.Context()
			var realms []string
			for _, r := range collect(t, p.Realms(ctx)) {
				realms = append(realms, r.Path())
			}
			if !slices.Contains(realms, "/alpha") || !slices.Contains(realms, "/bravo") {
				t.Errorf("the realms are %q", realms)
			}
			anna := p.login("anna")
			users := collect(t, p.Users(ctx, rest.UserQuery{Realm: "/alpha", ID: anna.Username, Status: true}))
			if len(users) != 1 || users[0].ID != anna.Username || users[0].Login != "anna" || !strings.EqualFold(users[0].Status, "Active") {
				t.Errorf("anna is %s", describe(users))
			}
			if all := collect(t, p.Users(ctx, rest.UserQuery{Realm: "/alpha"})); len(all) < 2 {
				t.Errorf("the users of /alpha are %s", describe(all))
			}
			if version, err := p.ServerVersion(ctx); err != nil || version.Version == "" {
				t.Errorf("the version is %+v, %v", version, err)
			}
			if _, err := p.SessionService(ctx, "/alpha"); err != nil {
				t.Errorf("the session service: %v", err)
			}
			if limit, err := p.ListCap(ctx); want.profile != "aic" && (err != nil || limit != 120) {
				t.Errorf("the list cap is %d, %v", limit, err)
			}
		})
	}
}

func describe(users []*rest.User) string {
	text := ""
	for _, u := range users {
		text += fmt.Sprintf("%+v ", *u)
	}
	return text
}

// A configured version is used without being tried first. If the server lacks it, the error must not be that a realm
// does not exist.
func TestAConfiguredVersionThatTheServerLacksIsSaid(t *testing.T) {
	for _, c := range []struct {
		profile, version string
		serves           bool
	}{{"openam", "4.0", false}, {"openam", "3.1", false}, {"openam", "2.0", true}, {"am-5.5", "5.1", false}, {"pingam-8.1", "5.1", true}} {
		server, err := simulator.New(simulator.Options{Profile: c.profile, Realms: 1})
		check(t, err)
		client := clientOf(t, server, rest.Config{API: c.version})
		want := fmt.Sprintf("%s does not serve version %s of sessions: do not set api (AM_API)", client.BaseURL(), c.version)
		for _, realm := range []string{"/alpha", "/nosuch"} {
			var err error
			for _, e := range client.Sessions(t.Context(), rest.SessionQuery{Realm: realm}) {
				err = e
			}
			if !c.serves && (err == nil || rest.IsNotFound(err) || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s at %s, realm %s: %v, want %s", c.profile, c.version, realm, err, want)
			}
			if c.serves && rest.IsNotFound(err) != (realm == "/nosuch") {
				t.Errorf("%s at %s, realm %s: %v", c.profile, c.version, realm, err)
			}
		}
		if _, err := client.LogoutByHandle(t.Context(), "", nil); (err == nil) != c.serves || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s at %s: the action: %v", c.profile, c.version, err)
		}
	}
}
