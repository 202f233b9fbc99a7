package am_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// joins are statements that read a table in more than one place.
var joins = []string{
	`select count(*), max(b.latest_access_time) from am_session a join am_session b on a.session_handle = b.session_handle`,
	`select r.path, count(*) from am_session s join am_realm r on r.path = s.realm group by 1 order by 1`,
	`select l.realm, l.max_idle_minutes, count(*) from am_session s join am_session_service l on l.realm = s.realm group by 1, 2 order by 1`,
	`select u.status, count(*) from am_session s join am_user u on u.username = s.username and u.realm = s.realm group by 1 order by 1`,
	`select count(*) from am_session s left join am_user u on u.username = s.username and u.realm = s.realm where u.username is null`,
	`select sum(n) from (select (select count(*) from am_session b where b.username = a.username) as n from am_session a)`,
	`select count(*) from am_user u where not exists (select 1 from am_session s where s.username = u.username and s.realm = u.realm)`,
	`select count(*) from am_session s where not exists (select 1 from am_user u where u.username = s.username and u.realm = s.realm and u.is_active)`,
	`select count(*) from am_session where username in (select username from am_user where is_active)`,
	`select count(*) from am_session where username not in (select username from am_user where is_active)`,
	`select count(*) from am_session s where (select max_idle_minutes from am_session_service l where l.realm = s.realm) > 5`,
}

// For each table in a statement, each realm's list is requested once, and so is what completes a truncated list.
func TestJoinsAskOnceForTheSameRows(t *testing.T) {
	const realms, users = 5, 316 // including the root realm and OpenAM's own users
	for _, test := range []struct {
		options simulator.Options
		byName  int // requests that complete the sessions of one table
		users   int // lists of users that this needs
	}{
		{simulator.Options{Realms: realms - 1, Users: 311, Sessions: 500, ListCap: 1001}, 0, 0},
		{simulator.Options{Realms: realms - 1, Users: 311, Sessions: 500, ListCap: 1001, Profile: "pingam-8.1"}, 0, 0},
		{simulator.Options{Realms: realms - 1, Users: 311, Sessions: 1500}, users * realms, realms},
	} {
		sim, address := server(t, test.options)
		config := asAdministrator(t, sim, address)
		// Otherwise lists of that length are compared with those of their users, and the cap is read again after a while.
		config.ListCap = new(cmp.Or(test.options.ListCap, inventory.DefaultListCap))
		for _, sql := range joins {
			h := newEngineHost(t, config)
			sim.ResetRequests()
			got := values(t, h.db, sql)
			asked := requestKinds(sim)
			named := func(table string) int { return strings.Count(sql, table+" ") }
			const lookups = 7 * realms // before lists are read
			for kind, most := range map[string]int{
				"sessions":         realms * (named("am_session") + 1), // only the lists of their realms contain agents
				"sessions by name": test.byName*named("am_session") + lookups,
				"users":            3 * (realms*named("am_user") + test.users*named("am_session")), // the maximum to prove that a directory lists all users
				"users by name":    10 + 50,                                                        // the first lookups, when the client learns how users are listed, and those of names that are not users
				"realms":           2*(named("am_session")+named("am_user")+named("am_realm")+named("am_session_service")) + 7,
				"session read":     (realms + 1) * named("am_session_service"),
			} {
				if asked[kind] > most {
					t.Errorf("%s\nwith %+v\n%d requests for %s, not %d at most; all: %v", sql, test.options, asked[kind], kind, most, asked)
				}
			}
			for _, name := range []string{"am_session", "am_user", "am_realm", "am_session_service"} {
				if named(name) > 0 {
					values(t, h.db, fmt.Sprintf(`create temp table %[1]s as select * from "schema of %[1]s".%[1]s`, name))
				}
			}
			if want := values(t, h.db, sql); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s\nwith %+v\ngives %v\nnot   %v", sql, test.options, got, want)
			}
		}
	}
}

// Lookups by name also find sessions that a list does not contain: those beyond its cap, of users whom no directory has
// any longer.
func TestLookupsFindWhatListsDoNot(t *testing.T) {
	for _, options := range []simulator.Options{{ListCap: 1000}, {ListCap: 30}} {
		sim, address := server(t, options)
		must(t, sim.AddRealm("/alpha"))
		for i := range 29 {
			logIn(t, sim, "/alpha", fmt.Sprint("filler", i))
		}
		var leavers []string
		for i := range 20 {
			name := fmt.Sprint("leaver", i)
			logIn(t, sim, "/alpha", name)
			must(t, sim.DeleteUser("/alpha", name))
			leavers = append(leavers, "('"+strings.ToUpper(name)+"')")
		}
		db := newEngineHost(t, asAdministrator(t, sim, address)).db
		for _, realm := range []string{"", "and realm = '/ALPHA'"} {
			sql := `with leaver (name) as (values ` + strings.Join(leavers, ", ") + `, ('nobody'), ('o''brien'))
				select count(*), count(distinct username), min(username) from leaver join am_session on username = name ` + realm
			if got := fmt.Sprint(values(t, db, sql)); got != `[[20 20 LEAVER0]]` {
				t.Errorf("%s with %+v: %s", realm, options, got)
			}
		}
	}
}

// A list whose length is a usual limit is in doubt unless another list of the same lookups is longer, even if that one
// is not requested again.
func TestLookupsKnowTheListsThatAnswerForOtherRealms(t *testing.T) {
	for longer, doubted := range map[int]bool{101: false, 99: true} {
		sim, address := server(t, simulator.Options{ListCap: 500})
		for realm, sessions := range map[string]int{"/alpha": 100, "/bravo": longer} {
			must(t, sim.AddRealm(realm))
			for range sessions {
				logIn(t, sim, realm, "demo")
			}
		}
		config, limit := asAdministrator(t, sim, address), 500
		config.ListCap = &limit
		var notices []string
		c, err := connection.Open("am", config, connection.Host{Notify: func(notice string) { notices = append(notices, notice) }})
		must(t, err)
		db, err := engine.Open(t.Context())
		must(t, err)
		must(t, db.Attach("am", am.Tables(c)...))
		values(t, db, `with recursive n (i) as (select 1 union all select i + 1 from n where i < 20)
			select count(*) from n join am_session on username = 'nobody' || i`) // each name could be that of an agent, whose sessions only lists of realms contain
		if (len(notices) > 0) != doubted {
			t.Errorf("with a list of %d the notices are %q, want some: %t", longer, notices, doubted)
		}
		must(t, db.Close())
		must(t, c.Close(t.Context()))
	}
}

// A long list is not worth reading for a few lookups.
func TestFewLookupsDoNotListMany(t *testing.T) {
	for _, test := range []struct{ names, lists int }{{7, 0}, {8, 0}, {63, 0}, {64, 1}} {
		sim, address := server(t, simulator.Options{ListCap: 50_000})
		db := newEngineHost(t, asAdministrator(t, sim, address)).db
		for i := range test.names {
			must(t, sim.AddUser("/", fmt.Sprint("user", i+1), "changeit")) // a name that is not a user's could be an agent's
		}
		sim.ResetRequests()
		sql := `with recursive n (i) as (select 1 union all select i + 1 from n where i < %d)
			select count(*) from n join am_session on username = 'user' || i and realm = '/'`
		values(t, db, fmt.Sprintf(sql, test.names))
		asked := requestKinds(sim)
		if lookups := test.names - test.lists; asked["sessions"] != test.lists || asked["sessions by name"] != lookups {
			t.Errorf("%d names take %v, not %d lists and %d lookups", test.names, asked, test.lists, lookups)
		}
	}
}

func TestTheTablesOfSeveralConnectionsAreJoined(t *testing.T) {
	options := simulator.Options{Realms: 2, Users: 20, Sessions: 200, ListCap: 1000}
	tables, members := united(t, options, options)
	db, err := engine.Open(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	must(t, db.Attach("am", slices.Collect(maps.Values(tables))...))
	sql := `select count(*) from am_session a join am_session b on a.username = b.username and a.realm = b.realm and a.base_url = b.base_url`
	before := members[0].Requests()
	got := values(t, db, sql)
	if asked := members[0].Requests() - before; asked > 48 { // eight users of each list with 100 rows or more, and the agents of each realm
		t.Errorf("%d requests of one member", asked)
	}
	values(t, db, `create temp table am_session as select * from am.am_session`)
	if want := values(t, db, sql); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v rows, not %v", got, want)
	}
}

func values(t *testing.T, db *engine.DB, sql string) (all [][]any) {
	t.Helper()
	rows, err := db.Query(t.Context(), sql)
	must(t, err)
	for rows.Next() {
		all = append(all, slices.Clone(rows.Values()))
	}
	must(t, rows.Err())
	must(t, rows.Close())
	return all
}

// requestKinds counts the requests of each kind.
func requestKinds(sim *simulator.Server) map[string]int {
	kinds := map[string]int{}
	for _, r := range sim.Requests() {
		parameters, _ := url.ParseQuery(r.Query)
		filter := parameters.Get("_queryFilter")
		kind := r.Path[strings.LastIndexByte(r.Path, '/')+1:]
		switch {
		case r.Action == "query" && (strings.Contains(filter, "username eq") || strings.Contains(filter, "id eq")):
			kind += " by name"
		case r.Action != "query":
			kind += " " + r.Action
		}
		kinds[kind]++
	}
	return kinds
}
