package methods

import "testing"

// The exit status of a command shows whether all sessions are gone.
func TestOnlyWhatHasEndedIsGone(t *testing.T) {
	for state, want := range map[State]bool{Ended: true, AlreadyGone: true, NotFound: false, StillListed: false, Refused: false, Unknown: false} {
		outcome := Outcome{Session: Session{Username: "anna", Realm: "/alpha"}, State: state, Connection: "am"}
		if got := outcome.Gone(); got != want {
			t.Errorf("%s: gone is %t", state, got)
		}
		if err := Remaining([]Outcome{outcome}); (err == nil) != want {
			t.Errorf("%s: %v", state, err)
		}
	}
}

// The key determines whose sessions logoutByUser may end, and which of them are the caller's.
func TestAUsersKeyIsOfOneUserInOneRealm(t *testing.T) {
	key := userKey("/alpha", "anna")
	for other, same := range map[[2]string]bool{
		{"/Alpha", "ANNA"}: true, {"/alpha", "anne"}: false, {"/bravo", "anna"}: false, {"/alphaa", "nna"}: false, {"", "/alphaanna"}: false,
	} {
		if got := userKey(other[0], other[1]) == key; got != same {
			t.Errorf("%q: the same is %t", other, got)
		}
	}
}
