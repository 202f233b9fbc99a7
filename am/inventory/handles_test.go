package inventory_test

import (
	"fmt"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// If lists overlap, sessions without handles are counted: nothing else tells two sessions of a user apart.
func TestSessionsWithoutHandlesAreAllListed(t *testing.T) {
	for _, each := range []int{1, 3} {
		users := make([]string, 90/each)
		for i := range users {
			users[i] = fmt.Sprintf("alpha-%d", i)
		}
		s := store{server: populated(t, 31, each, map[string]int{"/alpha": 90}), noHandles: true}
		inv := inventoryBehind(t, s.server, inventory.Options{}, s.ServeHTTP)
		for name, q := range map[string]inventory.Query{
			"the realm":       {Realms: []string{"/alpha"}},
			"the users":       {Realms: []string{"/alpha"}, Usernames: users},
			"the login names": {Realms: []string{"/alpha"}, Logins: users},
		} {
			got := map[string]int{}
			for session, err := range inv.Sessions(t.Context(), q) {
				if must(t, err); session.Handle != "" {
					t.Fatalf("a session has the handle %q", session.Handle)
				}
				got[session.Username]++
			}
			for _, user := range users {
				if got[user] != each {
					t.Errorf("%s: %s has %d sessions, want %d", name, user, got[user], each)
				}
			}
		}
	}
}
