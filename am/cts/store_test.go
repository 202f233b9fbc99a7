package cts

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

func TestEveryLayoutMakesTheSameRows(t *testing.T) {
	began := now.Add(-10 * time.Minute)
	want := []*rest.Session{
		{
			Username: "bjensen", UniversalID: "id=bjensen,ou=user,o=nested,o=alpha,ou=services," + testSuffix, Realm: "/alpha/nested", Handle: "shandle:h1",
			LatestAccess: began, MaxIdleExpiration: began.Add(30 * time.Minute), MaxSessionExpiration: began.Add(2 * time.Hour), SignIn: rest.SignIn{CreationTime: began},
		},
		{
			Username: "amadmin", UniversalID: "id=amadmin,ou=user," + testSuffix, Realm: "/", Handle: "shandle:h2",
			LatestAccess: began, MaxIdleExpiration: began.Add(30 * time.Minute), MaxSessionExpiration: began.Add(2 * time.Hour), SignIn: rest.SignIn{CreationTime: began},
		},
	}
	for name, write := range map[string]func(int, string, string, time.Time) map[string][]string{
		openAM.name: login,
		pingAM.name: ping,
		openAM13.name: func(id int, user, realm string, began time.Time) map[string][]string {
			e := login(id, user, realm, began)
			for _, absent := range []string{"coretokenstring11", "coretokenstring13", "coretokendate01", "coretokendate02"} {
				delete(e, absent)
			}
			return e
		},
	} {
		d := startDirectory(t, nil)
		d.entries = append(d.entries, write(1, "bjensen", "/alpha/nested", began), write(2, "amadmin", "", began), write(3, "gone", "/alpha", now.Add(-3*time.Hour)),
			map[string][]string{"coretokenid": {"4"}, "coretokentype": {"NOTIFICATION"}, "coretokenexpirationdate": {"20270101000000Z"}})
		for _, e := range d.entries {
			if name == pingAM.name && e["coretokenstring04"] != nil { // as if the session had not been used since
				e["coretokenstring04"] = e["coretokenstring12"]
			}
		}
		rows, err := collect(d.store(t).Sessions(t.Context(), nil, nil))
		must(t, err)
		ignore := cmpopts.IgnoreFields(rest.Session{}, []string{}...)
		if name == openAM13.name {
			ignore = cmpopts.IgnoreFields(rest.Session{}, "MaxIdleExpiration", "MaxSessionExpiration")
			if !rows[0].MaxIdleExpiration.IsZero() {
				t.Errorf("%s: a time from nowhere: %v", name, rows[0])
			}
		}
		if diff := cmp.Diff(want, rows, ignore); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestASessionIsLiveWhileBothOfItsTimesAreAhead(t *testing.T) {
	for name, write := range map[string]func(int, string, string, time.Time) map[string][]string{"OpenAM": login, "PingAM": ping} {
		d := startDirectory(t, nil)
		idled, used := write(1, "idle", "/", now.Add(-31*time.Minute)), write(2, "used", "/", now.Add(-121*time.Minute))
		for _, attribute := range []string{"coretokenstring04", "coretokendate02"} { // used recently
			if used[attribute] != nil {
				used[attribute] = write(0, "", "/", now.Add(-2*time.Minute))[attribute]
			}
		}
		if name == "PingAM" {
			idled["coretokenstring04"] = idled["coretokenstring12"]
		}
		d.entries = append(d.entries, idled, used, write(3, "live", "/", now.Add(-29*time.Minute)))
		rows, err := collect(d.store(t).Sessions(t.Context(), nil, []string{}))
		must(t, err)
		if len(rows) != 1 {
			t.Errorf("%s: %d sessions, want 1: %v", name, len(rows), rows)
		}
	}
}

func TestNamesAreUnescapedTwice(t *testing.T) {
	for universalID, want := range map[string]string{
		`id=bjensen,ou=user,dc=x`:    "bjensen",
		`id=a\\\,b\\\=c,ou=user`:     "a,b=c",
		`id=back\\\\slash,ou=user`:   `back\slash`,
		`id=\\#hash,ou=user`:         "#hash",
		`id=tab\\09name,ou=user`:     "tab\tname",
		`id=o'brien,ou=user`:         "o'brien",
		`id=日本,ou=user`:              "日本",
		`ID=user@example.com,ou=x`:   "user@example.com",
		`cn=other,ou=user`:           "",
		`id=`:                        "",
		`id=ends\`:                   `ends\`,
		``:                           "",
		`id=back\\\\adf,ou=services`: `back\adf`,
	} {
		if got := usernameOf(universalID); got != want {
			t.Errorf("%s holds %q, want %q", universalID, got, want)
		}
	}
	for universalID, want := range map[string]string{
		"id=a,ou=user,o=nested,o=alpha,ou=services,dc=example": "/alpha/nested",
		"id=a,ou=user,o=company":                               "/",
		"id=a,ou=user,o=alpha,ou=services,o=company":           "/alpha",
	} {
		if got := realmOf(universalID); got != want {
			t.Errorf("%s is in realm %s, want %s", universalID, got, want)
		}
	}
}

// Every search names the attributes that it requests, and never one that contains a token.
func TestNoSearchAsksForATokenUnlessObjectsAreAllowed(t *testing.T) {
	for _, write := range []func(int, string, string, time.Time) map[string][]string{login, ping} {
		for _, objects := range []bool{false, true} {
			d := startDirectory(t, nil)
			d.entries = append(d.entries, write(1, "bjensen", "/", now))
			s := d.store(t, func(c *Config) { c.Objects = objects })
			for _, fields := range [][]string{nil, {}, {rest.FieldHandle}, {rest.FieldSignIn, rest.FieldProperties}} {
				for _, search := range []iter.Seq2[*rest.Session, error]{s.Sessions(t.Context(), nil, fields), s.SessionsOf(t.Context(), []string{"bjensen"}, fields)} {
					_, err := collect(search)
					must(t, err)
				}
			}
			asked := map[string]bool{}
			for _, m := range d.requests {
				if len(m.Attributes) == 0 || slices.Contains(m.Attributes, "*") {
					t.Errorf("%s asks for every attribute", m.Filter)
				}
				for _, name := range m.Attributes {
					asked[strings.ToLower(name)] = true
				}
			}
			for _, token := range []string{"coretokenstring02", "coretokenstring05", "coretokenmultistring01"} {
				if asked[token] {
					t.Errorf("%s is asked for", token)
				}
			}
			if asked["coretokenobject"] != objects {
				t.Errorf("objects %t, and they are asked for: %t", objects, !objects)
			}
		}
	}
}

func TestACountAsksForOneAttribute(t *testing.T) {
	d := startDirectory(t, nil)
	d.entries = append(d.entries, login(1, "bjensen", "/", now))
	_, err := collect(d.store(t).Sessions(t.Context(), nil, []string{}))
	must(t, err)
	if got, want := d.requests[len(d.requests)-1].Attributes, []string{"coreTokenString11"}; !slices.Equal(got, want) {
		t.Errorf("asks for %q, want %q", got, want)
	}
}

func TestUsersAreFoundWhateverTheirNames(t *testing.T) {
	d := startDirectory(t, nil)
	names := map[string]string{ // as AM writes them
		"bjensen": "bjensen", "o'brien": "o'brien", "a,b=c": `a\\\,b\\\=c`, `back\slash`: `back\\\\slash`, "#hash": `\\#hash`, "café": "café", "日本": "日本",
		"日本語": "日本語", "e\u0301t\u00e9": "e\u0301t\u00e9", "two words": "two words", "star*": "star*", "per%cent": "per%cent", "(paren)": "(paren)", "bjensen2": "bjensen2",
	}
	id := 0
	for _, written := range names {
		id++
		d.entries = append(d.entries, login(id, written, "/alpha", now))
	}
	s := d.store(t)
	var all []string
	for name := range names {
		all = append(all, name)
		rows, err := collect(s.SessionsOf(t.Context(), []string{strings.ToUpper(name)}, []string{rest.FieldUsername}))
		must(t, err)
		if !slices.ContainsFunc(rows, func(s *rest.Session) bool { return s.Username == name }) {
			t.Errorf("%q is not found by %s", name, d.requests[len(d.requests)-1].Filter)
		}
		if name == "bjensen" && len(rows) != 1 {
			t.Errorf("%d sessions found for %q, want its own alone", len(rows), name)
		}
	}
	for range 60 {
		all = append(all, "nobody")
	}
	rows, err := collect(s.SessionsOf(t.Context(), all, []string{rest.FieldHandle}))
	must(t, err)
	if len(rows) != len(names) || len(slices.Compact(handles(rows))) != len(names) {
		t.Errorf("%d rows for %d users", len(rows), len(names))
	}
}

func TestAnObjectGivesTheSignInAndNothingElse(t *testing.T) {
	d := startDirectory(t, nil)
	encrypted := login(2, "b", "/", now)
	encrypted["coretokenobject"] = []string{"AQICencrypted"}
	renamed := login(3, "c", "/", now)
	renamed["coretokenobject"] = []string{`{"sid":"AQIC-token-3","sp":{"AuthLevel":"7"}}`}
	d.entries = append(d.entries, login(1, "a", "/", now), encrypted, renamed)
	var notices []string
	s := d.store(t, func(c *Config) { c.Objects, c.Notify = true, func(n string) { notices = append(notices, n) } })
	rows, err := collect(s.Sessions(t.Context(), nil, nil))
	must(t, err)
	want := rest.SignIn{
		CreationTime: time.Date(2026, 11, 28, 7, 13, 54, 0, time.UTC), AuthLevel: new(7), AuthType: "DataStore", Service: "ldapService",
		ClientIP: "192.0.2.1", TrackingID: "track-1", SessionType: "USER",
	}
	if diff := cmp.Diff(want, rows[0].SignIn); diff != "" {
		t.Error(diff)
	}
	for _, s := range rows[1:] {
		if diff := cmp.Diff(rest.SignIn{CreationTime: now}, s.SignIn); diff != "" {
			t.Error(diff)
		}
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "2 sessions") || strings.Contains(fmt.Sprint(notices, rows), "AQIC") {
		t.Errorf("notices %q", notices)
	}
}
