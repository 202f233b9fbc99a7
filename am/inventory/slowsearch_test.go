package inventory_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// slowSearch is how long a search of the identity store takes before AM stops it.
const slowSearch = time.Second

// identityStore answers searches for identities whose filter contains a text slowly and, if finds is not negative, with at
// most so many identities.
type identityStore struct {
	server *simulator.Server
	slow   string
	finds  int
}

func (s identityStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	filter := r.URL.Query().Get("_queryFilter")
	if s.slow == "" || !strings.HasSuffix(r.URL.Path, "/users") || !strings.Contains(filter, s.slow) || strings.Contains(filter, "amsql-probe") {
		s.server.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	s.server.ServeHTTP(answer, r)
	var list map[string]any
	_ = json.Unmarshal(answer.Body.Bytes(), &list)
	if rows, _ := list["result"].([]any); s.finds >= 0 {
		rows = rows[:min(len(rows), s.finds)]
		list["result"], list["resultCount"] = rows, len(rows)
	}
	time.Sleep(slowSearch)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list)
}

// identitiesBehind returns an inventory of a server with this number of users.
func identitiesBehind(t *testing.T, users int, s identityStore, options inventory.Options) *inventory.Inventory {
	t.Helper()
	var err error
	s.server, err = simulator.New(simulator.Options{Realms: 1, UserCap: 100, Seed: 1})
	must(t, err)
	for i := range users {
		must(t, s.server.AddUser("/alpha", fmt.Sprintf("%cuser%d", 'a'+i%2, i), "changeit"))
	}
	inv := inventoryBehind(t, s.server, options, s.ServeHTTP)
	inv.SetSearchTimeLimit(slowSearch)
	return inv
}

// A list that takes that long is complete only if its parts, which do not, add up to it.
func TestAListOfIdentitiesThatTakesAsLongAsTheSearchMayBeCut(t *testing.T) {
	for name, c := range map[string]struct {
		users int
		store identityStore
		doubt bool
	}{
		"a fast list":                        {60, identityStore{}, false},
		"a slow list whose parts add up":     {60, identityStore{slow: "true", finds: -1}, false},
		"a slow list that lacks some":        {60, identityStore{slow: "true", finds: 45}, true},
		"a slow list that is short":          {12, identityStore{slow: "true", finds: -1}, true},
		"a slow list of nobody":              {60, identityStore{slow: "true", finds: 0}, true},
		"a slow list whose parts are slow":   {60, identityStore{slow: "co", finds: -1}, false},
		"a slow part of a truncated list":    {140, identityStore{slow: `sw "b"`, finds: -1}, true},
		"a slow part that is truncated, too": {280, identityStore{slow: `sw "b" and`, finds: -1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inv := identitiesBehind(t, c.users, c.store, inventory.Options{})
			users, err := usersOf(t.Context(), inv, inventory.UserQuery{Realms: []string{"/alpha"}})
			if c.doubt != (err != nil) || err != nil && !strings.Contains(err.Error(), "stops searching the identity store") {
				t.Errorf("%d of %d, %v; want a doubt: %t", len(users), c.users, err, c.doubt)
			}
		})
	}
}

// Nobody is called deleted because a search took too long.
func TestASearchThatTakesTooLongDoesNotShowThatSomebodyIsMissing(t *testing.T) {
	store := identityStore{slow: "eq", finds: 0}
	for _, policy := range []inventory.Policy{inventory.Fail, inventory.Warn} {
		var notices []string
		inv := identitiesBehind(t, 2, store, inventory.Options{OnTruncation: policy, Notify: func(n string) { notices = append(notices, n) }})
		users, err := usersOf(t.Context(), inv, inventory.UserQuery{Realms: []string{"/alpha"}, Names: []string{"auser0"}})
		slow := new(inventory.SlowSearchError)
		switch failed := errors.As(err, &slow); {
		case failed != (policy == inventory.Fail), len(users) > 0:
			t.Errorf("%s: %q, %v", policy, users, err)
		case !failed && (len(notices) != 1 || !strings.Contains(notices[0], `realm /alpha: cannot find out whether the identity "auser0" exists: AM took `)):
			t.Errorf("%s: the notices are %q", policy, notices)
		}
		if alone, err := inv.IsUserAlone(t.Context(), "/alpha", "auser0"); alone || err != nil {
			t.Errorf("%s: %t, %v; want it to be uncertain whether this is a user", policy, alone, err)
		}
	}
	store.finds = -1
	if users, err := usersOf(t.Context(), identitiesBehind(t, 2, store, inventory.Options{}), inventory.UserQuery{Realms: []string{"/alpha"}, Names: []string{"auser0"}}); len(users) != 1 || err != nil {
		t.Errorf("a search that found somebody: %q, %v", users, err)
	}
}
