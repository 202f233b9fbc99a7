package methods_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

var anyUUID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// newMixture is a world in which the sessions of /alpha and /bravo have UUIDs, and those of the root have login names.
func newMixture(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, simulator.Options{Profile: "pingam-8.1", Realms: 2, Deployments: []string{"idm"}})
	for _, at := range [][2]string{
		{"/alpha", "bkowalska"}, {"/", "bkowalska"}, {"/alpha", "anna"}, {"/alpha", "both"}, {"/alpha", "Two"}, {"/", "carla"},
	} {
		must(t, w.server.AddUser(at[0], at[1], "changeit"))
		_, err := w.server.Login(at[0], at[1])
		must(t, err)
	}
	must(t, w.server.AddUser("/", "both", "changeit")) // without a session
	must(t, w.server.AddUser("/alpha", "other", "changeit"))
	_, err := w.server.Login("/alpha", "other")
	must(t, err)
	must(t, w.server.RenameUser("/alpha", "other", "two"))
	return w
}

// A name may be the login name of a user in one realm, whose sessions have a UUID, and the user name of sessions in
// another. Nobody who means both must believe that both have ended.
func TestANameOfUsersInRealmsOfBothKindsIsNotHalfEnded(t *testing.T) {
	for name, c := range map[string]struct {
		realm, user string
		refused     int // status of answers about users
		ended       int
		fails       string
	}{
		"both kinds":                      {user: "BKowalska", fails: `"BKowalska" is the login name of UUID in realm /alpha, and in realm / it is a user name: choose a realm, or UUID, or the condition username = 'BKowalska'; nothing was ended`},
		"the realm of the login name":     {user: "bkowalska", realm: "/alpha", ended: 1},
		"the same in other letters":       {user: "BKOWALSKA", realm: "/Alpha", ended: 1},
		"the realm of the user name":      {user: "bkowalska", realm: "/", ended: 1},
		"a realm without such a user":     {user: "bkowalska", realm: "/bravo", fails: `user "bkowalska" in realm /bravo not found`},
		"only a login name":               {user: "anna", ended: 1},
		"only a user name":                {user: "carla", ended: 1},
		"a user without a listed session": {user: "both", fails: `"both" is the login name of UUID in realm /alpha, and in realm / it is a user name: `},
		"a login name of two":             {user: "two", realm: "/alpha", fails: `"two" is the login name of UUID in realm /alpha and of UUID in realm /alpha: choose one of them`},
		"nobody may be looked up":         {user: "bkowalska", refused: 403, fails: `sessions in realm /alpha have UUIDs, and amsql cannot find out whose login name "bkowalska" is: `},
		"nor in the realm of UUIDs":       {user: "anna", realm: "/alpha", refused: 403, fails: `sessions in realm /alpha have UUIDs, and amsql cannot find out whose login name "anna" is: `},
		"but in that of user names":       {user: "bkowalska", realm: "/", refused: 403, ended: 1},
	} {
		w := newMixture(t)
		w.tamper = func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
			refused := c.refused > 0 && strings.HasSuffix(r.URL.Path, "/users")
			if refused {
				answer(response, c.refused)
			}
			return refused
		}
		before := len(w.server.Sessions())
		outcomes, err := w.EndUser(t.Context(), c.realm, c.user)
		if (err != nil) != (c.fails != "") || err != nil && !strings.HasPrefix(anyUUID.ReplaceAllString(err.Error(), "UUID"), c.fails) || states(outcomes)[methods.Ended] != c.ended {
			t.Errorf("%s: %v, %v", name, states(outcomes), err)
		}
		own := 1 // that of amsql
		if ended := before + own - len(w.server.Sessions()); ended != c.ended {
			t.Errorf("%s: %d sessions have ended, want %d", name, ended, c.ended)
		}
	}
}
