package inventory_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// AM pages identities, but only those that its identity store returns for one search.
func TestPagesOfIdentitiesMayBeCutToo(t *testing.T) {
	for _, profile := range []string{"am-7", "pingam-8.1"} {
		server, err := simulator.New(simulator.Options{Profile: profile, Realms: 1, Users: 1500, Sessions: 2000, Seed: 1})
		must(t, err)
		web := httptest.NewServer(server)
		user, password := server.Admin()
		client, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), Credentials: rest.Password{Username: user, Password: password}})
		must(t, err)
		got := 0
		for _, err := range inventory.New(client, inventory.Options{}).Sessions(t.Context(), inventory.Query{Realms: []string{"/alpha"}, Fields: []string{}}) {
			must(t, err)
			got++
		}
		if got != 2000 {
			t.Errorf("%s: %d sessions, want 2000", profile, got)
		}
		must(t, client.Close(context.Background()))
		web.Close()
	}
}

// Chinese names begin with hundreds of different characters, more than fit into a request that excludes them.
func TestADirectoryOfAnyLettersIsListedCompletely(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	family, given := rand.NewZipf(rng, 1.1, 10, 500), rand.NewZipf(rng, 1.1, 20, 2000) // some characters are in many names
	han := func(z *rand.Zipf) string { return string(rune(0x4e00 + z.Uint64())) }
	for name, c := range map[string]struct {
		users int
		named func(i int) string
	}{
		"300 first characters":              {1500, func(i int) string { return fmt.Sprintf("%c%d", 0x4e00+i%300, i) }},
		"2,000 characters":                  {4000, func(int) string { return han(family) + han(given) + han(given) }},
		"a long common beginning":           {1100, func(i int) string { return strings.Repeat("部門", 50) + fmt.Sprint(i) }},
		"letters that are taken for others": {1100, func(i int) string { return fmt.Sprintf("%s%04d", []string{"é", "e", "E"}[i%3], i) }},
	} {
		t.Run(name, func(t *testing.T) {
			server, err := simulator.New(simulator.Options{Profile: "am-7", Realms: 1, Seed: 1})
			must(t, err)
			server.LogRequests(false)
			want := map[string]bool{}
			for i := range c.users {
				user := strings.ToLower(c.named(i))
				if !want[user] {
					must(t, server.AddUser("/alpha", user, "changeit"))
				}
				want[user] = true
			}
			inv := inventoryBehind(t, server, inventory.Options{}, server.ServeHTTP)
			got := map[string]bool{}
			for user, err := range inv.Users(t.Context(), inventory.UserQuery{Realms: []string{"/alpha"}}) {
				must(t, err)
				if got[user.ID] {
					t.Fatalf("%s comes twice", user.ID)
				}
				got[user.ID] = true
			}
			for user := range maps.Keys(got) {
				if !want[user] {
					delete(got, user) // these exist on every server
				}
			}
			if !maps.Equal(got, want) {
				t.Errorf("%d identities, want %d", len(got), len(want))
			}
		})
	}
}

// If no request can split a directory, its list is truncated, like those of other directories. It is not a problem of
// somebody's name.
func TestADirectoryThatCannotBeTakenApartIsCut(t *testing.T) {
	server, err := simulator.New(simulator.Options{Profile: "am-7", Realms: 1, UserCap: 100, Seed: 1})
	must(t, err)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 300 { // no character is in more than a few names
		must(t, server.AddUser("/alpha", fmt.Sprintf("%c%c", 0x4e00+i, 0x4e00+rng.IntN(20000)), "changeit"))
	}
	inv := inventoryBehind(t, server, inventory.Options{}, server.ServeHTTP)
	if _, err := usersOf(t.Context(), inv, inventory.UserQuery{Realms: []string{"/alpha"}}); err == nil || !strings.Contains(err.Error(), "is truncated at 100 ") {
		t.Errorf("%v, want the list to be cut at 100", err)
	}
}

// Only the default limit of OpenAM's directory is known. A list of any other length counts as complete if two parts of
// it add up to it.
func TestALimitOfTheDirectoryIsFoundOut(t *testing.T) {
	for _, limit := range []int{50, 100, 137, 500, 1000} {
		for _, users := range []int{limit / 2, limit - 1, limit, limit + 1, 3 * limit} {
			server, err := simulator.New(simulator.Options{Profile: "am-7", Realms: 1, UserCap: limit, Seed: 1})
			must(t, err)
			want := []string{}
			for i := range users {
				name := fmt.Sprintf("%c%c%d", 'a'+i%5, 'a'+i%7, i)
				must(t, server.AddUser("/alpha", name, "changeit"))
				want = append(want, "/alpha "+name)
			}
			slices.Sort(want)
			var lists atomic.Int64
			inv := inventoryBehind(t, server, inventory.Options{}, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/users") {
					lists.Add(1)
				}
				server.ServeHTTP(w, r)
			})
			got, err := usersOf(t.Context(), inv, inventory.UserQuery{Realms: []string{"/alpha"}})
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("limit %d: %d of %d identities, %v", limit, len(got), users, err)
			}
			if most := int64(5); users < limit && users < 1000 && lists.Load() > most { // two of them find out which directory there is
				t.Errorf("limit %d: %d requests for %d identities, want %d at most", limit, lists.Load(), users, most)
			}
		}
	}
}

// In the root realm, OpenAM lists its own accounts in addition to what the store returns. They do not mean that there
// are more identities, and they make a list longer than the limit.
func TestOpenAMsOwnAccountsDoNotHideTheLimit(t *testing.T) {
	for _, users := range []int{40, 60, 99, 101, 104, 300, 1000} {
		server, err := simulator.New(simulator.Options{UserCap: 100, Seed: 1})
		must(t, err)
		want := []string{}
		for i := range users {
			name := fmt.Sprintf("a%d", i)
			must(t, server.AddUser("/", name, "changeit"))
			want = append(want, "/ "+name)
		}
		slices.Sort(want)
		inv := inventoryBehind(t, server, inventory.Options{}, server.ServeHTTP)
		got, err := usersOf(t.Context(), inv, inventory.UserQuery{Realms: []string{"/"}})
		got = slices.DeleteFunc(got, func(user string) bool { return !slices.Contains(want, user) })
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d of %d identities, %v", len(got), users, err)
		}
	}
}

// A directory that ignores filters cannot be split, which must be found out after a few requests.
func TestADirectoryThatDoesNotFilterIsCut(t *testing.T) {
	server, err := simulator.New(simulator.Options{Profile: "am-7", Realms: 1, UserCap: 100, Seed: 1})
	must(t, err)
	for i := range 300 {
		must(t, server.AddUser("/alpha", fmt.Sprintf("%c%d", 'a'+i%3, i), "changeit"))
	}
	inv := inventoryBehind(t, server, inventory.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); strings.HasSuffix(r.URL.Path, "/users") {
			q.Set("_queryFilter", "true")
			r.URL.RawQuery = q.Encode()
		}
		server.ServeHTTP(w, r)
	})
	if _, err := usersOf(t.Context(), inv, inventory.UserQuery{Realms: []string{"/alpha"}}); err == nil || !strings.Contains(err.Error(), "is truncated at 100 ") {
		t.Errorf("%v, want the list to be cut at 100", err)
	}
}
