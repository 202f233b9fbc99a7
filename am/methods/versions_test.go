package methods_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// The versions in the documentation are those of the requests that are sent, for each version that a connection may
// name.
func TestTheVersionsOfAMethodAreThoseThatItIsSentAt(t *testing.T) {
	sent := map[string]map[string]bool{}
	for _, api := range rest.APIs() {
		w := newWorld(t, simulator.Options{Profile: "pingam-8.1", Realms: 1, Users: 4, Sessions: 40, Seed: 1})
		user, password := w.server.Admin()
		admin := adminOf(t, w, user, password)
		admin.post("/realms/root/realms/alpha/realm-config/services/amSessionPropertyWhitelist?_action=create", `{"sessionPropertyWhitelist":["theme"]}`)
		admin.put("/realms/root/realms/alpha/realm-config/authentication", `{"general":{"statelessSessionsEnabled":true}}`) // logoutByUser is sent for such realms
		w.Client = clientAt(t, w, api)
		w.Inventory = inventory.New(w.Client, inventory.Options{})
		for _, m := range methods.Methods {
			target := w.server.Sessions()[slices.IndexFunc(w.server.Sessions(), func(s simulator.Session) bool { return s.Realm == "/alpha" })]
			given := map[string]string{
				"realm": "/alpha", "username": target.Username, "token_id": target.Token, "session_handle": target.Handle, "properties": `{"theme":"dark"}`,
			}
			args := methods.Arguments{}
			for _, name := range slices.Concat(m.Required, m.Optional) {
				args[name] = []string{given[name]}
			}
			w.server.ResetRequests()
			if _, err := m.Run(t.Context(), w.Terminator, args); err != nil && !strings.Contains(err.Error(), "sessions "+api) {
				t.Errorf("%s at %s: %v", m.Name, api, err)
			}
			for _, r := range w.server.Requests() {
				if r.Action != m.Action || !strings.HasSuffix(r.Path, "/sessions") {
					continue
				}
				if sent[m.Name] == nil {
					sent[m.Name] = map[string]bool{}
				}
				sent[m.Name][strings.TrimPrefix(r.Version, "protocol=1.0,resource=")] = true
			}
		}
	}
	for _, m := range methods.Methods {
		var want []string
		for version := range sent[m.Name] {
			want = append(want, version)
		}
		slices.Sort(want)
		slices.Reverse(want)
		if got := m.Versions(); !slices.Equal(got, want) {
			t.Errorf("%s is listed with the versions %q, and is sent at %q", m.Name, got, want)
		}
	}
}

func clientAt(t *testing.T, w *world, api string) *rest.Client {
	t.Helper()
	user, password := w.server.Admin()
	client, err := rest.New(rest.Config{BaseURL: w.Client.BaseURL(), API: api, Credentials: rest.Password{Username: user, Password: password}})
	must(t, err)
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	return client
}

// In the documentation of Advanced Identity Cloud, the URL contains the sessions' realm. In other products, an
// administrator's session acts in the root realm.
func TestSessionsAreEndedInTheURLOfTheirRealmInTheCloud(t *testing.T) {
	for profile, want := range map[string][]string{
		"aic":        {"/realms/root/realms/alpha/sessions", "/realms/root/realms/bravo/sessions", "/realms/root/realms/alpha/sessions"},
		"pingam-8.1": {"/realms/root/sessions", "/realms/root/sessions"},
	} {
		w := newWorld(t, simulator.Options{Profile: profile, Realms: 2, Users: 6, Sessions: 30, Seed: 1})
		if profile == "aic" {
			w.Client = serviceAccount(t, w)
		}
		w.Inventory = inventory.New(w.Client, inventory.Options{Realms: []string{"/alpha", "/bravo"}})
		alpha, bravo := w.sessions("/alpha"), w.sessions("/bravo")
		_, err := w.EndSessions(t.Context(), []methods.Session{alpha[0], bravo[0], alpha[1]})
		must(t, err)
		token := w.server.Sessions()[slices.IndexFunc(w.server.Sessions(), func(s simulator.Session) bool { return s.Realm == "/alpha" })].Token
		_, err = w.EndSessions(t.Context(), []methods.Session{{Token: token}})
		must(t, err)
		var paths []string
		for _, r := range w.server.Requests() {
			if r.Action == "logoutByHandle" || r.Action == "logout" {
				paths = append(paths, strings.TrimPrefix(r.Path, w.server.ContextPath()+"/json"))
			}
		}
		slices.Sort(paths[:len(paths)-1]) // some are sent at the same time
		if !slices.Equal(paths, want) {
			t.Errorf("%s: logouts went to %q, want %q", profile, paths, want)
		}
	}
}

func serviceAccount(t *testing.T, w *world) *rest.Client {
	t.Helper()
	id, key := w.server.ServiceAccount()
	client, err := rest.New(rest.Config{BaseURL: w.Client.BaseURL(), Credentials: rest.ServiceAccount{ID: id, JWK: string(key)}})
	must(t, err)
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	return client
}
