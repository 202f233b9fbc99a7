package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// directoryOf returns an inventory of a simulated server with these credentials.
func directoryOf(t *testing.T, server *simulator.Server, credentials rest.Credentials, options inventory.Options) *inventory.Inventory {
	t.Helper()
	web := httptest.NewServer(server)
	client, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), Credentials: credentials})
	must(t, err)
	t.Cleanup(func() {
		must(t, client.Close(context.Background()))
		web.Close()
	})
	return inventory.New(client, options)
}

func usersOf(ctx context.Context, inv *inventory.Inventory, q inventory.UserQuery) (users []string, err error) {
	for user, err := range inv.Users(ctx, q) {
		if err != nil {
			return users, err
		}
		users = append(users, user.Realm+" "+user.ID)
	}
	slices.Sort(users)
	return users, nil
}

func TestUsersBeyondTheServersCapComeOnceEach(t *testing.T) {
	for _, profile := range []string{"openam", "am-7", "aic"} {
		server, err := simulator.New(simulator.Options{Profile: profile, Realms: 2, UserCap: 50, Seed: 1})
		must(t, err)
		var want []string
		for i := range 170 {
			name := fmt.Sprintf("%c%cUser%d", 'a'+i%3, 'a'+i%7, i)
			must(t, server.AddUser("/alpha", name, "changeit"))
			want = append(want, strings.ToLower(name))
		}
		user, password := server.Admin()
		credentials := rest.Credentials(rest.Password{Username: user, Password: password})
		if id, key := server.ServiceAccount(); id != "" {
			credentials = rest.ServiceAccount{ID: id, JWK: string(key)}
		}
		inv := directoryOf(t, server, credentials, inventory.Options{UserListCap: 50})
		got := map[string]int{}
		for user, err := range inv.Users(t.Context(), inventory.UserQuery{Realms: []string{"/alpha"}}) {
			must(t, err)
			got[strings.ToLower(user.Login)]++
		}
		for _, name := range want {
			if got[name] != 1 {
				t.Errorf("%s: %s comes %d times", profile, name, got[name])
			}
		}
	}
}

func TestUsersThatNoPartListsWholeAreAnErrorOrANotice(t *testing.T) {
	server, err := simulator.New(simulator.Options{Realms: 1, UserCap: 50, Seed: 1})
	must(t, err)
	for i := range 60 {
		must(t, server.AddUser("/alpha", fmt.Sprintf("same%d", i), "changeit"))
	}
	// A cap of one cannot be split further: the part of the names that begin with a name contains the name itself.
	server.SetUserCap(1)
	name, password := server.Admin()
	for _, policy := range []inventory.Policy{inventory.Fail, inventory.Warn} {
		var notices []string
		inv := directoryOf(t, server, rest.Password{Username: name, Password: password}, inventory.Options{
			UserListCap: 1, OnTruncation: policy, Notify: func(notice string) { notices = append(notices, notice) },
		})
		_, err := usersOf(t.Context(), inv, inventory.UserQuery{Realms: []string{"/alpha"}})
		told := strings.Join(notices, "\n")
		if policy == inventory.Fail && err != nil {
			told = err.Error()
		}
		if (err == nil) != (policy == inventory.Warn) || !strings.Contains(told, "realm /alpha: the list of identities is truncated at 1 ") {
			t.Errorf("%s: %v, notices %q", policy, err, notices)
		}
	}
}

func TestUsersAreSpelledAndBoundedAsTheQueryHasThem(t *testing.T) {
	server, err := simulator.New(simulator.Options{Realms: 2})
	must(t, err)
	for _, name := range []string{"Upper", "o'brien", "日本", "star"} {
		must(t, server.AddUser("/alpha", name, "changeit"))
	}
	name, password := server.Admin()
	inv := directoryOf(t, server, rest.Password{Username: name, Password: password}, inventory.Options{})
	for _, c := range []struct {
		realms, names, want []string
	}{
		{[]string{"/alpha"}, []string{"UPPER", "upper"}, []string{"/alpha UPPER"}},
		{[]string{"/ALPHA"}, []string{"o'brien", "nobody", "日本"}, []string{"/ALPHA o'brien", "/ALPHA 日本"}},
		{[]string{"/alpha"}, []string{""}, nil},
		{[]string{"/alpha"}, []string{}, nil},
		{[]string{"/alpha"}, []string{"s*", "*"}, nil},
		{[]string{"/nowhere", "alpha"}, []string{"star"}, nil},
		{[]string{"/alpha", "/bravo"}, []string{"star"}, []string{"/alpha star", "/bravo star"}}, // OpenAM's realms have the same identities
	} {
		got, err := usersOf(t.Context(), inv, inventory.UserQuery{Realms: c.realms, Names: c.names})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q in %q: %q, %v; want %q", c.names, c.realms, got, err, c.want)
		}
	}
}

func TestUsersAreNotNoneForWhoMayNotListThem(t *testing.T) {
	server, err := simulator.New(simulator.Options{Realms: 1})
	must(t, err)
	must(t, server.AddUser("/", "plain", "changeit"))
	inv := directoryOf(t, server, rest.Password{Username: "plain", Password: "changeit"}, inventory.Options{})
	for _, names := range [][]string{nil, {"plain"}} {
		users, err := usersOf(t.Context(), inv, inventory.UserQuery{Realms: []string{"/"}, Names: names})
		if len(users) > 0 || !rest.IsForbidden(err) {
			t.Errorf("%q: %q, %v; want a 403", names, users, err)
		}
	}
}

func TestByRealmEndsWithTheFailureOfOneUnlessToldOtherwise(t *testing.T) {
	broken := errors.New("broken")
	server, err := simulator.New(simulator.Options{Realms: 3})
	must(t, err)
	name, password := server.Admin()
	for _, policy := range []inventory.Policy{inventory.Fail, inventory.Warn} {
		var notices []string
		inv := directoryOf(t, server, rest.Password{Username: name, Password: password}, inventory.Options{
			OnRealmError: policy, Notify: func(notice string) { notices = append(notices, notice) },
		})
		var got []string
		var last error
		for realm, err := range inventory.ByRealm(t.Context(), inv, nil, func(_ context.Context, realm string) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				if realm == "/bravo" {
					yield("", broken)
					return
				}
				yield(realm, nil)
			}
		}) {
			if last = err; err == nil {
				got = append(got, realm)
			}
		}
		slices.Sort(got)
		warned := len(notices) == 1 && strings.Contains(notices[0], "realm /bravo: broken: its rows are missing")
		if policy == inventory.Fail && !errors.Is(last, broken) || policy == inventory.Warn && (last != nil || !warned || !slices.Equal(got, []string{"/", "/alpha", "/alpha/nested"})) {
			t.Errorf("%s: %q, %v, notices %q", policy, got, last, notices)
		}
	}
}

// AM may treat two names as the same that differ only in what a directory ignores, such as a blank at the end.
func TestASessionThatTwoNamesFindComesOnce(t *testing.T) {
	server, err := simulator.New(simulator.Options{Realms: 1, Users: 2, Sessions: 2, Seed: 1})
	must(t, err)
	must(t, server.AddUser("/alpha", "anna", "changeit"))
	for range 3 {
		_, err := server.Login("/alpha", "anna")
		must(t, err)
	}
	inv := inventoryBehind(t, server, inventory.Options{}, func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "anna%20", "anna")
		server.ServeHTTP(w, r)
	})
	handles := map[string]int{}
	for s, err := range inv.Sessions(t.Context(), inventory.Query{Realms: []string{"/alpha"}, Usernames: []string{"anna", "anna "}}) {
		must(t, err)
		handles[s.Handle]++
	}
	for handle, n := range handles {
		if n != 1 {
			t.Errorf("%s comes %d times", handle, n)
		}
	}
	if len(handles) != 3 {
		t.Errorf("%d sessions, want 3", len(handles))
	}
}
