package am_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// few and many are numbers of names for which users are looked up by name, and for which realms are listed.
const few, many = 3, 30

// A statement has the same rows for a user, and the same notices, regardless of how many other names it has.
func TestTheNumberOfNamesDoesNotChangeAnAnswer(t *testing.T) {
	misconfigured := func(c *connection.Config) { c.UserListCap = new(1000) }
	for name, c := range map[string]struct {
		options   simulator.Options
		configure func(*connection.Config)
		refuses   string // a path that the account may not request
	}{
		"an ordinary server":                {options: simulator.Options{}},
		"PingAM":                            {options: simulator.Options{Profile: "pingam-8.1"}},
		"lists that AM truncates":           {options: simulator.Options{ListCap: 40}},
		"agents":                            {options: simulator.Options{Deployments: []string{"agents"}}},
		"sessions without an end":           {options: simulator.Options{Deployments: []string{"endless"}}},
		"identities that no list shows":     {options: simulator.Options{UserCap: 100}, configure: misconfigured},
		"the same in PingAM":                {options: simulator.Options{UserCap: 100, Profile: "pingam-8.1"}, configure: misconfigured},
		"no right to list realms":           {refuses: "/global-config/realms"},
		"no right to list identities":       {refuses: "/users"},
		"no right to list agents, nor caps": {options: simulator.Options{Deployments: []string{"agents"}}, refuses: "/realm-config/agents"},
	} {
		t.Run(name, func(t *testing.T) {
			options := c.options
			options.Realms, options.Users, options.Sessions, options.ListCap = 2, 200, 60, cmp.Or(options.ListCap, 1000)
			sim, _ := server(t, options)
			var names []string
			for i := range many {
				names = append(names, fmt.Sprint("late", i))
			}
			logIn(t, sim, "/alpha", names...)
			names = append(names, "webagent1")
			last := names[len(names)-few:] // when they are looked up, realms have been listed
			barred := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.refuses != "" && strings.HasSuffix(r.URL.Path, c.refuses) {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(http.StatusForbidden)
					_, _ = w.Write([]byte(`{"code":403,"reason":"Forbidden","message":"The user has insufficient privileges"}`))
					return
				}
				sim.ServeHTTP(w, r)
			}))
			t.Cleanup(barred.Close)
			config := asAdministrator(t, sim, barred.URL+sim.ContextPath())
			if c.configure != nil {
				c.configure(&config)
			}
			for range 6 { // some of them are endless
				logIn(t, sim, "/alpha", last...)
			}
			const between = "'), ('"
			for _, table := range []string{"am_session", "am_user"} {
				for form, separator := range map[string]string{
					`select username, * from %[2]s where username in ('%[1]s')`:                                                                                   "', '",
					`with asked (name) as (values ('%s')) select username, t.* from asked join %s t on t.username = name`:                                         between,
					`with asked (name) as (values ('%s')) select username, t.* from asked join %s t on t.username = name and t.realm = '/alpha'`:                  between,
					`with asked (name) as (values ('%s')) select username, t.* from asked join %s t on t.username = name and t.realm in ('/', '/alpha', '/none')`: between,
				} {
					sql := func(of []string) string { return fmt.Sprintf(form, strings.Join(of, separator), table) }
					want, wantNotices := ask(t, config, sql(last))
					got, notices := ask(t, config, sql(names))
					got = slices.DeleteFunc(got, func(row string) bool {
						return strings.HasPrefix(row, "[") && !slices.ContainsFunc(last, func(name string) bool { return strings.HasPrefix(row, "["+name+" ") })
					})
					if !slices.Equal(got, want) || !slices.Equal(notices, wantNotices) {
						t.Errorf("%s\nwith %d names has %d rows, with %d names %d:\n%s\nThe notices are %q, not %q", fmt.Sprintf(form, "…", table), len(names), len(got), few, len(want), cmp.Or(difference(got, want), "equal"), notices, wantNotices)
					}
				}
			}
		})
	}
}

// Names that a list of identities lacks are looked up, because AM may find them. If AM finds none of a thousand, the
// others are not, with a notice.
func TestNamesThatNoListShowsAreLookedUpWithinReason(t *testing.T) {
	strict := "strict"
	for name, c := range map[string]struct {
		profile         string
		policy          *string
		listed, unknown int
		unlisted        bool // an identity among the unknown names that AM finds but does not list
		rows, lookups   int
		notice          bool
	}{
		"names that the list has":        {profile: "openam", listed: 90, rows: 90, lookups: 7},
		"names that nobody has":          {profile: "openam", listed: 90, unknown: 1000, rows: 90, lookups: 7 + 1000},
		"more names that nobody has":     {profile: "openam", listed: 90, unknown: 1200, rows: 90, lookups: 7 + 1000, notice: true},
		"the same in PingAM":             {profile: "pingam-8.1", listed: 90, unknown: 1200, rows: 90, lookups: 7 + 1000, notice: true},
		"the same, and all are wanted":   {profile: "openam", policy: &strict, listed: 90, unknown: 1200, rows: 90, lookups: 7 + 1200},
		"an identity that is not listed": {profile: "openam", listed: 90, unknown: 1200, unlisted: true, rows: 91, lookups: 7 + 1201},
		"identities in IDM":              {profile: "aic", unknown: 1200, lookups: 7},
	} {
		sim, address := server(t, simulator.Options{Profile: c.profile, UserCap: 95})
		realm := "/alpha"
		if c.profile != "aic" {
			must(t, sim.AddRealm(realm))
		}
		var names []string
		for i := range 90 {
			must(t, sim.AddUser(realm, fmt.Sprint("user", i), "changeit"))
		}
		for i := range c.listed {
			names = append(names, fmt.Sprint("user", i))
		}
		for i := range c.unknown {
			names = append(names, fmt.Sprint("nobody", i))
		}
		for i := range 10 {
			must(t, sim.AddUser(realm, fmt.Sprint("more", i), "changeit"))
		}
		if c.unlisted {
			names = slices.Insert(names, 100, "more9")
		}
		var config connection.Config
		if c.profile != "aic" {
			config = asAdministrator(t, sim, address)
		} else {
			id, key := sim.ServiceAccount()
			jwk := string(key)
			config = connection.Config{BaseURL: &address, ServiceAccountID: &id, ServiceAccountJWK: &jwk}
		}
		config.UserListCap, config.OnTruncation = new(1000), c.policy
		sim.ResetRequests()
		rows, notices := ask(t, config, fmt.Sprintf(`with asked (name) as (values ('%s')) select username from asked join am_user on username = name and realm = '/alpha'`, strings.Join(names, "'), ('")))
		lookups := requestKinds(sim)
		probes := 3 // when the client learns how users are listed
		if got := lookups["users by name"] + lookups["alpha_user by name"]; len(rows) != c.rows || got < c.lookups || got > c.lookups+probes {
			t.Errorf("%s: %d rows, %d lookups, not %d, %d; all requests: %v", name, len(rows), got, c.rows, c.lookups, lookups)
		}
		if all := strings.Join(notices, "\n"); (all != "") != c.notice || c.notice && !strings.Contains(all, "realm /alpha: the list of identities lacks more than 1,000 of the user names") {
			t.Errorf("%s: the notices are %q", name, notices)
		}
	}
}

// counted is the number in a notice about the rows of one lookup. asked is what differs between errors about realms that
// are asked concurrently.
var (
	counted = regexp.MustCompile(`^\d+ sessions?`)
	asked   = regexp.MustCompile(`realm /\w*|http\S+`)
)

// ask returns the rows of a statement, or its error, and its different notices, all sorted.
func ask(t *testing.T, config connection.Config, sql string) (rows, notices []string) {
	t.Helper()
	c, err := connection.Open("am", config, connection.Host{Notify: func(notice string) { notices = append(notices, counted.ReplaceAllString(notice, "some sessions")) }})
	must(t, err)
	db, err := engine.Open(t.Context())
	must(t, err)
	must(t, db.Attach("am", am.Tables(c)...))
	found, err := db.Query(t.Context(), sql)
	if err == nil {
		for found.Next() {
			rows = append(rows, fmt.Sprint(found.Values()))
		}
		if err = found.Err(); err == nil {
			err = found.Close()
		}
	}
	if err != nil {
		rows = []string{asked.ReplaceAllString(err.Error(), "…")}
	}
	must(t, db.Close())
	must(t, c.Close(t.Context()))
	slices.Sort(rows)
	slices.Sort(notices)
	return rows, slices.Compact(notices)
}

// AM treats İ and i as two letters, and so do joins.
func TestRealmsThatDifferInALetterAreNotMixedUp(t *testing.T) {
	sim, address := server(t, simulator.Options{Profile: "pingam-8.1"})
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprint("user", i))
	}
	for realm, users := range map[string][]string{"/i": names, "/İ": names[10:]} {
		must(t, sim.AddRealm(realm))
		for _, name := range users {
			must(t, sim.AddUser(realm, name, "changeit"))
		}
	}
	config := asAdministrator(t, sim, address)
	for sql, want := range map[string]string{
		`with asked (path) as (values ('/i'), ('/İ'), ('/I')) select a.path, r.id from asked a join am_realm r on r.path = a.path`:                                                       "[[/I L2k] [/i L2k] [/İ L8Sw]]",
		`with asked (name) as (values ('` + strings.Join(names, "'), ('") + `')) select realm, count(*) from asked join am_user on username = name group by 1`:                           "[[/i 20] [/İ 10]]",
		`with asked (name) as (values ('` + strings.Join(names, "'), ('") + `')) select realm, count(*) from asked join am_user on username = name and realm in ('/İ', '/I') group by 1`: "[[/I 20] [/İ 10]]",
	} {
		if got, _ := ask(t, config, sql); fmt.Sprint(got) != want {
			t.Errorf("%s\ngives %v\nnot   %s", sql, got, want)
		}
	}
}
