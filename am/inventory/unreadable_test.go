package inventory_test

import (
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestTimesThatCannotBeReadAreANoticeAndNotAnError(t *testing.T) {
	server, err := simulator.New(simulator.Options{Realms: 2, Users: 20, Sessions: 60, Deployments: []string{"endless"}})
	must(t, err)
	var notices []string
	user, password := server.Admin()
	inv := directoryOf(t, server, rest.Password{Username: user, Password: password}, inventory.Options{Notify: func(n string) { notices = append(notices, n) }})
	rows, endless := 0, 0
	for s, err := range inv.Sessions(t.Context(), inventory.Query{Realms: []string{"/alpha", "/bravo"}}) {
		must(t, err)
		if rows++; s.MaxSessionExpiration.IsZero() {
			endless++
		}
	}
	if rows != 60 || endless == 0 || endless == 60 {
		t.Errorf("%d sessions, of which %d have no end; want 60, some", rows, endless)
	}
	if all := strings.Join(notices, "\n"); len(notices) != 1 || !strings.Contains(all, "sessions with a time that cannot be read, such as maxSessionExpirationTime") {
		t.Errorf("the notices are %q, want one about times", notices)
	}
}
