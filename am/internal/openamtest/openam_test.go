package openamtest_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
)

const password = "changeit"

var oddNames = []string{"o'brien", `with "quote"`, `back\slash`, "café", "two words", "a,b=c", "日本"}

// newRealm creates a realm for one test and deletes it afterwards.
func newRealm(t *testing.T, admin *openamtest.Admin, path string) string {
	t.Helper()
	if err := admin.CreateRealm(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin.DeleteRealm(context.WithoutCancel(t.Context()), path); err != nil {
			t.Error(err)
		}
	})
	return path
}

// logIn creates the users and logs each of them in once, until the test ends.
func logIn(t *testing.T, admin *openamtest.Admin, realm string, users ...string) []string {
	t.Helper()
	for _, user := range slices.Compact(slices.Clone(users)) {
		if err := admin.CreateUser(t.Context(), realm, user, password); err != nil {
			t.Fatalf("%q: %v", user, err)
		}
	}
	tokens, err := admin.LoginMany(t.Context(), realm, password, users...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin.LogoutMany(context.WithoutCancel(t.Context()), tokens...); err != nil {
			t.Error(err)
		}
	})
	return tokens
}

func status(err error) int {
	if e := new(openamtest.StatusError); errors.As(err, &e) {
		return e.Status
	}
	return 0
}

func sessions(t *testing.T, rows []map[string]any, err error) []map[string]any {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestOpenAMFindsTheSessionsOfOddUsers(t *testing.T) {
	admin := openamtest.Connect(t)
	for _, realm := range []string{"/odd", "/odd/nested"} {
		newRealm(t, admin, realm)
		logIn(t, admin, realm, oddNames...)
		var got []string
		rows, err := admin.Sessions(t.Context(), realm)
		for _, row := range sessions(t, rows, err) {
			got = append(got, row["username"].(string))
			if row["realm"] != realm {
				t.Errorf("%v is in %v, want %s", row["username"], row["realm"], realm)
			}
		}
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(oddNames))) {
			t.Errorf("%s has sessions of %q, want %q", realm, got, oddNames)
		}
		for _, name := range oddNames {
			rows, err := admin.SessionsOf(t.Context(), realm, name)
			if rows = sessions(t, rows, err); len(rows) != 1 || rows[0]["username"] != name {
				t.Errorf("%q in %s has the sessions %v, want one", name, realm, rows)
			}
		}
	}
}

func TestOpenAMCutsTheListAtItsCap(t *testing.T) {
	admin := openamtest.Connect(t)
	realm := newRealm(t, admin, "/cap")
	logIn(t, admin, realm, slices.Repeat([]string{"many"}, 125)...)
	old, err := admin.ListCap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin.SetListCap(context.WithoutCancel(t.Context()), old); err != nil {
			t.Error(err)
		}
	})
	for _, c := range []struct{ limit, want int }{{120, 120}, {5000, 125}, {7, 7}} {
		if err := admin.SetListCap(t.Context(), c.limit); err != nil {
			t.Fatal(err)
		}
		rows, err := admin.Sessions(t.Context(), realm)
		if rows = sessions(t, rows, err); len(rows) != c.want {
			t.Errorf("with the cap at %d there are %d rows, want %d", c.limit, len(rows), c.want)
		}
	}
}

func TestOpenAMObeysTheLimitsOfARealm(t *testing.T) {
	admin := openamtest.Connect(t)
	realm := newRealm(t, admin, "/limits")
	for _, idle := range []int{7, 9} { // added, then changed
		if err := admin.AddSessionService(t.Context(), realm, idle, 60, 5); err != nil {
			t.Fatal(err)
		}
		if err := admin.CreateWhitelist(t.Context(), realm, "p1", "p2"); err != nil {
			t.Fatal(err)
		}
		// A change applies to new sessions after a moment, not immediately.
		want, got := time.Duration(idle)*time.Minute, time.Duration(0)
		for start := time.Now(); got != want && time.Since(start) < 10*time.Second; {
			got = idleLimit(t, admin, realm)
		}
		if got != want {
			t.Errorf("a session may be idle for %s, want %s", got, want)
		}
	}
}

// idleLimit returns how long a new session may be idle.
func idleLimit(t *testing.T, admin *openamtest.Admin, realm string) time.Duration {
	t.Helper()
	tokens := logIn(t, admin, realm, "limited")
	rows, err := admin.SessionsOf(t.Context(), realm, "limited")
	if rows = sessions(t, rows, err); len(rows) != 1 {
		t.Fatalf("%d sessions, want 1", len(rows))
	}
	if err := admin.Logout(t.Context(), tokens[0]); err != nil {
		t.Fatal(err)
	}
	return moment(t, rows[0]["maxIdleExpirationTime"]).Sub(moment(t, rows[0]["latestAccessTime"])).Round(time.Minute)
}

func moment(t *testing.T, cell any) time.Time {
	t.Helper()
	text, _ := cell.(string)
	m, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOpenAMListsASessionUntilItsLogout(t *testing.T) {
	admin := openamtest.Connect(t)
	realm := newRealm(t, admin, "/leaving")
	tokens := logIn(t, admin, realm, "leaver", "leaver")
	for left := 2; left >= 0; left-- {
		rows, err := admin.SessionsOf(t.Context(), realm, "leaver")
		if rows = sessions(t, rows, err); len(rows) != left {
			t.Errorf("%d sessions, want %d", len(rows), left)
		}
		if left == 0 {
			break
		}
		if err := admin.Logout(t.Context(), tokens[left-1]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenAMRefusesADeletedUser(t *testing.T) {
	admin := openamtest.Connect(t)
	realm := newRealm(t, admin, "/deleted")
	for _, name := range []string{"former", "日本 two", "o'former"} {
		logIn(t, admin, realm, name)
		if err := admin.DeleteUser(t.Context(), realm, name); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.Login(t.Context(), realm, name, password); status(err) != http.StatusUnauthorized {
			t.Errorf("%q logs in after the deletion with %v, want 401", name, err)
		}
		rows, err := admin.SessionsOf(t.Context(), realm, name)
		if rows = sessions(t, rows, err); len(rows) != 1 {
			t.Errorf("%q has %d sessions, want the one from before", name, len(rows))
		}
	}
}
