package am_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/internal/storetest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// likeUUID is the login name of a user, although it looks like the names that other users have only in sessions.
const likeUUID = "7d9f7e5a-1c7b-4a39-8f11-0c6f5be0a001"

// A mixture is a deployment in which the sessions of /alpha and /bravo have UUIDs, and those of the root have login
// names.
type mixture struct {
	product
	notices []string
}

func newMixture(t *testing.T, profile string, configure func(*testing.T, *connection.Config, *simulator.Server)) *mixture {
	t.Helper()
	sim, url := server(t, simulator.Options{Profile: profile, Realms: 2, Deployments: []string{"idm"}})
	logIn(t, sim, "/alpha", "Bkowalska", "Bkowalska", "anna", "both")
	logIn(t, sim, "/bravo", "both", "bert")
	logIn(t, sim, "/", "bkowalska", "Carla", likeUUID)
	config := asAdministrator(t, sim, url)
	if id, key := sim.ServiceAccount(); id != "" {
		jwk := string(key)
		config = connection.Config{BaseURL: &url, ServiceAccountID: &id, ServiceAccountJWK: &jwk}
	}
	config.Realms = []string{"/", "/alpha", "/bravo"} // Advanced Identity Cloud does not list the root
	if configure != nil {
		configure(t, &config, sim)
	}
	m := &mixture{}
	host := connection.Host{Notify: func(notice string) { m.notices = append(m.notices, notice) }}
	m.product = product{newEngineHostIn(t, config, host), sim, url}
	return m
}

var mixtures = map[string]struct {
	profile   string
	configure func(*testing.T, *connection.Config, *simulator.Server)
}{
	"AM 7": {profile: "am-7"}, "PingAM": {profile: "pingam-8.1"}, "cloud": {profile: "aic"}, "token store": {"pingam-8.1", withStore},
}

func withStore(t *testing.T, config *connection.Config, sim *simulator.Server) {
	directory, address := storetest.Serve(t, sim)
	dn, password := directory.Account("amsql-reader")
	url, fingerprint := "ldaps://"+address, storetest.Fingerprint(directory)
	config.TokenStoreURL, config.TokenStoreBindDN, config.TokenStorePassword, config.TokenStoreFingerprint = &url, &dn, &password, &fingerprint
}

// Realms with UUIDs and realms with login names may be in one connection, and may have users of the same login name.
// The rows are the same whether a condition is pushed down or not.
func TestALoginNameIsFoundInRealmsOfBothKinds(t *testing.T) {
	for name, c := range mixtures {
		t.Run(name, func(t *testing.T) {
			m := newMixture(t, c.profile, c.configure)
			for condition, want := range map[string][]string{
				"login_name = 'bkowalska'":                                                       {"/ | 1", "/alpha | 2"},
				"login_name = 'BKOWALSKA'":                                                       {"/ | 1", "/alpha | 2"},
				"login_name = 'bkowalska' and realm = '/'":                                       {"/ | 1"},
				"login_name = 'bkowalska' and realm = '/Alpha'":                                  {"/Alpha | 2"},
				"login_name = 'bkowalska' and realm <> '/'":                                      {"/alpha | 2"},
				"login_name = 'bkowalska' and realm in ('/', '/bravo')":                          {"/ | 1"},
				"lower(login_name) = 'bkowalska'":                                                {"/ | 1", "/alpha | 2"},
				"login_name like 'bkow%'":                                                        {"/ | 1", "/alpha | 2"},
				"login_name in ('bkowalska', 'both', 'nobody')":                                  {"/ | 1", "/alpha | 3", "/bravo | 1"},
				"login_name in (select column1 from (values ('bkowalska'), ('both')))":           {"/ | 1", "/alpha | 3", "/bravo | 1"},
				"login_name <> 'bkowalska' and username <> 'amadmin' and identity_type = 'user'": {"/ | 2", "/alpha | 2", "/bravo | 2"},
				"login_name = '" + likeUUID + "'":                                                {"/ | 1"},
				"username = '" + likeUUID + "'":                                                  {"/ | 1"},
				"login_name = 'bkowalska' and login_name = 'BKOWALSKA'":                          {"/ | 1", "/alpha | 2"},
				"login_name = 'nobody'":                                                          nil,
			} {
				m.expect(t, "select realm, count(*) from am_session where "+condition+" group by 1 order by 1", want...)
			}
			m.expect(t, "select n.column1, s.realm, count(*) from (values ('bkowalska'), ('both'), ('anna')) n join am_session s on s.login_name = n.column1 group by 1, 2 order by 1, 2",
				"anna | /alpha | 1", "bkowalska | / | 1", "bkowalska | /alpha | 2", "both | /alpha | 1", "both | /bravo | 1")
			m.expect(t, "select distinct u.realm, u.login_name from am_user u join am_session s on s.realm = u.realm and s.username = u.username where u.login_name = 'bkowalska' order by 1",
				"/ | bkowalska", "/alpha | Bkowalska")
			m.expect(t, "select distinct a.realm from am_session a join am_session b on a.login_name = b.login_name and a.realm = b.realm where a.login_name = 'bkowalska' order by 1",
				"/", "/alpha")
			for _, sql := range []string{"select realm from am_session where login_name = 'bkowalska' limit 3", "select realm from am_session where login_name in ('nobody', 'bkowalska') limit 3"} {
				if got := m.rows(t, sql); len(got) != 3 {
					t.Errorf("%s: %q", sql, got)
				}
			}
			if n := len(m.notices); n > 0 {
				t.Errorf("notices %q", m.notices)
			}
			// the name in sessions does not depend on how sessions are found
			m.expect(t, "select distinct realm, login_name from am_session where login_name = 'BKowalska' and username not like '%-%'", "/ | BKowalska")
		})
	}
}

// The name of sessions in one realm may be a login name in another. A token store does not look up a name that has
// sessions in some realm.
func TestALoginNameForAUsernameIsNoticedInTheRealmWhereItIsOne(t *testing.T) {
	const others = "('a'), ('b'), ('c'), ('d'), ('e'), ('f'), ('g'), ('h'), ('i')"
	for profile, c := range mixtures {
		m := newMixture(t, c.profile, c.configure)
		for name, sessions := range map[string]string{"bkowalska": "1", "anna": "0"} {
			for _, sql := range []string{
				"select count(*) from am_session where username = '" + name + "'",
				"select count(*) from (values ('" + name + "'), " + others + ") n join am_session s on s.username = n.column1",
				"select count(*) from (values " + others + ", ('" + name + "')) n join am_session s on s.username = n.column1",
			} {
				m.notices = nil
				m.expect(t, sql, sessions)
				noticed := len(m.notices) == 1 && strings.HasPrefix(m.notices[0], `realm /alpha: "`+name+`" is a login name, but sessions have the user name `)
				if want := c.configure == nil || sessions == "0"; noticed != want || !want && len(m.notices) > 0 {
					t.Errorf("%s: %s: notices %q", profile, sql, m.notices)
				}
			}
		}
	}
}

// Several users may have one login name, even in one realm.
func TestALoginNameOfTwoUsersIsNoticed(t *testing.T) {
	for name, c := range mixtures {
		m := newMixture(t, c.profile, c.configure)
		must(t, m.sim.RenameUser("/alpha", "both", "ANNA"))
		m.expect(t, "select login_name, count(*) from am_session where realm = '/alpha' and login_name = 'anna' group by 1", "anna | 2")
		if len(m.notices) != 1 || !strings.HasPrefix(m.notices[0], `realm /alpha: "anna" is the login name of 2 users: their sessions have the user names `) {
			t.Errorf("%s: notices %q", name, m.notices)
		}
	}
}

// An account that may list sessions, but not users, learns that its answer would not be complete.
func TestALoginNameThatTheAccountMayNotLookUpIsAnError(t *testing.T) {
	for name, c := range mixtures {
		m := newMixture(t, c.profile, c.configure)
		must(t, m.sim.SetFaults("403:path=users", "403:path=managed"))
		for sql, fails := range map[string]string{
			"select count(*) from am_session where login_name = 'anna'":                      `: cannot find out whose login name "anna" is: `,
			"select count(*) from am_session where realm = '/' and login_name = 'bkowalska'": `realm /: cannot find out whose login name "bkowalska" is: `,
		} {
			answer, err := m.db.Query(t.Context(), sql)
			for err == nil && answer.Next() {
			}
			if err == nil {
				err = answer.Err()
			}
			if err == nil || !strings.Contains(err.Error(), fails) {
				t.Errorf("%s: %s: %v, want %s", name, sql, err, fails)
			}
		}
		m.notices = nil
		m.expect(t, "select count(*) from am_session where lower(login_name) in ('bkowalska', 'anna')", "1")
		if n := strings.Count(strings.Join(m.notices, "\n"), ": login names are missing: "); n != 3 {
			t.Errorf("%s: notices %q", name, m.notices)
		}
	}
}

// IDM looks up many users with one request.
func TestEveryLoginNameOfManyUsersIsFound(t *testing.T) {
	sim, url := server(t, simulator.Options{Profile: "aic", Users: 260, Sessions: 600, ListCap: 1000})
	id, key := sim.ServiceAccount()
	jwk := string(key)
	h := newEngineHost(t, connection.Config{BaseURL: &url, ServiceAccountID: &id, ServiceAccountJWK: &jwk})
	want := values(t, h.db, "select count(distinct username || realm) from am_session where realm <> '/'")
	sim.ResetRequests()
	got := values(t, h.db, "select count(distinct login_name || realm) from am_session where realm <> '/' and login_name not like '%-%'")
	if fmt.Sprint(got) != fmt.Sprint(want) || len(want) != 1 {
		t.Errorf("%v users have login names, want %v", got, want)
	}
	together := 0
	for _, r := range sim.Requests() {
		if strings.Contains(r.Path, "/managed/") {
			together++
		}
	}
	if together < 4 || together > 20 {
		t.Errorf("%d requests about identities, want at most 20", together)
	}
}

// Where sessions are ended, a login name is an error, unless the name has sessions itself, in whatever realm.
func TestALoginNameIsAnErrorWhereSessionsAreEnded(t *testing.T) {
	const others = "('a'), ('b'), ('c'), ('d'), ('e'), ('f'), ('g'), ('h'), ('i')"
	for profile, c := range mixtures {
		m := newMixture(t, c.profile, c.configure)
		m.db.Changing()
		for condition, fails := range map[string]bool{
			"username = 'anna'":                 true,
			"username in ('bkowalska', 'anna')": true,
			"username in (select column1 from (values " + others + ", ('anna')))":      true,
			"username in (select column1 from (values " + others + ", ('bkowalska')))": false,
			"username = 'bkowalska'":                                                    false,
			"username = 'bkowalska' and realm = '/'":                                    false,
			"username = 'bert' and realm = '/alpha'":                                    false,
			"username = 'bkowalska' and realm = '/alpha'":                               true,
			"login_name = 'anna'":                                                       false,
			"username in (select username from am_user where login_name = 'bkowalska')": false,
		} {
			rows, err := m.db.Query(t.Context(), "select username from am_session where "+condition)
			must(t, err)
			for rows.Next() {
				continue
			}
			var mistaken *inventory.LoginNameError
			if err := rows.Err(); errors.As(err, &mistaken) != fails || err != nil && mistaken == nil {
				t.Errorf("%s: %s: error %v, want one: %t", profile, condition, err, fails)
			}
			must(t, rows.Close())
		}
	}
}
