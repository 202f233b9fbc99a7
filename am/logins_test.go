package am_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// In Advanced Identity Cloud, sessions have UUIDs, and people have names. The rows are the same whether a condition is
// pushed down or not.
func TestSessionsAreFoundByLoginName(t *testing.T) {
	for _, profile := range productProfiles {
		t.Run(profile, func(t *testing.T) {
			p := newProduct(t, profile) // has anna and bert in /alpha
			for _, realm := range []string{"/alpha", "/bravo"} {
				if err := p.sim.AddUser(realm, "both", "changeit"); profile != "openam" || realm == "/alpha" { // in OpenAM, the realms have one identity store
					must(t, err)
				}
				logIn(t, p.sim, realm, "both")
			}
			_, err := p.sim.LoginAgent("/alpha", "WebAgent")
			must(t, err)
			must(t, p.sim.AddUser("/alpha", "leaver", "changeit"))
			logIn(t, p.sim, "/alpha", "Anna", "Anna", "bert", "leaver")
			must(t, p.sim.DeleteUser("/alpha", "leaver"))
			leaver, inCloud := "leaver 1", profile == "aic"
			if inCloud {
				leaver = "<nil> 2" // including the agent's: without an identity, the login name of a UUID is unknown
			}
			all := []string{"<nil> 1", "anna 2", "bert 1", "both 2", leaver}
			if inCloud {
				all = []string{leaver, "anna 2", "bert 1", "both 2"}
			}
			spell := func(want ...string) (spelled []string) {
				for _, w := range want {
					spelled = append(spelled, strings.ReplaceAll(w, " ", " | "))
				}
				return spelled
			}
			p.expect(t, "select lower(login_name), count(*) from am_session where realm <> '/' group by 1 order by 1", spell(all...)...)
			for condition, want := range map[string][]string{
				"login_name = 'Anna'":                       {"anna 2"},
				"login_name = 'anna' and realm = '/alpha'":  {"anna 2"},
				"lower(login_name) = 'anna'":                {"anna 2"},
				"login_name in ('anna', 'both', 'nobody')":  {"anna 2", "both 2"},
				"login_name = 'both' and realm = '/bravo'":  {"both 1"},
				"login_name = 'WebAgent'":                   {},
				"login_name = 'nobody'":                     {},
				"login_name = 'anna' and username = 'bert'": {},
			} {
				p.expect(t, "select lower(login_name), count(*) from am_session where "+condition+" group by 1 order by 1", spell(want...)...)
			}
			p.expect(t, "select lower(n.column1), count(s.session_handle) from (values ('anna'), ('both'), ('nobody')) n left join am_session s on s.login_name = n.column1 group by 1 order by 1",
				spell("anna 2", "both 2", "nobody 0")...)
			p.expect(t, "select count(*) from am_session s join am_user u on u.realm = s.realm and u.username = s.username where u.login_name = 'Anna' and s.login_name = 'Anna'", "2")
		})
	}
}

// LIMIT counts the rows that meet all conditions, but the host may check the one on login_name after amsql has applied
// LIMIT.
func TestALimitDoesNotCountSessionsOfOtherLoginNames(t *testing.T) {
	sim, url := server(t, simulator.Options{})
	logIn(t, sim, "/", "anna", "anna", "bert", "two  words")
	h := newEngineHost(t, asAdministrator(t, sim, url))
	for _, condition := range []string{
		"username in ('anna', 'bert') and login_name = 'bert'", "username in ('anna', 'bert') and login_name = 'anna'", "login_name = 'two  words'",
	} {
		if got := values(t, h.db, "select login_name from am_session where "+condition+" limit 1"); len(got) != 1 {
			t.Errorf("%s: %v", condition, got)
		}
	}
}

// In Advanced Identity Cloud, sessions do not have the names that people type. An empty answer would look as if nobody
// were logged in.
func TestALoginNameForAUsernameIsNoticed(t *testing.T) {
	for profile, want := range map[string]int{"aic": 1, "pingam-8.1": 0, "openam": 0} {
		p := newProduct(t, profile)
		logIn(t, p.sim, "/alpha", "bert")
		user, password := p.sim.Admin()
		config := connection.Config{BaseURL: &p.url, Username: &user, Password: &password}
		if id, key := p.sim.ServiceAccount(); id != "" {
			jwk := string(key)
			config = connection.Config{BaseURL: &p.url, ServiceAccountID: &id, ServiceAccountJWK: &jwk}
		}
		var notices []string
		c, err := connection.Open("am", config, connection.Host{Notify: func(notice string) { notices = append(notices, notice) }})
		must(t, err)
		db, err := engine.Open(t.Context())
		must(t, err)
		must(t, db.Attach("am", am.Tables(c)...))
		for _, sql := range []string{"select * from am_session where username = 'bert'", "select * from am_session where username = 'nobody'"} {
			values(t, db, sql)
		}
		if len(notices) != want || want > 0 && !strings.Contains(notices[0], `"bert" is a login name`) {
			t.Errorf("%s: notices %q, want %d", profile, notices, want)
		}
		notices = nil
		var many []string // more names than are looked up
		for i := range 60 {
			many = append(many, fmt.Sprintf("'x%02d'", i))
		}
		names := strings.Join(many, ", ")
		values(t, db, "select * from am_session where realm = '/alpha' and username in ("+names+") union all select * from am_session where realm = '/alpha' and username in ("+names+", 'x60')")
		values(t, db, "select n.column1 from (values ('bert'), ('x')) n join am_session s on s.username = n.column1 and s.realm = '/bravo'")
		if len(notices) != want || want > 0 && !strings.HasPrefix(notices[0], `realm /alpha has no sessions of 10 user names such as "x50": if users log in with them, use login_name`) {
			t.Errorf("%s: of many names: notices %q, want %d", profile, notices, want)
		}
		must(t, db.Close())
		must(t, c.Close(t.Context()))
	}
}

// Login names are only requested if a query reads them, and those of many users together.
func TestLoginNamesAreAskedForWhereTheyAreRead(t *testing.T) {
	sim, url := server(t, simulator.Options{Profile: "aic", Users: 10, Sessions: 15})
	id, key := sim.ServiceAccount()
	jwk := string(key)
	config := connection.Config{BaseURL: &url, ServiceAccountID: &id, ServiceAccountJWK: &jwk}
	for sql, most := range map[string]int{
		"select username, realm from am_session":                          0,
		"select count(login_name) from am_session":                        3 + 2,
		"select username from am_session where login_name = 'nobody'":     3 + 4,
		"select count(*) from am_session where login_name like '%jensen'": 3 + 2,
	} {
		h := newEngineHost(t, config)
		sim.ResetRequests()
		values(t, h.db, sql)
		managed := 0
		for _, r := range sim.Requests() {
			if strings.Contains(r.Path, "/managed/") {
				managed++
			}
		}
		if managed > most {
			t.Errorf("%s: %d requests about identities, want %d at most", sql, managed, most)
		}
	}
}

// AM answers that a handle is not valid, although its session is alive.
func TestAHandleForATokenIsNoticed(t *testing.T) {
	p := newProduct(t, "openam")
	handle := p.sim.Sessions()[0].Handle
	user, password := p.sim.Admin()
	var notices []string
	c, err := connection.Open("am", connection.Config{BaseURL: &p.url, Username: &user, Password: &password}, connection.Host{Notify: func(notice string) { notices = append(notices, notice) }})
	must(t, err)
	db, err := engine.Open(t.Context())
	must(t, err)
	must(t, db.Attach("am", am.Tables(c)...))
	for sql, want := range map[string]int{
		"select valid from am_session_info where token_id in ('" + handle + "', 'garbage')": 1,
		"select name from am_session_property where token_id = '" + handle + "'":            1,
		"select valid from am_session_info where token_id = 'garbage'":                      0,
	} {
		notices = nil
		values(t, db, sql)
		if len(notices) != want || want > 0 && !strings.HasPrefix(notices[0], "a value of token_id is a session handle") {
			t.Errorf("%s: notices %q, want %d", sql, notices, want)
		}
	}
	must(t, db.Close())
	must(t, c.Close(t.Context()))
}
