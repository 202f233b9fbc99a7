package methods_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestEveryMethodAnswersWithItsColumns(t *testing.T) {
	for _, profile := range []string{"openam", "pingam-8.1"} {
		w := newWorld(t, simulator.Options{Profile: profile, Realms: 1, Users: 4, Sessions: 8, Seed: 1})
		user, password := w.server.Admin()
		adminOf(t, w, user, password).post("/realms/root/realms/alpha/realm-config/services/amSessionPropertyWhitelist?_action=create", `{"sessionPropertyWhitelist":["theme"]}`)
		for _, m := range methods.Methods {
			target := w.server.Sessions()[slices.IndexFunc(w.server.Sessions(), func(s simulator.Session) bool { return s.Realm == "/alpha" })]
			given := map[string]string{
				"realm": "/alpha", "username": target.Username, "token_id": target.Token, "session_handle": target.Handle, "properties": `{"theme":"dark"}`,
			}
			args := methods.Arguments{}
			for _, name := range slices.Concat(m.Required, m.Optional) {
				args[name] = []string{given[name]}
			}
			rows, err := m.Run(t.Context(), w.Terminator, args)
			if m.Name == "get_session_info_and_reset_idle_time" && profile == "openam" {
				if err == nil || !strings.Contains(err.Error(), "use refresh") {
					t.Errorf("%s: %v", m.Name, err)
				}
				continue
			}
			if err != nil || len(rows) == 0 {
				t.Errorf("%s: %s: %d rows, %v", profile, m.Name, len(rows), err)
			}
			for _, row := range rows {
				if len(row) != len(m.Columns()) {
					t.Errorf("%s: %d cells for %d columns", m.Name, len(row), len(m.Columns()))
				}
			}
		}
	}
}

func TestMethodsAreTold(t *testing.T) {
	for _, c := range []struct {
		method string
		args   methods.Arguments
		err    string
	}{
		{"fly", nil, `no method "fly"; the methods are query, get_session_info, `},
		{"logout", nil, "logout needs token_id"},
		{"logout", methods.Arguments{"token": {"x"}}, `logout takes token_id, not "token"`},
		{"logout", methods.Arguments{"token_id": {"x", "y"}}, "logout takes one token_id, not 2"},
		{"logout_by_user", methods.Arguments{"username": {""}}, "logout_by_user: username is empty"},
		{"logout_by_user", methods.Arguments{"username": {"x"}, "realm": {"/a//b"}}, `"/a//b" is not the path of a realm, such as /alpha`},
		{"query", methods.Arguments{"realm": {"../x"}}, `"/../x" is not the path of a realm`},
		{"query", methods.Arguments{"realm": {"alpha"}}, ""},
		{"query", methods.Arguments{"realm": {"/"}}, ""},
		{"query", methods.Arguments{"realm": {"/alpha/sub"}}, ""},
		{"LOGOUT_by_handle", methods.Arguments{"session_handle": {"shandle:a", "shandle:b"}}, ""},
		{"logout_by_handle", methods.Arguments{"session_handle": {"shandle:a", "b"}}, "logout_by_handle: session_handle: expected a session handle"},
		{"logout", methods.Arguments{"token_id": {"shandle:a"}}, "logout: token_id: this is a session handle"},
	} {
		m, err := methods.Named(c.method)
		if err == nil {
			err = m.Check(c.args)
		}
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err)) {
			t.Errorf("%s %v: %v, want %s", c.method, c.args, err, c.err)
		}
	}
}

func TestEveryParameterOfTheMethodsIsDescribed(t *testing.T) {
	described := map[string]bool{}
	for _, p := range methods.Parameters {
		described[p.Name] = true
	}
	used := map[string]bool{}
	for _, m := range methods.Methods {
		for _, name := range slices.Concat(m.Required, m.Optional) {
			used[name] = true
		}
		if len(m.Versions()) == 0 {
			t.Errorf("%s: no version has %s", m.Name, m.Action)
		}
	}
	if !cmp.Equal(used, described) {
		t.Error(cmp.Diff(described, used))
	}
}

// properties creates a session and a whitelist, and returns the session's token and functions that set and read a
// property.
func properties(t *testing.T, w *world, whitelist string) (set func(string) (string, error)) {
	user, password := w.server.Admin()
	adminOf(t, w, user, password).post("/realms/root/realms/alpha/realm-config/services/amSessionPropertyWhitelist?_action=create", `{"sessionPropertyWhitelist":`+whitelist+`}`)
	s, err := w.server.Login("/alpha", "ajensen")
	must(t, err)
	return func(properties string) (string, error) {
		rows, err := methods.Find("update_session_properties").Run(t.Context(), w.Terminator, methods.Arguments{"token_id": {s.Token}, "properties": {properties}})
		return fmt.Sprint(rows), err
	}
}

func TestPropertiesAreSetOneByOneAndTheOthersStay(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, profile := range []string{"openam", "am-7"} {
		w := newWorld(t, simulator.Options{Profile: profile, Realms: 1, Users: 2, Sessions: 2, Seed: 1})
		set := properties(t, w, `["theme","team"]`)
		for _, c := range []struct{ properties, want string }{
			{`{"theme":"dark"}`, "[[team ] [theme dark]]"},
			{`{"team":"日本 \"é\""}`, `[[team 日本 "é"] [theme dark]]`},
			{`{"team":"` + long + `","theme":""}`, "[[team " + long + "] [theme ]]"},
		} {
			if got, err := set(c.properties); err != nil || got != c.want {
				t.Errorf("%s: %.60s: %.60s, %v", profile, c.properties, got, err)
			}
		}
	}
}

func TestWhatTheServerWouldRefuseIsNotSent(t *testing.T) {
	for _, c := range []struct{ profile, whitelist, properties, err string }{
		{"openam", `["theme"]`, `{"team":"a"}`, "property team: the Session Property Whitelist of the session's realm names only theme: nothing was sent"},
		{"openam", `[]`, `{"team":"a"}`, "property team: the Session Property Whitelist of the session's realm is empty: nothing was sent"},
		{"openam", `["theme","AuthLevel"]`, `{"theme":"a"}`, "property AuthLevel: it cannot be set, because it is AM's own, and OpenAM accepts only all"},
		{"am-7", `["theme","AuthLevel"]`, `{"AuthLevel":"9"}`, "property AuthLevel: it cannot be set, because it is AM's own: nothing was sent"},
		{"openam", `["theme"]`, `{"theme":1}`, "properties must be a JSON object of strings"},
		{"openam", `["theme"]`, `{}`, "properties must be a JSON object of strings"},
	} {
		w := newWorld(t, simulator.Options{Profile: c.profile, Realms: 1, Users: 2, Sessions: 2, Seed: 1})
		set := properties(t, w, c.whitelist)
		if _, err := set(c.properties); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s, %s: %v, want %s", c.profile, c.properties, err, c.err)
		}
		if actions := w.changing(); len(actions) > 0 {
			t.Errorf("%s: the server has seen %v", c.properties, actions)
		}
	}
}

// With a bearer token there is no session that an action without a token could refer to.
func TestAnActionWithoutATokenNeedsASession(t *testing.T) {
	client, err := rest.New(rest.Config{BaseURL: "http://127.0.0.1:1/am", Credentials: rest.AccessToken("x")})
	must(t, err)
	for _, m := range methods.Methods {
		if !slices.Contains(m.Optional, "token_id") {
			continue
		}
		args := methods.Arguments{}
		if slices.Contains(m.Required, "properties") {
			args["properties"] = []string{`{"a":"b"}`}
		}
		_, err := m.Run(t.Context(), &methods.Terminator{Client: client}, args)
		if argument := new(methods.ArgumentError); !errors.As(err, &argument) || !strings.Contains(err.Error(), m.Name+" needs token_id") {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}

// AM only answers "Bad Request".
func TestA400OfTheirPropertiesSaysWhatIsWrongWithASession(t *testing.T) {
	w := newWorld(t, simulator.Options{Profile: "pingam-8.1", Realms: 1, Users: 4, Sessions: 8, Seed: 1})
	user, password := w.server.Admin()
	admin := adminOf(t, w, user, password)
	admin.post("/realms/root/realms/alpha/realm-config/services/amSessionPropertyWhitelist?_action=create", `{"sessionPropertyWhitelist":["theme"]}`)
	admin.put("/realms/root/realms/alpha/realm-config/authentication", `{"general":{"statelessSessionsEnabled":true}}`)
	clientSide, err := w.server.Login("/alpha", "ajensen")
	must(t, err)
	for _, c := range []struct{ method, token, want string }{
		{"get_session_properties", "ended*", "the session has ended, or this is not a session token"},
		{"update_session_properties", clientSide.Token, "is client-side: its properties can be set only during the login"},
	} {
		args := methods.Arguments{"token_id": {c.token}}
		if c.method == "update_session_properties" {
			args["properties"] = []string{`{"theme":"dark"}`}
		}
		_, err := methods.Find(c.method).Run(t.Context(), w.Terminator, args)
		if err == nil || !strings.Contains(err.Error(), "400 Bad Request: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.method, err, c.want)
		}
	}
}

// AM answers that anything that is not a token is not valid, even the handle of a live session.
func TestWhatIsNoTokenIsNotAskedAbout(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 4, Sessions: 8, Seed: 1})
	for _, m := range methods.Methods {
		if !slices.Contains(slices.Concat(m.Required, m.Optional), "token_id") {
			continue
		}
		for token, says := range map[string]string{
			w.server.Sessions()[0].Handle: "this is a session handle", "garbage": "expected a session token", `{"tokenId":"a*"}`: "expected a session token", "file:token.txt": "expected a session token",
		} {
			args := methods.Arguments{"token_id": {token}}
			if slices.Contains(m.Required, "properties") {
				args["properties"] = []string{`{"theme":"dark"}`}
			}
			_, err := m.Run(t.Context(), w.Terminator, args)
			if argument := new(methods.ArgumentError); !errors.As(err, &argument) || !strings.Contains(err.Error(), m.Name+": token_id: "+says) {
				t.Errorf("%s: %v, want %s", m.Name, err, says)
			}
		}
	}
	if n := len(w.server.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
}
