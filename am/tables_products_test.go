package am_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// product is a simulated product with a realm that has session property lists, and an engine with its tables.
type product struct {
	engineHost
	sim *simulator.Server
	url string
}

func newProduct(t *testing.T, profile string) product {
	t.Helper()
	sim, url := server(t, simulator.Options{Profile: profile, Realms: 2})
	for _, name := range []string{"Anna", "bert"} {
		must(t, sim.AddUser("/alpha", name, "changeit"))
	}
	config := asAdministrator(t, sim, url)
	whitelist := map[string]any{"sessionPropertyWhitelist": []string{"AMCtxId", "place"}}
	if profile != "openam" {
		whitelist["whitelistedQueryProperties"] = []string{"AMCtxId"}
	}
	send(t, sim, url+"/json/realms/root/realms/alpha/realm-config/services/amSessionPropertyWhitelist?_action=create", *config.SSOToken, whitelist)
	if id, key := sim.ServiceAccount(); id != "" {
		jwk := string(key)
		config = connection.Config{BaseURL: &url, ServiceAccountID: &id, ServiceAccountJWK: &jwk}
	}
	return product{newEngineHost(t, config), sim, url}
}

// send posts JSON with a session's token.
func send(t *testing.T, sim *simulator.Server, url, token string, body any) {
	t.Helper()
	payload, err := json.Marshal(body)
	must(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(payload))
	must(t, err)
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept-API-Version": "resource=1.0", sim.CookieName(): token} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", url, response.Status)
	}
}

// rows returns the rows of a statement, with their cells as text.
func (p product) rows(t *testing.T, statement string) (rows []string) {
	t.Helper()
	answer, err := p.db.Query(t.Context(), statement)
	must(t, err)
	for answer.Next() {
		var cells []string
		for _, cell := range answer.Values() {
			if text, ok := cell.(json.RawMessage); ok {
				cell = compact(text)
			}
			cells = append(cells, fmt.Sprint(cell))
		}
		rows = append(rows, strings.Join(cells, " | "))
	}
	must(t, answer.Err())
	must(t, answer.Close())
	return rows
}

func (p product) expect(t *testing.T, statement string, want ...string) {
	t.Helper()
	if got := p.rows(t, statement); !slices.Equal(got, want) {
		t.Errorf("%s\ngives %q\nwant  %q", statement, got, want)
	}
}

var productProfiles = []string{"openam", "am-5.5", "am-7", "pingam-8.1", "aic"}

// The realm returns all properties that columns need; the list of its sub-realm does not affect it.
func TestSessionsSaySinceWhenAndFromWhereWhereTheRealmReturnsIt(t *testing.T) {
	const columns = "creation_time, auth_level, auth_type, service, client_ip, tracking_id, session_type"
	for _, profile := range productProfiles {
		t.Run(profile, func(t *testing.T) {
			sim, url := server(t, simulator.Options{Profile: profile, Realms: 2, Users: 20, Sessions: 40})
			config := asAdministrator(t, sim, url)
			send(t, sim, url+"/json/realms/root/realms/alpha/realm-config/services/amSessionPropertyWhitelist?_action=create", *config.SSOToken,
				map[string]any{"sessionPropertyWhitelist": []string{}, "whitelistedQueryProperties": rest.SignInProperties})
			if id, key := sim.ServiceAccount(); id != "" {
				jwk := string(key)
				config = connection.Config{BaseURL: &url, ServiceAccountID: &id, ServiceAccountJWK: &jwk}
			}
			p := product{newEngineHost(t, config), sim, url}
			const unknown = "<nil> | <nil> | <nil> | <nil> | <nil> | <nil> | <nil>"
			p.expect(t, "select distinct "+columns+" from am_session where realm = '/bravo'", unknown)
			if profile == "openam" {
				p.expect(t, "select distinct "+columns+" from am_session where realm = '/alpha'", unknown)
				return
			}
			want := map[string]string{}
			for _, s := range sim.Sessions() {
				if s.Realm == "/alpha" {
					want[s.Handle] = fmt.Sprintf("%s | %d | %s | %s | %s | %s | <nil>",
						s.Created.Truncate(time.Second), s.AuthLevel, cmp.Or(s.AuthType, "<nil>"), s.Service, s.Host, s.ContextID)
				}
			}
			got := map[string]string{}
			for _, row := range p.rows(t, "select session_handle, "+columns+" from am_session where realm = '/alpha'") {
				handle, rest, _ := strings.Cut(row, " | ")
				got[handle] = rest
			}
			if d := diff.Diff(want, got); d != "" || len(want) == 0 {
				t.Errorf("%d sessions: %s", len(want), d)
			}
			p.expect(t, "select count(*) from am_session where realm = '/alpha' and (creation_time > latest_access_time or tracking_id <> properties ->> 'AMCtxId')", "0")
		})
	}
}

// documented returns the example with that heading, with one text replaced by another.
func documented(t *testing.T, heading, before, after string) string {
	t.Helper()
	all := examples(t)
	i := slices.IndexFunc(all, func(e example) bool { return strings.HasSuffix(e.name, ": "+heading) })
	if i < 0 {
		t.Fatalf("no page has an example %q", heading)
	}
	return strings.TrimSuffix(strings.TrimSpace(strings.ReplaceAll(all[i].sqlite, before, after)), ";")
}

func TestTablesOfTokensSpeakToEveryProduct(t *testing.T) {
	for _, profile := range productProfiles {
		t.Run(profile, func(t *testing.T) {
			p := newProduct(t, profile)
			session, err := p.sim.Login("/alpha", "Anna")
			must(t, err)
			at := "token_id in ('" + session.Token + "', 'garbage')"
			p.expect(t, "select valid, username, realm, universal_id from am_session_info where "+at+" order by valid",
				"false | <nil> | <nil> | <nil>", "true | "+session.Username+" | /alpha | "+session.UniversalID)

			names := p.rows(t, "select name || '=' || ifnull(value, 'unset') from am_session_property where "+at+" order by name")
			if len(names) != 2 || !strings.HasPrefix(names[0], "AMCtxId=") || names[1] != "place=unset" {
				t.Errorf("the properties are %q", names)
			}
			context := strings.TrimPrefix(names[0], "AMCtxId=")
			uid, sent, listed := "<nil>", "<nil>", "<nil>"
			if profile != "openam" {
				sent = `{"AMCtxId":"` + context + `","place":""}`
				listed = `{"AMCtxId":"` + context + `"}`
			}
			if slices.Contains([]string{"am-7", "pingam-8.1", "aic"}, profile) {
				uid = context
			}
			p.expect(t, "select session_uid, properties from am_session_info where token_id = '"+session.Token+"'", uid+" | "+sent)
			p.expect(t, "select properties from am_session where realm = '/alpha' and session_handle = '"+session.Handle+"'", listed)
			if profile != "openam" {
				p.expect(t, "select properties ->> 'AMCtxId' from am_session where realm = '/alpha' and properties is not null", context)
			}

			var joined []string
			if uid != "<nil>" {
				joined = []string{session.Username + " | /alpha | " + session.Handle}
			}
			p.expect(t, documented(t, "Find the row of a token by its identifier", "AQIC5wM2LY4SfczEXAMPLEone", session.Token), joined...)

			own := "true | amadmin | /"
			if profile == "aic" {
				p.expect(t, "select valid, username, realm from am_session_info")
				p.expect(t, "select name from am_session_property")
				return
			}
			p.expect(t, "select valid, username, realm from am_session_info where token_id is null", own)
		})
	}
}

func TestOnlyTheColumnsThatNeedACallMakeIt(t *testing.T) {
	p := newProduct(t, "pingam-8.1")
	session, err := p.sim.Login("/alpha", "bert")
	must(t, err)
	count := func() map[string]int {
		actions := map[string]int{}
		for _, r := range p.sim.Requests() {
			parts := strings.Split(strings.TrimPrefix(r.Path, "/am/json/"), "/")
			actions[parts[len(parts)-1]+" "+r.Action]++
		}
		return actions
	}
	p.rows(t, "select * from am_server") // asks for what is only requested once
	for _, c := range []struct{ sql, makes, makesNot string }{
		{"select valid, username from am_session_info where token_id = '" + session.Token + "'", "sessions getSessionInfo", "sessions validate"},
		{"select session_uid from am_session_info where token_id = '" + session.Token + "'", "sessions validate", "sessions getSessionProperties"},
		{"select session_uid from am_session_info where token_id = 'garbage'", "sessions getSessionInfo", "sessions validate"},
		{"select version from am_server", "version read", "* read"},
		{"select cookie_name from am_server", "* read", "version read"},
		{"select max_idle_minutes from am_session_service where realm = '/alpha'", "session template", "realms query"},
		{"select quota_limit from am_session_service where realm = '/bravo'", "session template", "authentication read"},
		{"select client_side_sessions from am_session_service where realm = '/bravo'", "authentication read", "realms query"},
		{"select realm from am_session_service", "realms query", "authentication read"},
		{"select path from am_realm", "realms query", "users query"},
		{"select username from am_user where realm = '/alpha'", "users query", "realms query"},
	} {
		p.sim.ResetRequests()
		p.rows(t, c.sql)
		if made := count(); made[c.makes] == 0 || made[c.makesNot] > 0 {
			t.Errorf("%s makes the requests %v, want %q and not %q", c.sql, made, c.makes, c.makesNot)
		}
	}
	for _, r := range p.sim.Requests() {
		if strings.Contains(r.Query, "refresh=true") {
			t.Errorf("%s resets an idle time", r.Query)
		}
	}
}

func TestAJoinAsksAboutEachRealmAndUserOnce(t *testing.T) {
	sim, url := server(t, simulator.Options{Realms: 2})
	config := asAdministrator(t, sim, url)
	p := product{newEngineHost(t, config), sim, url}
	must(t, sim.AddUser("/alpha", "anna", "changeit"))
	for range 49 { // two sessions each: a list of 100 would be in doubt
		logIn(t, sim, "/alpha", "anna", "Bert")
	}
	p.rows(t, "select * from am_server") // asks for what is only requested once
	for statement, most := range map[string]int{
		"select count(*) from am_session s cross join am_session_service l on l.realm = s.realm where s.realm = '/alpha'":                                         3,
		"select count(u.username), max(u.status) from am_session s left join am_user u on u.realm = s.realm and u.username = s.username where s.realm = '/alpha'": 5,
	} {
		sim.ResetRequests()
		p.rows(t, statement)
		if made := len(sim.Requests()); made > most {
			t.Errorf("%s makes %d requests, want no more than %d", statement, made, most)
		}
	}
}

func TestASelectLeavesIdleTimesAsTheyAre(t *testing.T) {
	for _, profile := range []string{"openam", "am-5.5", "pingam-8.1"} {
		p := newProduct(t, profile)
		session, err := p.sim.Login("/alpha", "bert")
		must(t, err)
		p.rows(t, "select * from am_session_info where token_id = '"+session.Token+"'")
		p.rows(t, "select * from am_session_property where token_id = '"+session.Token+"'")
		for _, r := range p.sim.Requests() {
			if r.Action == "refresh" || r.Action == "getSessionInfoAndResetIdleTime" || r.Action == "validate" && (profile == "am-5.5" || !strings.Contains(r.Query, "refresh=false")) {
				t.Errorf("%s: %s %s", profile, r.Action, r.Query)
			}
		}
	}
}

func TestTablesOfRealmsSpeakToEveryProduct(t *testing.T) {
	calls := map[string]string{
		"openam": "OpenAM | 16.0.5 | 2.0 | read", "am-5.5": "ForgeRock Access Management | 5.5.1 | 3.0 | read",
		"am-7": "ForgeRock Access Management | 7.2.2 | 4.0 | read", "pingam-8.1": "PingAM | 8.1.0 | 4.0 | read",
		"aic": "ForgeRock Access Management | 7.6.0-SNAPSHOT | 4.0 | assumed",
	}
	for _, profile := range productProfiles {
		t.Run(profile, func(t *testing.T) {
			p := newProduct(t, profile)
			must(t, p.sim.DisableUser("/alpha", "bert"))
			must(t, p.sim.SetFaults("403:path=/bravo/realm-config/authentication"))
			anna, err := p.sim.Login("/alpha", "Anna")
			must(t, err)
			p.expect(t, "select product, version, sessions_api, list_cap_source from am_server", calls[profile])
			realms := []string{"/ | true", "/alpha | true", "/bravo | true"}
			services := []string{"/ | global | 30 | false", "/alpha | global | 30 | false", "/bravo | global | 30 | <nil>"}
			if profile == "aic" {
				realms, services = realms[1:], services[1:]
			}
			p.expect(t, "select path, active from am_realm order by path", realms...)
			p.expect(t, "select realm, source, max_idle_minutes, client_side_sessions from am_session_service order by realm", services...)
			p.expect(t, "select login_name, is_active from am_user where realm = '/alpha' and login_name in ('Anna', 'bert') order by 1", "Anna | true", "bert | false")
			p.expect(t, "select u.login_name, u.is_active from am_session s join am_user u on u.realm = s.realm and u.username = s.username where s.session_handle = '"+
				anna.Handle+"'", "Anna | true")
			p.expect(t, "select s.realm from am_user u join am_session s on s.realm = u.realm and s.username = u.username where u.login_name = 'Anna' and u.realm = '/alpha'", "/alpha")
		})
	}
}

func TestTablesFailLoudlyForWhoMayNotAsk(t *testing.T) {
	sim, url := server(t, simulator.Options{Realms: 2})
	session, err := sim.Login("/", "demo")
	must(t, err)
	other, err := sim.Login("/", "demo")
	must(t, err)
	admin, _ := sim.Admin()
	foreign, err := sim.Login("/", admin)
	must(t, err)
	p := product{newEngineHost(t, connection.Config{BaseURL: &url, SSOToken: &session.Token}), sim, url}
	for statement, want := range map[string]string{
		"select * from am_user":                                                      "am_user: realm /: ",
		"select * from am_user where username = 'demo'":                              "am_user: realm /: ",
		"select * from am_session_service":                                           "am_session_service: realm /: ",
		"select * from am_session_info where token_id = 'x'":                         "am_session_info: ",
		"select * from am_session_property where token_id = '" + foreign.Token + "'": "am_session_property: ",
	} {
		rows, err := p.db.Query(t.Context(), statement)
		must(t, err)
		for rows.Next() {
			t.Errorf("%s gives %v", statement, rows.Values())
		}
		if err := rows.Err(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "403 Forbidden") || strings.Contains(err.Error(), foreign.Token) {
			t.Errorf("%s fails with %v, want %q and a 403", statement, err, want)
		}
		_ = rows.Close()
	}
	// The account still gets what it may read.
	p.expect(t, "select path, active, aliases from am_realm", "/ | <nil> | <nil>")
	p.expect(t, "select product, version, list_cap, list_cap_source, sessions_api, cookie_name from am_server", "<nil> | <nil> | 120 | assumed | 2.0 | iPlanetDirectoryPro")
	p.expect(t, "select valid, username from am_session_info", "true | demo")
	p.expect(t, "select valid, username from am_session_info where token_id = '"+other.Token+"'", "true | demo")
}

func TestRealmsThatTheConnectionNamesAreShownWhereNoneAreListed(t *testing.T) {
	sim, url := server(t, simulator.Options{Realms: 2})
	session, err := sim.Login("/", "demo")
	must(t, err)
	var notices []string
	c, err := connection.Open("am", connection.Config{BaseURL: &url, SSOToken: &session.Token, Realms: []string{"/alpha", "/charlie/deep"}}, connection.Host{Notify: func(notice string) { notices = append(notices, notice) }})
	must(t, err)
	var paths []any
	for _, source := range am.Tables(c) {
		if source.Name() != "am_realm" {
			continue
		}
		for row, err := range source.Rows(t.Context(), table.Query{}) {
			must(t, err)
			paths = append(paths, source.Cell(row, 0), source.Cell(row, 2))
		}
	}
	if !slices.Equal(paths, []any{"/alpha", "/", "/charlie/deep", "/charlie"}) || len(notices) != 1 || !strings.Contains(notices[0], "may not list realms") {
		t.Errorf("the realms are %q, the notices %q", paths, notices)
	}
}
