package simulator

import (
	"encoding/json"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

// A storedRow is a row of AM's list, built from the attributes of a session.
type storedRow struct{ user, handle, realm, latest, idleEnd, end string }

func TestATokenStoreHasTheSessionsThatAMHas(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		read    func(*ldap.Entry) storedRow
		unknown func(*storedRow) // removes what the layout does not contain
	}{
		{"OpenAM", Options{}, openAMRow, nil},
		{"OpenAM 13", Options{Deployments: []string{"token-store-openam-13"}}, openAMRow, func(r *storedRow) { r.realm, r.idleEnd, r.end = "", "", "" }},
		{"PingAM", Options{Profile: "pingam-8.1"}, pingRow, nil},
		{"AM 7", Options{Profile: "am-7"}, pingRow, nil},
		{"with agents", Options{Deployments: []string{"agents"}}, openAMRow, nil},
		{"PingAM laid out as OpenAM", Options{Profile: "pingam-8.1", Deployments: []string{"token-store-openam"}}, openAMRow, nil},
		{"OpenAM laid out as PingAM", Options{Deployments: []string{"token-store-ping"}}, pingRow, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := newClock()
			o := clock.in(c.options)
			o.Realms, o.Users, o.Sessions, o.ListCap = 3, 30, 200, 1000
			d := serveTokenStore(t, o)
			for _, name := range oddNames {
				for _, realm := range []string{"/alpha", "/alpha/nested"} {
					if err := d.sim.AddUser(realm, name, "changeit"); err == nil {
						_, err = d.sim.Login(realm, name)
						must(t, err)
					}
				}
			}
			reader := d.as(t, "amsql-reader")
			web := httptest.NewServer(d.sim)
			defer web.Close()
			am := (&client{t: t, sim: d.sim, base: web.URL + d.sim.ContextPath() + "/json", http: web.Client(), api: "protocol=1.0,resource=2.0"}).asAdmin()
			agree := func(what string) {
				t.Helper()
				want := map[storedRow]int{}
				for _, realm := range []string{"/", "/alpha", "/alpha/nested", "/bravo"} {
					for _, row := range am.query(`realm eq "` + realm + `"`).rows(t) {
						cell := func(name string) string { text, _ := row[name].(string); return text }
						at := func(name string) string {
							return strings.NewReplacer("-", "", "T", "", ":", "").Replace(cell(name)[:19])
						}
						r := storedRow{cell("universalId"), cell("sessionHandle"), cell("realm"), at("latestAccessTime"), at("maxIdleExpirationTime"), at("maxSessionExpirationTime")}
						if c.unknown != nil {
							c.unknown(&r)
						}
						want[r]++
					}
				}
				if len(want) == 0 {
					t.Error("AM lists no session")
				}
				got := map[storedRow]int{}
				answer, err := reader.Search(d.request(sessionsOnly))
				must(t, err)
				operational, err := reader.Search(d.request(sessionsOnly, "createTimestamp"))
				must(t, err)
				for i, e := range answer.Entries {
					got[c.read(e)]++
					if _, err := parseGeneralized(operational.Entries[i].GetAttributeValue("createTimestamp")); err != nil {
						t.Error(err)
					}
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s: %s", what, d)
				}
			}
			agree("at first")
			someone := d.sim.Sessions()[100]
			d.sim.store.end(d.sim.store.byKey[keyOf(t, d.sim, someone)])
			agree("after a logout")
			_, err := d.sim.Login("/", "demo")
			must(t, err)
			agree("after a login")
			clock.add(20 * time.Minute)
			agree("after some have expired")
		})
	}
}

func second(at time.Time) string { return at.UTC().Format(generalized) }

func keyOf(t *testing.T, s *Server, of Session) int64 {
	t.Helper()
	for key, x := range s.store.byKey {
		if s.handle(x) == of.Handle {
			return key
		}
	}
	t.Fatal("there is no such session")
	return 0
}

func openAMRow(e *ldap.Entry) (r storedRow) {
	seconds, _ := strconv.ParseInt(e.GetAttributeValue("coreTokenString01"), 10, 64)
	r.user, r.handle, r.realm = e.GetAttributeValue("coreTokenUserId"), e.GetAttributeValue("coreTokenString03"), e.GetAttributeValue("coreTokenString11")
	r.latest = second(time.Unix(seconds, 0))
	r.idleEnd, r.end = strings.TrimSuffix(e.GetAttributeValue("coreTokenDate02"), "Z"), strings.TrimSuffix(e.GetAttributeValue("coreTokenDate01"), "Z")
	return r
}

func pingRow(e *ldap.Entry) (r storedRow) {
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(e.GetAttributeValue(name), 10, 64)
		return n
	}
	r.user, r.handle, r.realm = e.GetAttributeValue("coreTokenUserId"), e.GetAttributeValue("coreTokenString06"), e.GetAttributeValue("coreTokenString11")
	latest, created := number("coreTokenString04"), number("coreTokenString12")
	r.latest = second(time.UnixMilli(latest))
	r.idleEnd, r.end = second(time.UnixMilli(latest+number("coreTokenInteger07")*minute)), second(time.UnixMilli(created+number("coreTokenInteger06")*minute))
	return r
}

func TestAnObjectInTheTokenStoreSaysWhereASessionIsFrom(t *testing.T) {
	for profile, created := range map[string]string{"openam": "creationTime", "pingam-8.1": "creationTimeInMillis"} {
		d := serveTokenStore(t, Options{Profile: profile, Realms: 1, Users: 9, Sessions: 60})
		answer, err := d.as(t, "objects").Search(d.request(sessionsOnly, "coreTokenObject"))
		must(t, err)
		found := map[string]map[string]any{}
		for _, e := range answer.Entries {
			var object struct {
				Properties map[string]any `json:"sessionProperties"`
			}
			var all map[string]any
			must(t, json.Unmarshal(e.GetRawAttributeValue("coreTokenObject"), &object))
			must(t, json.Unmarshal(e.GetRawAttributeValue("coreTokenObject"), &all))
			if all[created] == nil {
				t.Errorf("%s: an object has no %s", profile, created)
			}
			found[object.Properties["AMCtxId"].(string)] = object.Properties
		}
		for _, s := range d.sim.Sessions() {
			properties := found[s.ContextID]
			if properties["Host"] != s.Host || properties["AuthLevel"] != strconv.Itoa(s.AuthLevel) || properties["authInstant"] != s.Created.Truncate(time.Second).Format(time.RFC3339) {
				t.Errorf("%s: %v, want those of %+v", profile, properties, s)
			}
		}
	}
	d := serveTokenStore(t, Options{Sessions: 3, Deployments: []string{"token-store-encrypted"}})
	answer, err := d.as(t, "objects").Search(d.request(sessionsOnly, "coreTokenObject"))
	must(t, err)
	for _, e := range answer.Entries {
		if object := e.GetRawAttributeValue("coreTokenObject"); len(object) == 0 || json.Valid(object) {
			t.Errorf("an encrypted object is %q", object)
		}
	}
}
