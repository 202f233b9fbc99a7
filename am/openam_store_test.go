package am_test

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
	"github.com/amsql/steampipe-plugin-am/am/internal/storetest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

var storeSessions = flag.Int("store.sessions", 300, "sessions that a token store and AM's own lists are compared over")

// tokenStore is a deployment with the configuration to read its token store.
type tokenStore struct {
	*deployment
	store []string
}

func realTokenStore(t *testing.T) tokenStore {
	d := realOpenAM(t)
	address := os.Getenv("AMSQL_OPENAM_LDAP")
	if address == "" {
		t.Skip("needs a real OpenAM: make openam-test") // bin/openam must have started the server: the directory of any other server is unknown
	}
	return tokenStore{d, []string{"AM_TOKEN_STORE_URL=" + address, "AM_TOKEN_STORE_BIND_DN=" + openamtest.DirectoryManager, "AM_TOKEN_STORE_PASSWORD=" + openamtest.Password}}
}

func simulatedTokenStore(t *testing.T, options simulator.Options) (tokenStore, *simulator.TokenStore) {
	t.Helper()
	server, err := simulator.New(options)
	must(t, err)
	return tokenStoreOf(t, server)
}

// tokenStoreOf starts a simulated AM and its token store.
func tokenStoreOf(t *testing.T, server *simulator.Server) (tokenStore, *simulator.TokenStore) {
	t.Helper()
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	user, password := server.Admin()
	address := web.URL + server.ContextPath()
	store, listening := storetest.Serve(t, server)
	account, secret := store.Account("amsql-reader")
	return tokenStore{
		&deployment{openamtest.ConnectTo(t, address, user, password), []string{"AM_URL=" + address, "AM_USERNAME=" + user, "AM_PASSWORD=" + password}},
		[]string{
			"AM_TOKEN_STORE_URL=ldap://" + listening, "AM_TOKEN_STORE_BIND_DN=" + account, "AM_TOKEN_STORE_PASSWORD=" + secret,
			"AM_TOKEN_STORE_FINGERPRINT=" + storetest.Fingerprint(store),
		},
	}, store
}

// stored returns the deployment with amsql configured to read the token store.
func (s tokenStore) stored() *deployment {
	return &deployment{s.admin, append(slices.Clone(s.environment), s.store...)}
}

func TestOpenAMTokenStoreEqualsAMsOwnLists(t *testing.T) {
	s := realTokenStore(t)
	expire := s.shortLived(t) // these sessions expire during the next steps
	storeEqualsLists(t, s)
	expire()
}

func TestTokenStoreEqualsAMsOwnLists(t *testing.T) {
	s, _ := simulatedTokenStore(t, simulator.Options{})
	storeEqualsLists(t, s)
}

// storeEqualsLists compares AM's lists, without truncation, with the token store's, read while AM has its default cap.
func storeEqualsLists(t *testing.T, s tokenStore) {
	ctx := t.Context()
	realms := []string{"/store-one", "/store-one/nested", "/StoreMixed"}
	listCap, err := s.admin.ListCap(ctx)
	must(t, err)
	t.Cleanup(func() { must(t, s.admin.SetListCap(context.Background(), listCap)) })
	names := slices.Concat(people, []string{"STOREUPPER", "user@example.com", "sla/sh", "ünï", "leaver"})
	for i := range *storeSessions / 5 {
		names = append(names, fmt.Sprintf("store%04d", i))
	}
	var logins []string // most of them in the first realm, more than AM lists
	for i := range *storeSessions {
		logins = append(logins, names[i%len(names)])
	}
	var tokens []string
	for i, part := range [][]string{logins[:len(logins)*3/5], logins[len(logins)*3/5 : len(logins)*4/5], logins[len(logins)*4/5:]} {
		must(t, s.admin.CreateRealm(ctx, realms[i]))
		must(t, s.admin.CreateUsers(ctx, realms[i], "changeit", names...))
		of, err := s.admin.LoginMany(ctx, realms[i], "changeit", part...)
		must(t, err)
		tokens = append(tokens, of...)
	}
	t.Cleanup(func() { must(t, s.admin.LogoutMany(context.Background(), tokens...)) })

	statement := "select " + serverColumns + ", is_expired from am_session where realm in (" + quotedList(realms) + ") order by session_handle"
	same := func(when string) (rows []map[string]any) {
		t.Helper()
		must(t, s.admin.SetListCap(ctx, 5**storeSessions))
		want := s.query(t, statement)
		must(t, s.admin.SetListCap(ctx, 120))
		start := time.Now()
		rows = s.stored().query(t, statement)
		t.Logf("%s: %d sessions, in %v from the token store", when, len(rows), time.Since(start).Round(time.Millisecond))
		if d := cmp.Diff(want, rows); d != "" {
			t.Errorf("%s (-AM +token store):\n%.3000s", when, d)
		}
		return rows
	}
	rows := same("after the logins")
	if len(rows) != *storeSessions {
		t.Fatalf("%d sessions, want %d", len(rows), *storeSessions)
	}
	scan := s.stored().query(t, "select distinct source, completeness, list_cap from am_session_scan where realm in ("+quotedList(realms)+")")
	if d := cmp.Diff([]map[string]any{{"source": "token store", "completeness": "complete", "list_cap": nil}}, scan); d != "" {
		t.Error(d)
	}
	for _, name := range append(slices.Clone(people), "storeupper", "nobody") {
		where := "where username = " + quotedList([]string{name}) + " and realm in (" + quotedList(realms) + ") order by session_handle"
		columns := "select " + serverColumns + " from am_session "
		if d := cmp.Diff(s.query(t, columns+where), s.stored().query(t, columns+where)); d != "" {
			t.Errorf("%q (-AM +token store):\n%s", name, d)
		}
	}

	must(t, s.admin.LogoutMany(ctx, tokens[:10]...))
	same("after logout")
	handles := filepath.Join(t.TempDir(), "handles")
	var some []string
	for _, row := range s.stored().query(t, statement)[:5] {
		some = append(some, row["session_handle"].(string))
	}
	must(t, os.WriteFile(handles, []byte(strings.Join(some, "\n")), 0o600))
	s.stored().amsql(t, "logout", "--yes", "--from", handles)
	if left := same("after logoutByHandle"); len(left) != *storeSessions-15 {
		t.Errorf("%d sessions, want %d", len(left), *storeSessions-15)
	}
	must(t, s.admin.DeleteUser(ctx, realms[0], "leaver"))
	same("after the deletion of a user")
	must(t, s.admin.DeleteRealm(ctx, realms[1]))
	s.listsTheDeletedRealm(t, realms[1])
}

// listsTheDeletedRealm expects the sessions of a deleted realm, which live on. Without a token store, amsql lists only
// existing realms, so the list is compared with AM's.
func (s tokenStore) listsTheDeletedRealm(t *testing.T, realm string) {
	t.Helper()
	must(t, s.admin.SetListCap(t.Context(), 5**storeSessions))
	listed, err := s.admin.Sessions(t.Context(), realm)
	must(t, err)
	var want, got []string
	for _, row := range listed {
		want = append(want, row["sessionHandle"].(string))
	}
	for _, row := range s.stored().query(t, "select session_handle from am_session where realm = '"+realm+"'") {
		got = append(got, row["session_handle"].(string))
	}
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" || len(got) == 0 {
		t.Errorf("%d sessions of a deleted realm (-AM +token store):\n%.3000s", len(got), d)
	}
}

// shortLived logs in users whose sessions end soon, because of the idle limit or the maximum session time, and returns
// a function that waits for that. They are few, because OpenAM sometimes hangs after many sessions have ended together.
func (s tokenStore) shortLived(t *testing.T) (expire func()) {
	ctx := t.Context()
	realms := map[string][2]int{"/store-idle": {1, 60}, "/store-max": {30, 2}} // idle limit and maximum session time, in minutes
	names := []string{"o'brien", "日本", "plain"}
	for realm, limits := range realms {
		must(t, s.admin.CreateRealm(ctx, realm))
		must(t, s.admin.AddSessionService(ctx, realm, limits[0], limits[1], 100))
		must(t, s.admin.CreateUsers(ctx, realm, "changeit", names...))
	}
	statement := "select " + serverColumns + " from am_session where realm in ('/store-idle', '/store-max') and not is_expired order by session_handle"
	for realm := range realms {
		s.logInOnceLimited(t, realm, names...)
	}
	return func() {
		t.Helper()
		for deadline := time.Now().Add(4 * time.Minute); ; {
			before, stored, after := s.query(t, statement), s.stored().query(t, statement), s.query(t, statement)
			if d := cmp.Diff(before, stored); d != "" && cmp.Equal(before, after) { // otherwise a session has ended between the two lists
				t.Errorf("while sessions end (-AM +token store):\n%s", d)
			}
			if len(stored) == 0 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d sessions have not ended: %v", len(stored), stored)
			}
		}
	}
}

// logInOnceLimited logs in users, and repeats it until the limits of the realm, which do not take effect at once,
// apply.
func (s tokenStore) logInOnceLimited(t *testing.T, realm string, names ...string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		tokens, err := s.admin.LoginMany(t.Context(), realm, "changeit", names...)
		must(t, err)
		rows, err := s.admin.Sessions(t.Context(), realm)
		must(t, err)
		if len(rows) == len(names) && !slices.ContainsFunc(rows, func(row map[string]any) bool { return !endsSoon(t, row) }) {
			return
		}
		must(t, s.admin.LogoutMany(t.Context(), tokens...))
		if time.Now().After(deadline) {
			t.Fatalf("the limits of %s do not hold: %v", realm, rows)
		}
	}
}

func endsSoon(t *testing.T, row map[string]any) bool {
	t.Helper()
	for _, field := range []string{"maxIdleExpirationTime", "maxSessionExpirationTime"} {
		end, err := time.Parse(time.RFC3339, row[field].(string))
		must(t, err)
		if time.Until(end) < 3*time.Minute {
			return true
		}
	}
	return false
}
