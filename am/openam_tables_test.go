package am_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// The tests in this file run against the real OpenAM and the simulated one.

func TestOpenAMTellsOfTokensLiveAndDead(t *testing.T) { tellsOfTokens(t, realOpenAM(t)) }
func TestTellsOfTokensLiveAndDead(t *testing.T)       { tellsOfTokens(t, simulatedOpenAM(t)) }

// malformedToken looks like a token, but AM cannot parse its second half.
const malformedToken = "AQIC5wM2LY4Sfcx.*AAJTSQACMDEAAlNLABM1*"

func tellsOfTokens(t *testing.T, d *deployment) {
	const realm = "/tell-tokens"
	names := []string{"Teller", "o'teller", "テラー"}
	tokens := d.logins(t, realm, names...)
	gone := d.logins(t, realm, "teller-gone")[0]
	handles := map[string]string{}
	for _, row := range d.query(t, "select username, session_handle from am_session where realm = '"+realm+"'") {
		handles[row["username"].(string)] = row["session_handle"].(string)
	}
	must(t, d.admin.Logout(t.Context(), gone))
	dead := []string{"garbage", "", gone, tokens[0][:40], "x" + tokens[0], strings.ToLower(tokens[0]), handles["teller"], malformedToken}

	rows := d.query(t, "select token_id, valid, username, realm, session_handle, session_uid, latest_access_time, max_idle_expiration_time, "+
		"max_session_expiration_time, title from am_session_info where token_id in ("+quotedList(append(slices.Clone(dead), tokens...))+")")
	byToken := map[string]map[string]any{}
	for _, row := range rows {
		byToken[row["token_id"].(string)] = row
	}
	if len(rows) != len(dead)+len(tokens) || len(byToken) != len(rows) {
		t.Errorf("%d rows of %d tokens, want one for each of %d", len(rows), len(byToken), len(dead)+len(tokens))
	}
	for _, token := range dead {
		for column, cell := range byToken[token] {
			if want := map[string]any{"token_id": token, "valid": false}[column]; cell != want {
				t.Errorf("%.12q: %s is %v, want %v", token, column, cell, want)
			}
		}
	}
	for i, token := range tokens {
		row := byToken[token]
		if row["valid"] != true || row["username"] != names[i] || row["realm"] != realm || row["session_handle"] != handles[strings.ToLower(names[i])] ||
			row["title"] != names[i]+" @ "+realm || row["session_uid"] != nil || row["latest_access_time"] == nil || row["max_idle_expiration_time"] == nil {
			t.Errorf("the token of %s gives %v", names[i], row)
		}
	}

	own := d.query(t, "select token_id, valid, username, realm, session_handle from am_session_info")
	if len(own) != 1 || own[0]["token_id"] != nil || own[0]["valid"] != true || own[0]["realm"] != "/" || own[0]["session_handle"] == nil {
		t.Errorf("the query's own session gives %v", own)
	}
	if rows := d.query(t, "select * from am_session_info where token_id in ('garbage', 'GARBAGE')"); len(rows) != 2 {
		t.Errorf("tokens that differ in case give %v", rows)
	}
	joined := d.query(t, "select s.username from am_session s join am_session_info i on i.session_handle = s.session_handle where s.realm = '"+realm+
		"' and i.token_id in ("+quotedList(tokens)+") order by 1")
	if len(joined) != len(tokens) {
		t.Errorf("the tokens join %v", joined)
	}
}

func quotedList(texts []string) string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return strings.Join(list, ", ")
}

// logins creates a realm and users, logs each of them in, and ends the sessions after the test.
func (d *deployment) logins(t *testing.T, realm string, names ...string) (tokens []string) {
	t.Helper()
	must(t, d.admin.CreateRealm(t.Context(), realm))
	must(t, d.admin.CreateUsers(t.Context(), realm, "changeit", names...))
	tokens, err := d.admin.LoginMany(t.Context(), realm, "changeit", names...)
	must(t, err)
	t.Cleanup(func() { must(t, d.admin.LogoutMany(context.Background(), tokens...)) })
	return tokens
}

func TestOpenAMShowsPropertiesOfAWhitelist(t *testing.T) { showsProperties(t, realOpenAM(t)) }
func TestShowsPropertiesOfAWhitelist(t *testing.T)       { showsProperties(t, simulatedOpenAM(t)) }

func showsProperties(t *testing.T, d *deployment) {
	const rich, poor = "/tell-rich", "/tell-poor"
	token := d.logins(t, rich, "proprich")[0]
	bare := d.logins(t, poor, "proppoor")[0]
	gone := d.logins(t, rich, "propgone")[0]
	must(t, d.admin.Logout(t.Context(), gone))
	must(t, d.admin.CreateWhitelist(t.Context(), rich, "p1", "p2", "p3"))
	c, err := rest.New(rest.Config{BaseURL: d.admin.URL, Credentials: rest.SSOToken(token)})
	must(t, err)
	set := func() error {
		_, err := c.UpdateSessionProperties(t.Context(), "", map[string]string{"p1": "one", "p2": `two "words"`, "p3": ""})
		return err
	}
	err = set()
	for deadline := time.Now().Add(time.Minute); rest.IsForbidden(err) && time.Now().Before(deadline); err = set() {
		time.Sleep(50 * time.Millisecond) // a list takes a moment to be up to date
	}
	must(t, err)
	for _, q := range []struct {
		where string
		want  map[string]any
	}{
		{"token_id = '" + token + "'", map[string]any{"p1": "one", "p2": `two "words"`, "p3": nil}},
		{"token_id = '" + token + "' and name in ('p2', 'p4')", map[string]any{"p2": `two "words"`}},
		{"token_id = '" + token + "' and name = 'P1'", map[string]any{}},
		{"token_id = '" + token + "' and value is null", map[string]any{"p3": nil}},
		{"token_id in ('" + bare + "', '" + gone + "', 'garbage', '', '" + malformedToken + "')", map[string]any{}},
		{"token_id in ('garbage', '" + token + "') and name = 'p1'", map[string]any{"p1": "one"}},
	} {
		got := map[string]any{}
		for _, row := range d.query(t, "select token_id, name, value from am_session_property where "+q.where) {
			if row["token_id"] != token {
				t.Errorf("%s: a row of another token", q.where)
			}
			got[row["name"].(string)] = row["value"]
		}
		if !cmp.Equal(got, q.want) {
			t.Errorf("%s: %s", q.where, cmp.Diff(q.want, got))
		}
	}
}

func TestOpenAMListsRealmsAndTheirLimits(t *testing.T) { listsRealms(t, realOpenAM(t)) }
func TestListsRealmsAndTheirLimits(t *testing.T)       { listsRealms(t, simulatedOpenAM(t)) }

func listsRealms(t *testing.T, d *deployment) {
	const outer, inner, mixed = "/tell-outer", "/tell-outer/inner", "/Tell-Mixed"
	for _, realm := range []string{outer, inner, mixed} {
		must(t, d.admin.CreateRealm(t.Context(), realm))
	}
	must(t, d.admin.AddSessionService(t.Context(), outer, 11, 99, 7))
	must(t, d.admin.DeactivateRealm(t.Context(), inner))
	must(t, d.admin.SetClientSide(t.Context(), mixed, true))
	for _, q := range []struct {
		sql  string
		want []map[string]any
	}{
		{"select path, name, parent_path, active, title from am_realm where path in ('/', '/tell-outer', '/tell-outer/inner', '/tell-nowhere') order by path", []map[string]any{
			{"path": "/", "name": "/", "parent_path": nil, "active": true, "title": "/"},
			{"path": outer, "name": "tell-outer", "parent_path": "/", "active": true, "title": outer},
			{"path": inner, "name": "inner", "parent_path": outer, "active": false, "title": inner},
		}},
		{"select path, aliases, active from am_realm where path = '/TELL-mixed'", []map[string]any{{"path": "/TELL-mixed", "aliases": []any{}, "active": true}}},
		{"select path from am_realm where path like '/tell-%' and path <> '/tell-tokens' and path not in ('/tell-rich', '/tell-poor', '/tell-users', '/tell-left') order by path", []map[string]any{
			{"path": mixed}, {"path": outer}, {"path": inner},
		}},
		{"select realm, source, max_session_minutes as most, max_idle_minutes as idle, max_caching_minutes as caching, quota_limit as quota " +
			"from am_session_service where realm in ('/tell-outer', '/tell-outer/inner', '/tell-nowhere') order by realm", []map[string]any{
			{"realm": outer, "source": "realm", "most": 99.0, "idle": 11.0, "caching": 3.0, "quota": 7.0},
			{"realm": inner, "source": "global", "most": 120.0, "idle": 30.0, "caching": 3.0, "quota": 5.0},
		}},
		{"select realm, client_side_sessions as by_clients from am_session_service where realm in ('/tell-outer', '/Tell-Mixed') order by realm", []map[string]any{
			{"realm": mixed, "by_clients": true}, {"realm": outer, "by_clients": false},
		}},
		{"select source, max_idle_minutes as idle from am_realm r join am_session_service l on l.realm = r.path where r.path = '/tell-outer'", []map[string]any{
			{"source": "realm", "idle": 11.0},
		}},
		{"select count(*) as missing from am_realm r left join am_session_service l on l.realm = r.path where l.realm is null", []map[string]any{{"missing": 0.0}}},
		{"select count(distinct realm) - (select count(*) from am_realm) as missing from am_session_service", []map[string]any{{"missing": 0.0}}},
	} {
		if got := d.query(t, q.sql); !cmp.Equal(got, q.want) {
			t.Errorf("%s: %s", q.sql, cmp.Diff(q.want, got))
		}
	}
}

func TestOpenAMFindsUsersAndWhatBecameOfThem(t *testing.T) { findsUsers(t, realOpenAM(t)) }
func TestFindsUsersAndWhatBecameOfThem(t *testing.T)       { findsUsers(t, simulatedOpenAM(t)) }

func findsUsers(t *testing.T, d *deployment) {
	const realm = "/tell-users"
	ctx := t.Context()
	names := append(slices.Clone(people), "Upper-User", "tell-off", "tell-gone")
	d.logins(t, realm, names...)
	must(t, d.admin.DisableUser(ctx, realm, "tell-off"))
	must(t, d.admin.DeleteUser(ctx, realm, "tell-gone"))
	there := names[:len(names)-1]

	for _, name := range there {
		rows := d.query(t, "select username, realm, login_name, is_active, title from am_user where realm = '"+realm+"' and username = "+quotedList([]string{name}))
		want := []map[string]any{{"username": name, "realm": realm, "login_name": name, "is_active": name != "tell-off", "title": name + " @ " + realm}}
		if !cmp.Equal(rows, want) {
			t.Errorf("%q: %s", name, cmp.Diff(want, rows))
		}
	}
	all := map[any]int{}
	for _, row := range d.query(t, "select username from am_user where realm = '"+realm+"'") {
		all[row["username"]]++
	}
	for _, name := range there {
		if all[strings.ToLower(name)] != 1 {
			t.Errorf("the list has %q %d times", name, all[strings.ToLower(name)])
		}
	}
	if all["tell-gone"] != 0 {
		t.Error("the list has a user who was deleted")
	}
	for what, q := range map[string]struct{ sql, want string }{
		"disabled users' sessions":               {"select s.username from am_session s join am_user u on u.realm = s.realm and u.username = s.username where s.realm = '" + realm + "' and not u.is_active", "[map[username:tell-off]]"},
		"disabled users' sessions, users first":  {"select s.username from (select * from am_user where realm = '" + realm + "' and not is_active) u cross join am_session s where s.realm = u.realm and s.username = u.username", "[map[username:tell-off]]"},
		"deleted users' sessions":                {"select s.username from am_session s left join am_user u on u.realm = s.realm and u.username = s.username where s.realm = '" + realm + "' and u.username is null", "[map[username:tell-gone]]"},
		"deleted users' sessions by lists alone": {"select username from am_session where realm = '" + realm + "' except select username from am_user where realm = '" + realm + "'", "[map[username:tell-gone]]"},
		"a user in other letters":                {"select username, login_name from am_user where realm = '" + realm + "' and username in ('UPPER-user', 'nobody')", "[map[login_name:Upper-User username:UPPER-user]]"},
		"patterns and nothing":                   {"select username from am_user where realm = '" + realm + "' and username in ('*', 'tell-*', '')", "[]"},
		"no realm":                               {"select username from am_user where realm = '/tell-nowhere'", "[]"},
	} {
		if got := fmt.Sprint(d.query(t, q.sql)); got != q.want {
			t.Errorf("%s: %v, want %s", what, got, q.want)
		}
	}
}

func TestOpenAMSaysWhatItIs(t *testing.T) { saysWhatItIs(t, realOpenAM(t)) }
func TestSaysWhatItIs(t *testing.T)       { saysWhatItIs(t, simulatedOpenAM(t)) }

func saysWhatItIs(t *testing.T, d *deployment) {
	got := d.query(t, "select base_url, product, version, full_version, sessions_api, account, login_realm, cookie_name, secure_cookie, list_cap, "+
		"list_cap_source, abs(clock_skew_seconds) <= 2 as near from am_server")
	want := []map[string]any{{
		"base_url": d.admin.URL, "product": "OpenAM", "version": "16.0.5", "full_version": nil, "sessions_api": "2.0", "account": "amadmin", "login_realm": "/",
		"cookie_name": "iPlanetDirectoryPro", "secure_cookie": false, "list_cap": 120.0, "list_cap_source": "read", "near": 1.0,
	}}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}
