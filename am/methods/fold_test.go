package methods_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// AM lists Anna as anna, and accepts both.
func TestAUserIsEndedInWhateverCaseItsNameIsGiven(t *testing.T) {
	for _, profile := range []string{"openam", "pingam-8.1"} {
		w := newWorld(t, simulator.Options{Profile: profile, Realms: 1})
		for _, name := range []string{"anna", "anne"} {
			must(t, w.server.AddUser("/alpha", name, "changeit"))
		}
		var targets []methods.Session
		for range 4 {
			s, err := w.server.Login("/alpha", "Anna")
			must(t, err)
			targets = append(targets, methods.Session{Handle: s.Handle, Username: "ANNA", Realm: "/Alpha"})
		}
		_, err := w.server.Login("/alpha", "anne")
		must(t, err)

		outcomes, err := w.EndSessions(t.Context(), targets[:2])
		if err != nil || states(outcomes)[methods.Ended] != 2 {
			t.Errorf("%s: by handle: %v, %v; want two ended", profile, outcomes, err)
		}
		outcomes, err = w.EndUser(t.Context(), "/Alpha", "aNNa")
		if err != nil || states(outcomes)[methods.Ended] != 2 {
			t.Errorf("%s: by user: %v, %v; want two ended", profile, outcomes, err)
		}
		if left := len(w.sessions("/alpha")); left != 1 {
			t.Errorf("%s: %d sessions are left, want that of anne", profile, left)
		}
	}
}

// If the server does not report the handle of the caller's own session, that session cannot be distinguished from
// others of its user.
func TestTheCallersOwnSessionIsSparedInWhateverCaseItsNameIsGiven(t *testing.T) {
	for _, name := range []string{"amadmin", "AMADMIN", "amAdmin"} {
		w := newWorld(t, simulator.Options{Profile: "pingam-8.1", Realms: 1})
		w.tamper = func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.Header.Get("Accept-API-Version") == "protocol=1.0,resource=2.0" && r.URL.Query().Get("_action") == "getSessionInfo" {
				answer(response, http.StatusNotFound)
				return true
			}
			return false
		}
		other, err := w.server.Login("/", "amadmin")
		must(t, err)
		own, err := w.Client.OwnSession(t.Context())
		must(t, err)
		if own.Handle != "" || own.Username != "amadmin" {
			t.Fatalf("the caller's own session is %+v, want one of amadmin without a handle", own)
		}
		if outcomes, err := w.EndUser(t.Context(), "/", name); err == nil {
			t.Errorf("%s by user: %v, want an error", name, outcomes)
		}
		sessions := []methods.Session{{Username: name, Realm: "/"}, {Handle: other.Handle, Username: name, Realm: "/"}}
		if outcomes, err := w.EndSessions(t.Context(), sessions); err == nil {
			t.Errorf("%s by session: %v, want an error", name, outcomes)
		}
		if actions := w.changing(); len(actions) > 0 {
			t.Errorf("%s: the server has seen %v", name, actions)
		}
		if _, err := w.Client.SessionInfo(t.Context(), ""); err != nil || !slices.ContainsFunc(w.server.Sessions(), func(s simulator.Session) bool { return s.Handle == other.Handle }) {
			t.Errorf("%s: sessions have ended: %v", name, err)
		}
	}
}
