package am

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

func TestHeldSessionsComeBackAsTheyWere(t *testing.T) {
	for _, n := range []int{0, 1, sessionsOfABlock, 3*sessionsOfABlock + 1} {
		var want []*rest.Session
		var rows heldSessions
		of := &sessionScan{properties: true}
		for i := range n {
			s := &rest.Session{Realm: fmt.Sprint("/realm", i/700%3)}
			// Every third session has only what a scan of few columns requests.
			if i%3 > 0 {
				s.Username, s.UniversalID, s.Handle = fmt.Sprint("user", i), "id=日本,ou=user", fmt.Sprint("shandle:", i*i)
				if i%4 > 0 {
					s.UniversalID = fmt.Sprint("id=user", i, []string{"", "x,ou=user", ",ou=user,o=realm"}[i%4-1])
				}
				s.LatestAccess = time.Date(2026, 11, 28, 7, 47, 17, i%1000*1e6, time.UTC)
				s.MaxIdleExpiration = s.LatestAccess.Add(30 * time.Minute)
				s.MaxSessionExpiration = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
				s.Properties = map[string]any{"AMCtxId": i}
				s.SignIn = rest.SignIn{
					CreationTime: s.LatestAccess.Truncate(time.Second), AuthLevel: new(i - 5), AuthType: fmt.Sprint("module", i%4), Service: fmt.Sprint("journey", i%5),
					ClientIP: fmt.Sprint("2001:db8::", i), TrackingID: fmt.Sprint("context-", i), SessionType: "USER",
				}
				for field, value := range reflect.ValueOf(*s).Fields() {
					if value.IsZero() && field.Name != "Unreadable" { // not stored, because the inventory has already sent a notice about it
						t.Fatalf("the test sets no %s: set it above, and keep it in heldSessions", field.Name)
					}
				}
				for field, value := range reflect.ValueOf(s.SignIn).Fields() {
					if value.IsZero() {
						t.Fatalf("the test sets no %s: set it above, and keep it in heldSessions", field.Name)
					}
				}
			}
			want = append(want, s)
			rows.add(&session{s, of, s.Username})
		}
		var got []*rest.Session
		for row := range rows.give() {
			if row.scan != of {
				t.Error("a row has another scan")
			}
			if row.login != row.Username {
				t.Errorf("the login name of %s is %q", row.Username, row.login)
			}
			got = append(got, row.Session)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d rows: %s", n, d)
		}
	}
}
